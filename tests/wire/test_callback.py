from __future__ import annotations

import base64
import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from urllib.parse import urlencode

import pytest
from Crypto.Cipher import AES

from scanhook.envelope import Format
from scanhook.errors import StorageError
from scanhook.journal.sqlite import SqliteJournal
from scanhook.receive import Receiver
from scanhook.sandbox import compose_echo
from scanhook.wire.app import create_door
from tests.conftest import APP_ID, OPENID, ORIGINAL_ID
from tests.serving import NONCE, compose, journal_size, scan_fields, scan_push, verdict_in
from tests.wire.asgi import PIECE_BYTES, client_of
from tests.wire.conftest import APP_SECRET, ENCODED_KEY, MONITOR_TOKEN, TOKEN, Wire

BOTH_DOORS = ("flask", "fast door")
"""The plain Flask application, and the ASGI application of ``scanhook serve``: what holds of one holds of the other."""


@pytest.fixture(scope="module", params=BOTH_DOORS)
def shared_wire(request: pytest.FixtureRequest, shared_wire: Wire) -> Wire:
    if request.param == "flask":
        return shared_wire
    return replace(shared_wire, client=client_of(create_door(shared_wire.house)))


@pytest.fixture(params=BOTH_DOORS)
def wire(request: pytest.FixtureRequest, wire: Wire) -> Wire:
    return wire if request.param == "flask" else replace(wire, client=client_of(create_door(wire.house)))


RAW_KEY = base64.b64decode(ENCODED_KEY + "=")


def sha1_of(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def message(**changed: str | None) -> bytes:
    """Write a good scan as XML; a field that is set to ``None`` is left out."""
    fields: dict[str, str | None] = {
        "ToUserName": ORIGINAL_ID,
        "FromUserName": OPENID,
        "CreateTime": "1447848568",
        "MsgType": "event",
        "Event": "scan_product_callback",
        "KeyStandard": "qrcode",
        "KeyStr": "moment-frame",
        "ExtInfo": "GENUINE0001",
        "NeedAntiFake": "true",
    }
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in (fields | changed).items() if value is not None)
    return f"<xml>{inside}</xml>".encode()


def sealed(
    inside: bytes | None = None, *, app_id: str = APP_ID, length: int | None = None, padding: bytes | None = None
) -> str:
    """Encrypt as WeChat does, or wrongly on purpose."""
    inside = message() if inside is None else inside
    plain = b"0123456789abcdef" + (len(inside) if length is None else length).to_bytes(4, "big") + inside
    plain += app_id.encode()
    count = 32 - len(plain) % 32
    plain += bytes([count]) * count if padding is None else padding.rjust(count, b"\x01")
    return base64.b64encode(AES.new(RAW_KEY, AES.MODE_CBC, RAW_KEY[:16]).encrypt(plain)).decode()


def outer(encrypted: str) -> bytes:
    return f"<xml><ToUserName>{ORIGINAL_ID}</ToUserName><Encrypt>{encrypted}</Encrypt></xml>".encode()


@dataclass(frozen=True, slots=True)
class Request:
    """A push, right in every part unless it is told otherwise."""

    query: str
    body: bytes


def request(
    encrypted: str | None = None, *, body: bytes | None = None, shift_s: int = 0, more: str = "", **changed: str | None
) -> Request:
    encrypted = sealed() if encrypted is None else encrypted
    stamp = str(int(time.time()) + shift_s)
    query: dict[str, str | None] = {
        "signature": sha1_of(TOKEN, stamp, NONCE),
        "timestamp": stamp,
        "nonce": NONCE,
        "openid": OPENID,
        "encrypt_type": "aes",
        "msg_signature": sha1_of(TOKEN, stamp, NONCE, encrypted),
    }
    query |= changed
    given = {name: value for name, value in query.items() if value is not None}
    return Request(urlencode(given) + more, outer(encrypted) if body is None else body)


def signature_instead() -> Request:
    stamp = str(int(time.time()))
    return request(msg_signature=sha1_of(TOKEN, stamp, NONCE), timestamp=stamp)


def with_timestamp(stamp: str) -> Request:
    return request(timestamp=stamp, msg_signature=sha1_of(TOKEN, stamp, NONCE, sealed()))


