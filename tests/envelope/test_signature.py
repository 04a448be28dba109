from __future__ import annotations

import hmac
from typing import Any

import pytest

from scanhook.envelope import TIMESTAMP_WINDOW_S, sign, verify_fresh, verify_signature
from scanhook.errors import NotAuthentic
from tests.conftest import TOKEN, vectors_of
from tests.envelope.peer import NOW, OTHER_TOKEN, said

SIGNED = ("1714036504", "1514711492")
RIGHT = "f464b24fc39322e44b38aa78f5edd27bd1441696"


@pytest.mark.parametrize("vector", vectors_of("signature"))
def test_the_official_signatures_are_made(vector: dict[str, Any]) -> None:
    assert sign(vector["token"], vector["timestamp"], vector["nonce"]) == vector["signature"]


@pytest.mark.parametrize("vector", vectors_of("push") + vectors_of("reply"))
def test_the_official_message_signatures_are_made(vector: dict[str, Any]) -> None:
    parts = (vector["token"], vector["timestamp"], vector["nonce"], vector["encrypt"])
    assert sign(*parts) == vector["msg_signature"]
    assert sign(*reversed(parts)) == vector["msg_signature"]


@pytest.mark.parametrize(
    ("parts", "signature"),
    [
        (("b", "a", "C"), "9b42f791fe5e304a0533aaef2753b1e898d9ebb5"),
        (("ZZ", "ab", "AB"), "3bb315abbd3b6659a141478ebb0819c990e7c669"),
        (("é", "z", "2", "1"), "bcc8ae79ce1f818f50e8c5269774a3da347ec02f"),
    ],
)
def test_the_parts_are_sorted_by_their_bytes(parts: tuple[str, ...], signature: str) -> None:
    assert sign(*parts) == signature


def test_the_token_that_made_a_signature_is_returned() -> None:
    assert verify_signature(RIGHT, tokens=(TOKEN,), signed=SIGNED) == TOKEN
    assert verify_signature(RIGHT, tokens=(OTHER_TOKEN, "CCC", TOKEN), signed=SIGNED) == TOKEN


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param("f464b24fc39322e44b38aa78f5edd27bd1441697", id="another last digit"),
        pytest.param("F464B24FC39322E44B38AA78F5EDD27BD1441696", id="capitals"),
        pytest.param("f464b24fc39322e44b38aa78f5edd27bd144169", id="shorter"),
        pytest.param("f464b24fc39322e44b38aa78f5edd27bd14416960", id="longer"),
        pytest.param(" f464b24fc39322e44b38aa78f5edd27bd1441696", id="a blank before it"),
        pytest.param("", id="empty"),
        pytest.param("é" * 40, id="not ASCII"),
        pytest.param("\x00" * 40, id="zero bytes"),
    ],
)
def test_another_signature_is_refused(signature: str) -> None:
    with pytest.raises(NotAuthentic) as caught:
        verify_signature(signature, tokens=(TOKEN, OTHER_TOKEN), signed=SIGNED)
    assert caught.value.kind == "signature"
    assert "token" in said(caught)


@pytest.mark.parametrize(
    ("tokens", "signed"),
    [
        ((OTHER_TOKEN,), SIGNED),
        ((TOKEN,), ("1714036505", "1514711492")),
        ((TOKEN,), ("1714036504", "1514711493")),
        ((TOKEN,), (*SIGNED, "Encrypt")),
        ((), SIGNED),
    ],
)
def test_a_signature_of_something_else_is_refused(tokens: tuple[str, ...], signed: tuple[str, ...]) -> None:
    with pytest.raises(NotAuthentic):
        verify_signature(RIGHT, tokens=tokens, signed=signed)


def test_signatures_are_compared_as_bytes_and_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[object, object]] = []

    def spy(ours: bytes, given: bytes) -> bool:
        compared.append((ours, given))
        return ours == given

    monkeypatch.setattr(hmac, "compare_digest", spy)
    verify_signature(RIGHT, tokens=(TOKEN,), signed=SIGNED)
    assert compared == [(RIGHT.encode(), RIGHT.encode())]


def test_the_window_is_300_seconds_on_both_sides() -> None:
    assert TIMESTAMP_WINDOW_S == 300


@pytest.mark.parametrize("now", [NOW, NOW + 300, NOW - 300, NOW + 299.9, NOW - 299.9])
def test_a_push_from_within_the_window_is_fresh(now: float) -> None:
    verify_fresh(str(NOW), now=now)


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (NOW + 301, "`timestamp` is 301 s old, and 300 s are allowed"),
        (NOW - 301, "`timestamp` is 301 s in the future, and 300 s are allowed"),
        (0.0, "`timestamp` is 1447848568 s in the future, and 300 s are allowed"),
    ],
)
def test_a_push_from_outside_the_window_is_refused_with_the_remedy(now: float, why: str) -> None:
    with pytest.raises(NotAuthentic) as caught:
        verify_fresh(str(NOW), now=now)
    assert caught.value.kind == "timestamp"
    assert said(caught).startswith(why)
    assert "set this machine's clock (NTP)" in caught.value.why


@pytest.mark.parametrize("now", [NOW + 300.1, NOW - 300.1])
def test_a_fraction_of_a_second_outside_the_window_is_outside(now: float) -> None:
    with pytest.raises(NotAuthentic):
        verify_fresh(str(NOW), now=now)


def test_zeros_before_a_timestamp_count_as_digits() -> None:
    verify_fresh("001447848568", now=NOW)
    with pytest.raises(NotAuthentic, match="not a number of seconds"):
        verify_fresh("0001447848568", now=NOW)


def test_the_window_can_be_set() -> None:
    verify_fresh(str(NOW), now=NOW + 10, window_s=10)
    verify_fresh(str(NOW), now=NOW + 3600, window_s=3600)
    with pytest.raises(NotAuthentic, match=r"11 s old, and 10 s are allowed"):
        verify_fresh(str(NOW), now=NOW + 11, window_s=10)


@pytest.mark.parametrize(
    "timestamp",
    [
        *("", "now", "-1447848568", "+1447848568", "1447848568.0", "1447848568e0", "0x564c6bf8", "1_447_848_568"),
        *(" 1447848568", "1447848568 ", "1447848568\n", "１４４７８４８５６８", "١٤٤٧٨٤٨٥٦٨", "144784856²"),
        *("0001447848568", "9" * 5000),
    ],
)
def test_a_timestamp_that_is_not_plain_digits_is_refused(timestamp: str) -> None:
    with pytest.raises(NotAuthentic) as caught:
        verify_fresh(timestamp, now=NOW, window_s=1e18)
    assert caught.value.kind == "timestamp"
    assert said(caught) == "`timestamp` is not a number of seconds"
