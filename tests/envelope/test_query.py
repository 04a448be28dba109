from __future__ import annotations

from itertools import product

import pytest

from scanhook.envelope import QUERY_FIELDS_MAX, PushQuery
from scanhook.errors import NotAuthentic
from tests.envelope.peer import said

LEAST = b"timestamp=1447848568&nonce=415670741"


def _refused(query: bytes) -> str:
    with pytest.raises(NotAuthentic) as caught:
        PushQuery.from_query_string(query)
    assert caught.value.kind == "query"
    return said(caught)


def _outcome(query: bytes) -> object:
    try:
        return PushQuery.from_query_string(query)
    except NotAuthentic as error:
        return error.kind, str(error)


def test_the_query_of_a_push_in_safe_mode_is_read() -> None:
    query = PushQuery.from_query_string(
        b"signature=c48fd75d97fd67920fbda199ca5da2c8ad821e5f&timestamp=1447848568&nonce=415670741"
        b"&openid=otAzGjrJVN21mpDF4ZWQiYZwdK0Y&encrypt_type=aes&msg_signature=44e4a2e56f7f7dea74e1e7e8291fee70d36a7790"
    )
    assert query == PushQuery(
        signature="c48fd75d97fd67920fbda199ca5da2c8ad821e5f",
        msg_signature="44e4a2e56f7f7dea74e1e7e8291fee70d36a7790",
        timestamp="1447848568",
        nonce="415670741",
        echostr=None,
    )


def test_the_query_of_the_consoles_url_verification_is_read() -> None:
    query = PushQuery.from_query_string(
        b"signature=f464b24fc39322e44b38aa78f5edd27bd1441696&echostr=4375120948345356249&timestamp=1714036504&nonce=1514711492"
    )
    assert query == PushQuery(
        signature="f464b24fc39322e44b38aa78f5edd27bd1441696",
        timestamp="1714036504",
        nonce="1514711492",
        echostr=b"4375120948345356249",
    )


NAMES = (b"nonce", b"timestamp", b"signature", b"echostr", b"openid", b"%6eonce", b"", b"+", b"\xff")
VALUES = (b"", b"=", b"=1", b"==", b"=%31", b"=+", b"= ", b"=%", b"=\x7f", b"=\xff", b";", b"=1;x=2", b"%3D1")


@pytest.mark.parametrize("before", [LEAST + b"&", LEAST + b"&&", b"nonce=2&", b"", LEAST + b"&x=1" * 29 + b"&"])
def test_whatever_is_put_together_is_read_like_the_long_way(before: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = [before + name + value + behind for name, value, behind in product(NAMES, VALUES, (b"", b"&", b"&y=3"))]
    short = [_outcome(query) for query in queries]
    monkeypatch.setattr("scanhook.envelope.query._read_plain", lambda _: None)
    assert short == [_outcome(query) for query in queries]


def test_what_is_not_there_is_none() -> None:
    query = PushQuery.from_query_string(LEAST)
    assert (query.signature, query.msg_signature, query.echostr) == (None, None, None)


@pytest.mark.parametrize(
    ("written", "echostr"),
    [
        (b"4375120948345356249", b"4375120948345356249"),
        (b"", b""),
        (b"a%2Bb%2Fc%3D%3D", b"a+b/c=="),
        (b"a=b==", b"a=b=="),
        (b"a+b%20c", b"a b c"),
        (b"%E5%BE%AE%e4%bf%a1", b"\xe5\xbe\xae\xe4\xbf\xa1"),
        (b"\xe5\xbe\xae\xff\xfe", b"\xe5\xbe\xae\xff\xfe"),
        (b"%FF%00%C3%28%0d%0a", b"\xff\x00\xc3\x28\r\n"),
        (b"%3Cscript%3E%26%22", b'<script>&"'),
        (b"100%", b"100%"),
        (b"%zz", b"%zz"),
    ],
)
def test_echostr_is_kept_byte_for_byte(written: bytes, echostr: bytes) -> None:
    assert PushQuery.from_query_string(LEAST + b"&echostr=" + written).echostr == echostr


def test_every_byte_of_echostr_survives() -> None:
    every = bytes(range(256))
    percent_encoded = "".join(f"%{byte:02X}" for byte in every).encode()
    assert PushQuery.from_query_string(LEAST + b"&echostr=" + percent_encoded).echostr == every


@pytest.mark.parametrize("name", ["signature", "msg_signature", "timestamp", "nonce", "echostr"])
@pytest.mark.parametrize("second", ["1", ""])
def test_a_doubled_parameter_is_refused(name: str, second: str) -> None:
    query = LEAST + f"&signature=1&msg_signature=1&echostr=1&{name}={second}".encode()
    assert _refused(query) == f"`{name}` comes twice in the query"


def test_a_doubled_parameter_cannot_hide_behind_percent_signs() -> None:
    assert _refused(LEAST + b"&%6e%6F%6ece=415670741") == "`nonce` comes twice in the query"


def test_parameters_that_nobody_reads_may_come_twice_and_hold_anything() -> None:
    query = PushQuery.from_query_string(LEAST + b"&openid=1&openid=2&encrypt_type=raw&x=\xff&%ff=%00&&&=&y")
    assert query == PushQuery(timestamp="1447848568", nonce="415670741")


@pytest.mark.parametrize("name", ["signature", "msg_signature", "timestamp", "nonce"])
@pytest.mark.parametrize(
    "value",
    [b"\xc3\xa9", b"\xff", b"%C3%A9", b"%FF", b"%EF%BC%91", b"%00", b"1%0A", b"%7F", b"1%0d2", b"%C2%A0", b"1%09"],
)
def test_a_parameter_that_is_not_printable_ascii_is_refused(name: str, value: bytes) -> None:
    others = {"signature": b"1", "msg_signature": b"1", "timestamp": b"1447848568", "nonce": b"415670741"}
    query = b"&".join(key.encode() + b"=" + text for key, text in {**others, name: value}.items())
    assert _refused(query) == f"`{name}` in the query is not printable ASCII"


@pytest.mark.parametrize(
    ("query", "missing"),
    [
        (b"", "timestamp"),
        (b"nonce=415670741", "timestamp"),
        (b"timestamp=&nonce=415670741", "timestamp"),
        (b"timestamp&nonce=415670741", "timestamp"),
        (b"Timestamp=1447848568&nonce=415670741", "timestamp"),
        (b"timestamp=1447848568", "nonce"),
        (b"timestamp=1447848568&nonce=", "nonce"),
        (b"timestamp=1447848568;nonce=415670741", "nonce"),
    ],
)
def test_a_missing_timestamp_or_nonce_is_refused(query: bytes, missing: str) -> None:
    assert _refused(query) == f"`{missing}` is missing from the query"


def test_as_many_parameters_as_allowed_are_read_and_one_more_is_refused() -> None:
    assert QUERY_FIELDS_MAX == 32
    full = LEAST + b"&x=1" * 30
    assert PushQuery.from_query_string(full).nonce == "415670741"
    assert _refused(full + b"&x=1") == "the query has too many parameters"


def test_a_missing_parameter_is_not_the_same_as_an_empty_one() -> None:
    query = PushQuery.from_query_string(LEAST + b"&signature=&msg_signature=&echostr=")
    assert (query.signature, query.msg_signature, query.echostr) == ("", "", b"")


def test_echostr_does_not_show_when_a_query_is_printed() -> None:
    assert "secret" not in repr(PushQuery(timestamp="1", nonce="2", echostr=b"secret"))