def nested(levels: int) -> bytes:
    return b"<xml>" + b"<a>" * levels + b"</a>" * levels + b"</xml>"


def inside(text: bytes) -> Request:
    return request(sealed(text))


def around(text: bytes) -> Request:
    return request(body=text)


FORBIDDEN, MALFORMED, LARGE = (403, "not authentic"), (400, "malformed"), (413, "too large")
Row = tuple[str, Callable[[], Request], tuple[int, str], str, str]
BAD: list[Row] = [
    ("wrong signature", lambda: request(msg_signature="0" * 40), FORBIDDEN, "signature", "not made with this"),
    ("another's token", lambda: request(msg_signature=sha1_of("Other1", NONCE)), FORBIDDEN, "signature", "not made"),
    ("empty signature", lambda: request(msg_signature=""), FORBIDDEN, "signature", "`signature` stands in its place"),
    ("no signature", lambda: request(msg_signature=None, signature=None), FORBIDDEN, "signature", "is missing"),
    ("plain signature only", lambda: request(msg_signature=None), FORBIDDEN, "signature", "does not cover the body"),
    ("plain signature's value", signature_instead, FORBIDDEN, "signature", "holds the value of `signature`"),
    ("signature twice", lambda: request(more="&msg_signature=" + "0" * 40), FORBIDDEN, "query", "comes twice"),
    ("signature not ASCII", lambda: request(msg_signature="é" * 40), FORBIDDEN, "query", "not printable ASCII"),
    ("signature not UTF-8", lambda: request(more="&signature=%ff"), FORBIDDEN, "query", "`signature` comes twice"),
    ("no timestamp", lambda: request(timestamp=None), FORBIDDEN, "query", "`timestamp` is missing"),
    ("timestamp twice", lambda: request(more="&timestamp=1"), FORBIDDEN, "query", "`timestamp` comes twice"),
    ("timestamp not ASCII", lambda: with_timestamp("１４"), FORBIDDEN, "query", "`timestamp` in the query is not"),
    ("timestamp no number", lambda: with_timestamp("now"), FORBIDDEN, "timestamp", "not a number of seconds"),
    ("timestamp endless", lambda: with_timestamp("1" * 13), FORBIDDEN, "timestamp", "not a number of seconds"),
    ("old", lambda: request(shift_s=-310), FORBIDDEN, "timestamp", "s old, and 300 s are allowed"),
    ("from the future", lambda: request(shift_s=310), FORBIDDEN, "timestamp", "s in the future, and 300 s are allowed"),
    ("no nonce", lambda: request(nonce=None), FORBIDDEN, "query", "`nonce` is missing"),
    ("nonce twice", lambda: request(more="&nonce=1"), FORBIDDEN, "query", "`nonce` comes twice"),
    ("nonce not ASCII", lambda: request(nonce="é"), FORBIDDEN, "query", "`nonce` in the query is not"),
    ("no query", lambda: Request("", outer(sealed())), FORBIDDEN, "query", "`timestamp` is missing"),
    ("endless query", lambda: request(more="&a=1" * 40), FORBIDDEN, "query", "too many parameters"),
    ("another app id", lambda: request(sealed(app_id="wx0000000000000000")), FORBIDDEN, "receive_id", "compare app_id"),
    ("no app id", lambda: request(sealed(app_id="")), FORBIDDEN, "receive_id", "compare app_id"),
    ("more behind the app id", lambda: request(sealed(app_id=APP_ID + "x")), FORBIDDEN, "receive_id", "compare app_id"),
    ("another receiver", lambda: inside(message(ToUserName="gh_other")), FORBIDDEN, "to_user_name", "another account"),
    ("truncated by a block", lambda: request(sealed()[:-64]), FORBIDDEN, "cipher", "`Encrypt`"),
    ("truncated by a byte", lambda: request(sealed()[:-4]), FORBIDDEN, "cipher", "not a whole number of AES blocks"),
    ("padded by a byte", lambda: request(sealed() + "AAAA"), FORBIDDEN, "cipher", "not"),
    ("padding of zeros", lambda: request(sealed(padding=b"\0")), FORBIDDEN, "cipher", "the padding inside"),
    ("padding too long", lambda: request(sealed(padding=b"\x21")), FORBIDDEN, "cipher", "the padding inside"),
    ("padding uneven", lambda: request(sealed(padding=b"\x05\x03")), FORBIDDEN, "cipher", "the padding inside"),
    ("length too large", lambda: request(sealed(length=10**6)), FORBIDDEN, "cipher", "the length inside"),
    ("length of all bits", lambda: request(sealed(length=2**32 - 1)), FORBIDDEN, "cipher", "the length inside"),
    ("length too small", lambda: request(sealed(length=4)), FORBIDDEN, "receive_id", "the id at the end"),
    ("not base64", lambda: request("*" * 64), FORBIDDEN, "cipher", "not base64"),
    ("base64 with breaks", lambda: request(sealed().replace("A", "A\n", 1)), FORBIDDEN, "cipher", "not base64"),
    ("ciphertext not ASCII", lambda: request("é" * 44), FORBIDDEN, "cipher", "not base64"),
    ("empty Encrypt", lambda: request(""), FORBIDDEN, "mode", "is not encrypted"),
    ("plain body", lambda: around(message()), FORBIDDEN, "mode", "this account's mode is safe"),
    ("plain body, plain query", lambda: Request(request(encrypt_type="raw").query, message()), FORBIDDEN, "mode", "is"),
    ("empty body", lambda: around(b""), MALFORMED, "syntax", "neither XML nor JSON"),
    ("neither XML nor JSON", lambda: around(b"Encrypt=1"), MALFORMED, "syntax", "neither XML nor JSON"),
    ("cut off", lambda: around(outer(sealed())[:-3]), MALFORMED, "syntax", "not well-formed"),
    ("DOCTYPE", lambda: around(b"<!DOCTYPE xml>" + outer(sealed())), MALFORMED, "syntax", "DOCTYPE"),
    (
        "entity",
        lambda: around(b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><Encrypt>&a;</Encrypt></xml>'),
        MALFORMED,
        "syntax",
        "DOCTYPE",
    ),
    ("unknown entity", lambda: around(b"<xml><Encrypt>&a;</Encrypt></xml>"), MALFORMED, "syntax", "not well-formed"),
    ("1000 levels", lambda: around(nested(1000)), MALFORMED, "syntax", "more than 16 levels"),
    ("1000 levels of JSON", lambda: around(b'{"a":' * 1000 + b"1" + b"}" * 1000), MALFORMED, "syntax", "levels"),
    ("1000 lists of JSON", lambda: around(b'{"a":' + b"[" * 10000), MALFORMED, "syntax", "levels"),
    (
        "Encrypt twice",
        lambda: around(outer(sealed()).replace(b"<Enc", b"<Encrypt>a</Encrypt><Enc", 1)),
        MALFORMED,
        "doubled",
        "<Encrypt> comes twice",
    ),
    ("attribute", lambda: around(b'<xml><Encrypt a="1">a</Encrypt></xml>'), MALFORMED, "syntax", "attributes"),
    ("attribute of the root", lambda: around(b'<xml a="1"><Encrypt>a</Encrypt></xml>'), MALFORMED, "syntax", "attr"),
    ("not UTF-8", lambda: around(b"<xml><Encrypt>\xff</Encrypt></xml>"), MALFORMED, "encoding", "not UTF-8"),
    ("UTF-16", lambda: around(outer(sealed()).decode().encode("utf-16")), MALFORMED, "encoding", "not UTF-8"),
    ("control character", lambda: around(b"<xml><Encrypt>\x01</Encrypt></xml>"), MALFORMED, "syntax", "not well"),
    ("inside: empty", lambda: inside(b""), MALFORMED, "syntax", "neither XML nor JSON"),
    ("inside: DOCTYPE", lambda: inside(b"<!DOCTYPE xml>" + message()), MALFORMED, "syntax", "DOCTYPE"),
    ("inside: 1000 levels", lambda: inside(nested(1000)), MALFORMED, "syntax", "more than 16 levels"),
    ("inside: attribute", lambda: inside(message().replace(b"<Ext", b"<a b='c'/><Ext")), MALFORMED, "syntax", "attr"),
    ("inside: not UTF-8", lambda: inside(message().replace(b"GENUINE", b"\xff")), MALFORMED, "encoding", "not UTF-8"),
    (
        "inside: ExtInfo twice",
        lambda: inside(message().replace(b"<ExtInfo>", b"<ExtInfo>a</ExtInfo><ExtInfo>")),
        MALFORMED,
        "doubled",
        "<ExtInfo> comes twice",
    ),
    ("inside: no ToUserName", lambda: inside(message(ToUserName=None)), MALFORMED, "field", "ToUserName is missing"),
    ("inside: no FromUserName", lambda: inside(message(FromUserName=None)), MALFORMED, "field", "FromUserName is"),
    ("inside: empty openid", lambda: inside(message(FromUserName="")), MALFORMED, "field", "FromUserName is empty"),
    ("inside: no CreateTime", lambda: inside(message(CreateTime=None)), MALFORMED, "field", "CreateTime is missing"),
    ("inside: CreateTime a word", lambda: inside(message(CreateTime="now")), MALFORMED, "field", "CreateTime is not"),
    ("inside: no MsgType", lambda: inside(message(MsgType=None)), MALFORMED, "field", "MsgType is missing"),
    ("inside: no Event", lambda: inside(message(Event=None)), MALFORMED, "field", "Event is missing"),
    ("inside: no KeyStandard", lambda: inside(message(KeyStandard=None)), MALFORMED, "field", "KeyStandard is missing"),
    ("inside: no KeyStr", lambda: inside(message(KeyStr=None)), MALFORMED, "field", "KeyStr is missing"),
    ("inside: empty KeyStr", lambda: inside(message(KeyStr="")), MALFORMED, "field", "KeyStr is empty"),
    ("inside: endless ExtInfo", lambda: inside(message(ExtInfo="x" * 1025)), MALFORMED, "field", "more than 1024"),
    ("inside: ExtInfo in parts", lambda: inside(message(ExtInfo="<a>1</a>")), MALFORMED, "field", "is not a text"),
    (
        "inside: control character",
        lambda: inside(b'{"MsgType": "event", "ToUserName": "a\\u0000b"}'),
        MALFORMED,
        "field",
        "ToUserName holds a control character",
    ),
    (
        "inside: half a character",
        lambda: inside(b'{"MsgType": "event", "ToUserName": "a\\ud800b"}'),
        MALFORMED,
        "field",
        "ToUserName holds a control character",
    ),
    ("too large", lambda: around(outer("A" * 65536)), LARGE, "size", "more than 65536 bytes"),
    ("larger by a byte", lambda: around(b"<" * 65537), LARGE, "size", "more than 65536 bytes"),
]


@pytest.mark.parametrize(
    ("make", "answer", "reason", "why"), [pytest.param(*row[1:], id=row[0].replace(" ", "-")) for row in BAD]
)
def test_a_bad_push_is_refused_without_a_reason_and_logged_with_one(
    shared_wire: Wire,
    caplog: pytest.LogCaptureFixture,
    make: Callable[[], Request],
    answer: tuple[int, str],
    reason: str,
    why: str,
) -> None:
    push = make()
    response = shared_wire.client.post("/wechat/callback", query_string=push.query, data=push.body)
    assert (response.status_code, response.text) == answer
    assert response.content_type == "text/plain; charset=utf-8"
    (record,) = caplog.records
    line = record.getMessage()
    assert (record.name, record.levelname) == ("scanhook", "WARNING")
    assert f"event=refused status={answer[0]} reason={reason} why=" in line
    assert why in line
    assert line.endswith("account=main method=POST")
    assert "\n" not in line
    assert journal_size(shared_wire.house) == (0, 0)


def test_a_push_that_is_right_in_every_part_is_answered(wire: Wire) -> None:
    push = request()
    response = wire.client.post("/wechat/callback", query_string=push.query, data=push.body)
    assert response.status_code == 200
    assert verdict_in(response.data, keys=wire.keys()) == "real"
    assert journal_size(wire.house) == (1, 0)


def test_a_body_of_exactly_64_kib_is_read(wire: Wire) -> None:
    push = request()
    response = wire.client.post("/wechat/callback", query_string=push.query, data=push.body.ljust(65536))
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("size", "status", "text"),
    [(65536, 400, "malformed"), (65537, 413, "too large"), (1 << 20, 413, "too large")],
)
def test_a_body_without_content_length_is_held_to_the_same_limit(
    shared_wire: Wire, size: int, status: int, text: str
) -> None:
    body = BytesIO(b"x" * size)
    response = shared_wire.client.post(
        "/wechat/callback",
        query_string=request().query,
        input_stream=body,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert (response.status_code, response.text) == (status, text)
    assert body.tell() <= 65537 + PIECE_BYTES  # no more is read than the piece that goes over the limit


def echo(**changed: str | None) -> str:
    stamp = str(int(time.time()))
    query: dict[str, str | None] = {
        "signature": sha1_of(TOKEN, stamp, NONCE),
        "echostr": "4375120948345356249",
        "timestamp": stamp,
        "nonce": NONCE,
    }
    return urlencode({name: value for name, value in (query | changed).items() if value is not None})


def test_a_url_verification_is_answered_with_its_echostr(shared_wire: Wire) -> None:
    response = shared_wire.client.get("/wechat/callback", query_string=echo())
    assert (response.status_code, response.data) == (200, b"4375120948345356249")
    assert response.content_type == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("given", "sent"), [("%3Cb%3E%26+x", b"<b>& x"), ("%FF%00%E4%B8%AD", b"\xff\x00\xe4\xb8\xad"), ("", b"")]
)
def test_an_echostr_comes_back_byte_for_byte(shared_wire: Wire, given: str, sent: bytes) -> None:
    query = f"{echo(echostr=None)}&echostr={given}"
    assert shared_wire.client.get("/wechat/callback", query_string=query).data == sent


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        pytest.param(lambda: echo(signature="0" * 40), "signature", id="wrong signature"),
        pytest.param(lambda: echo(signature=None), "signature", id="no signature"),
        pytest.param(
            lambda: echo(signature=None, msg_signature=sha1_of(TOKEN, NONCE)), "signature", id="another's name"
        ),
        pytest.param(lambda: echo() + "&signature=1", "query", id="signature twice"),
        pytest.param(lambda: echo(signature="签"), "query", id="signature not ASCII"),
        pytest.param(lambda: echo(echostr=None), "query", id="no echostr"),
        pytest.param(lambda: echo() + "&echostr=1", "query", id="echostr twice"),
        pytest.param(lambda: echo(signature=sha1_of(TOKEN, "1714036504", NONCE)), "signature", id="another timestamp"),
        pytest.param(
            lambda: echo(timestamp="1714036504", signature=sha1_of(TOKEN, "1714036504", NONCE)), "timestamp", id="old"
        ),
        pytest.param(lambda: "", "query", id="nothing"),
    ],
)
def test_a_bad_url_verification_is_refused(
    shared_wire: Wire, caplog: pytest.LogCaptureFixture, query: Callable[[], str], reason: str
) -> None:
    response = shared_wire.client.get("/wechat/callback", query_string=query())
    assert (response.status_code, response.text) == (403, "not authentic")
    (record,) = caplog.records
    assert f"event=refused status=403 reason={reason} why=" in record.getMessage()
    assert record.getMessage().endswith("account=main method=GET")


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", ["/wechat/callback", "/wechat/callback/main"])
def test_another_method_is_not_allowed(shared_wire: Wire, method: str, path: str) -> None:
    push = request()
    response = shared_wire.client.open(path, method=method, query_string=push.query, data=push.body)
    assert (response.status_code, response.text) == (405, "method not allowed\n")
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))
    assert journal_size(shared_wire.house) == (0, 0)


