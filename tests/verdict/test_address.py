from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from scanhook.errors import VerifierFailed
from scanhook.verdict.address import GuardedTransport, is_public
from tests.verdict.service import BrandService


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "223.5.5.5", "2606:4700:4700::1111", "2400:3200::1"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "::",
        "::1",
        "::1%lo",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12:3456::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "::10.0.0.1",
        "2002:7f00:1::",
        "2002:a00:1::",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
    ],
)
def test_no_other_address_is_public(address: str) -> None:
    assert not is_public(address)


Names = Callable[..., list[Any]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Give names to look up: each look-up takes the next list of addresses, and the last is kept."""
    known: dict[str, list[list[str]]] = {}
    real: Names = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        if host not in known:
            return real(host, port, *args, **kwargs)
        addresses = known[host].pop(0)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [entry for address in addresses for entry in real(address, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


def get(url: str, *, private: bool) -> httpx2.Response:
    with httpx2.Client(transport=GuardedTransport(private=private), timeout=5.0, trust_env=False) as client:
        return client.get(url, headers={"content-length": "0"})


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254", "0.0.0.0", "2130706433"],
)
def test_a_private_address_is_refused_before_anything_is_sent(service: BrandService, host: str) -> None:
    with pytest.raises(VerifierFailed, match=r"not on the public internet.*allow_private_addresses = true"):
        get(f"http://{host}:{service.port}/", private=False)

    assert service.asked == []


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["8.8.8.8", "::ffff:127.0.0.1"]])
def test_a_name_with_any_private_address_is_refused(
    service: BrandService, names: dict[str, list[list[str]]], addresses: list[str]
) -> None:
    names["brand.test"] = [addresses]

    with pytest.raises(VerifierFailed, match="not on the public internet"):
        get(f"http://brand.test:{service.port}/", private=False)

    assert service.asked == []


def test_a_name_cannot_change_its_mind_between_the_check_and_the_connection(
    service: BrandService, names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first look-up gives what the check takes for public; a second one would fail.
    monkeypatch.setattr("scanhook.verdict.address.is_public", lambda address: address == "127.0.0.1")
    names["brand.test"] = [["127.0.0.1"]]

    response = get(f"http://brand.test:{service.port}/path?q=1", private=False)

    assert response.status_code == 200
    assert names["brand.test"] == []
    assert [(asked.path, asked.headers["Host"]) for asked in service.asked] == [
        ("/path?q=1", f"brand.test:{service.port}")
    ]


def test_private_addresses_can_be_allowed(service: BrandService) -> None:
    assert get(service.url, private=True).json() == {"reason": "active"}
    assert get(f"http://localhost:{service.port}/", private=True).json() == {"reason": "active"}


def test_the_next_address_of_a_name_is_tried_when_one_is_dead(
    service: BrandService, names: dict[str, list[list[str]]]
) -> None:
    names["brand.test"] = [["::1", "::1", "127.0.0.1"]]

    assert get(f"http://brand.test:{service.port}/", private=True).status_code == 200
    assert len(service.asked) == 1


def test_a_name_whose_addresses_are_all_dead_gives_no_answer(
    service: BrandService, names: dict[str, list[list[str]]]
) -> None:
    names["brand.test"] = [["::1"]]

    with pytest.raises(httpx2.ConnectError):
        get(f"http://brand.test:{service.port}/", private=True)


@pytest.mark.parametrize("private", [False, True])
def test_a_name_that_is_not_found_is_told(names: dict[str, list[list[str]]], *, private: bool) -> None:
    names["brand.test"] = [[]]

    with pytest.raises(VerifierFailed, match="host name cannot be found"):
        get("https://brand.test/", private=private)


def test_a_name_that_cannot_be_one_is_told() -> None:
    with pytest.raises(VerifierFailed, match="host name cannot be found"):
        get(f"https://{'a' * 64}.test/", private=True)
