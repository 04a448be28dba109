from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest

from scanhook.cli.doctor_forward import look_at_forwards
from scanhook.clock import FixedClock
from scanhook.settings import House, load_settings
from tests.serving import free_port
from tests.wire.old_server import OldServer, old_server, say

NOW = 1714036504


@pytest.fixture
def old() -> Iterator[OldServer]:
    with old_server() as server:
        yield server


def _forwarding(house: House, url: str) -> House:
    text = house.path.read_text(encoding="utf-8")
    house.path.write_text(text.replace('mode = "safe"', f'mode = "safe"\nforward_url = "{url}"'), encoding="utf-8")
    return load_settings(house.path)


def _echo(handler: BaseHTTPRequestHandler) -> None:
    say(handler, parse_qs(urlsplit(handler.path).query)["echostr"][0].encode())


def test_a_server_that_knows_wechats_signature_is_well(house: House, old: OldServer) -> None:
    old.answer = _echo
    [check] = look_at_forwards(_forwarding(house, old.url), FixedClock(NOW))
    assert (check.name, check.fault) == ("forward_url of main", None)
    [(target, _, _)] = old.got
    assert parse_qs(urlsplit(target).query)["timestamp"] == [str(NOW)]


def test_one_that_does_not_is_not(house: House, old: OldServer) -> None:
    old.answer = lambda handler: say(handler, b"403", status=403)
    [check] = look_at_forwards(_forwarding(house, old.url), FixedClock(NOW))
    assert check.fault is not None
    assert check.fault.startswith("the server there does not pass WeChat's URL verification (status 403): is it the")


def test_where_nobody_listens_it_is_said(house: House) -> None:
    [check] = look_at_forwards(_forwarding(house, f"http://127.0.0.1:{free_port()}/wx"), FixedClock(NOW))
    assert check.fault == ("nobody answers there (ConnectError): WeChat is told `success` to what is not a scan")


def test_without_one_nothing_is_asked(house: House) -> None:
    assert list(look_at_forwards(house, FixedClock(NOW))) == []