def test_a_method_that_nobody_knows_is_refused_and_logged(shared_wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    assert shared_wire.client.open("/wechat/callback", method="BREW").status_code == 405
    (record,) = caplog.records
    assert "event=refused status=405 reason=method" in record.getMessage()


def test_another_method_is_logged(shared_wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    shared_wire.client.put("/wechat/callback", query_string=request().query)
    (record,) = caplog.records
    assert record.name == "scanhook"
    assert "status=405" in record.getMessage()
    assert "method=PUT" in record.getMessage()


def test_a_head_request_must_be_signed_as_well(shared_wire: Wire) -> None:
    assert shared_wire.client.head("/wechat/callback").status_code == 403


@pytest.mark.parametrize("name", ["nobody", "Main", "main%20"])
def test_an_unknown_account_is_not_found(shared_wire: Wire, name: str) -> None:
    push = request()
    for response in (
        shared_wire.client.post(f"/wechat/callback/{name}", query_string=push.query, data=push.body),
        shared_wire.client.get(f"/wechat/callback/{name}", query_string=echo()),
    ):
        assert (response.status_code, response.text) == (404, "not found\n")


@pytest.mark.parametrize("path", ["/", "/wechat", "/wechat/callback/", "/wechat/callback/main/x", "/favicon.ico"])
def test_what_is_not_there_is_not_found(shared_wire: Wire, path: str) -> None:
    response = shared_wire.client.get(path)
    assert (response.status_code, response.text) == (404, "not found\n")


@pytest.mark.parametrize("name", ["main", "compat", "plain"])
@pytest.mark.parametrize("format_", list(Format))
def test_each_account_has_its_own_callback(wire: Wire, name: str, format_: Format) -> None:
    keys = wire.keys(name)
    at = int(time.time())
    fields = scan_fields(at=at, ToUserName=keys.original_id, KeyStr="unknown-here")
    assert wire.push(compose(fields, keys=keys, at=at, format_=format_), name=name).data == b"success"
    others = {"main", "compat", "plain"} - {name}
    refused = [wire.push(compose(fields, keys=keys, at=at, format_=format_), name=other) for other in others]
    assert {response.status_code for response in refused} == {403}
    assert journal_size(wire.house) == (1, 0)


def test_the_callback_without_a_name_is_the_first_account(wire: Wire) -> None:
    push = compose_echo(keys=wire.keys("plain"), timestamp=int(time.time()), nonce=NONCE, echostr="1")
    assert wire.client.get("/wechat/callback", query_string=push.query).status_code == 403
    assert wire.client.get("/wechat/callback/plain", query_string=push.query).data == b"1"


@pytest.mark.parametrize("where", ["judged_all", "settle", "echo"])
def test_a_crash_says_try_again_and_tells_nobody_what_broke(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError(f"{OPENID} scanned GENUINE0001")

    monkeypatch.setattr(Receiver, where, crash)
    push = scan_push(keys=wire.keys())
    response = wire.push(push) if where != "echo" else wire.client.get("/wechat/callback", query_string=push.query)
    assert (response.status_code, response.text) == (503, "try again")
    (record,) = caplog.records
    assert (record.levelname, record.exc_info) == ("ERROR", None)
    assert "event=broken status=503 why=RuntimeError" in record.getMessage()
    assert "test_callback.py" in record.getMessage()
    assert not [word for word in (OPENID, "GENUINE0001", "scanned") if word in caplog.text + response.text]


def test_a_journal_that_fails_says_try_again_and_is_logged(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StorageError("journal.db: the disk is full: make room on it")

    monkeypatch.setattr(SqliteJournal, "store_all", full)
    response = wire.push(scan_push(keys=wire.keys()))
    assert (response.status_code, response.text) == (503, "try again")
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert 'event=undecided status=503 why="journal.db: the disk is full: make room on it"' in record.getMessage()


def test_an_unknown_product_is_one_warning_even_if_its_name_has_line_breaks(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    name = 'nobody-knows\nat=2026-11-22 level=error event=forged x="'
    assert wire.push(scan_push(keys=wire.keys(), KeyStr=name)).data == b"success"
    (record,) = caplog.records
    assert "event=attention" in record.getMessage()
    assert "account=main" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_no_secret_reaches_any_log(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for code in ("GENUINE0001", "PRINTED0003", "COPIED99999", ""):
        assert wire.push(scan_push(code, keys=wire.keys())).status_code == 200
    assert wire.push(scan_push("GENUINE0002", keys=wire.keys(), KeyStr="nobody-knows")).status_code == 200
    for _, make, (status, _), _, _ in BAD:
        push = make()
        assert wire.client.post("/wechat/callback", query_string=push.query, data=push.body).status_code == status
    wire.get("/metrics", address="203.0.113.9", Authorization=f"Bearer {MONITOR_TOKEN}x")
    secrets = [TOKEN, ENCODED_KEY, APP_SECRET, MONITOR_TOKEN, OPENID, wire.house.pepper_path.read_text().strip()]
    secrets += ["GENUINE0001", "GENUINE0002", "PRINTED0003", "COPIED99999"]
    logged = caplog.text + "".join(repr(record.__dict__) for record in caplog.records)
    assert len(caplog.records) > len(BAD)
    assert [secret for secret in secrets if secret in logged] == []
