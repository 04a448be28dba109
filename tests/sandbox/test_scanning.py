from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, strategies

from scanhook.clock import FixedClock
from scanhook.envelope import AesKey, Format, Keyring, Mode, PushQuery, open_push, read_document
from scanhook.errors import NotAuthentic, Refused
from scanhook.sandbox.scan import PERSONS, Item, Line, Person, Scan, Seen
from scanhook.sandbox.scanning import Scanner
from scanhook.sandbox.sending import Patience
from scanhook.sandbox.trace import Attempt, Shown, Step
from tests.conftest import APP_ID, ENCODED_KEY, OPENID, TOKEN
from tests.envelope.peer import NOW, SCAN_FIELDS, seal, signature, unseal
from tests.fuzz.strategies import fuzzed
from tests.reply.test_compose import SEED, SEED_JSON

URL = "http://127.0.0.1:1/wechat/callback"
ITEM = Item(key_standard="qrcode", key_str="weixin_antifake", ext_info="hyhy")
SCAN = Scan(item=ITEM, person=Person(openid=OPENID, province="广东", city="揭阳", sex="1"))
KEYS = Keyring(
    mode=Mode.SAFE,
    original_id="gh_fbe8a958756e",
    receive_id=APP_ID,
    tokens=(TOKEN,),
    aes_keys=(AesKey(encoded=ENCODED_KEY),),
)
_NAMES = ["Encrypt", "MsgType", "ToUserName", "ScanProduct", "KeyStr", "ExtInfo", "AntiFake", "CodeResult"]
FORMATS = pytest.mark.parametrize("format_", list(Format))


@dataclass(slots=True)
class Answering:
    """Stands where the network is: it keeps what was sent, and answers as it is told."""

    answer: Callable[[bytes], Attempt]
    sent: list[tuple[str, str, bytes, Patience]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, method: str, url: str, body: bytes, *, patience: Patience) -> tuple[Attempt, ...]:
        with self._lock:
            self.sent.append((method, url, body, patience))
        return (self.answer(body),)


def saying(body: bytes, *, status: int = 200, failure: str = "") -> Answering:
    return Answering(
        lambda _: Attempt(number=1, started_at=NOW, seconds=0.01, status=status, body=body, failure=failure)
    )


def scanner(send: Answering) -> Scanner:
    return Scanner(FixedClock(NOW), send=send, random=lambda count: b"0123456789abcdef"[:count])


def inside(step: Step, format_: Format = Format.XML) -> dict[str, object]:
    """Return what a sealed push holds, opened by the other implementation."""
    _, envelope = read_document(step.push.body)
    _, message, _ = unseal(str(envelope["Encrypt"]))
    assert message == step.push.message
    found, document = read_document(message)
    assert found is format_
    return dict(document)


def sealed(reply: bytes) -> bytes:
    encrypted = seal(reply)
    made = signature(TOKEN, "1713424427", "415670741", encrypted)
    return (
        f"<xml><Encrypt>{encrypted}</Encrypt><MsgSignature>{made}</MsgSignature>"
        "<TimeStamp>1713424427</TimeStamp><Nonce>415670741</Nonce></xml>"
    ).encode()


@pytest.fixture
def line(keys: Keyring) -> Line:
    return Line(url=URL, keys=keys)


# What is sent


def test_the_question_is_the_seeds_example(line: Line) -> None:
    push = scanner(saying(b"success")).question(line, SCAN)
    assert push.message == (
        b"<xml><ToUserName>gh_fbe8a958756e</ToUserName><FromUserName>otAzGjrJVN21mpDF4ZWQiYZwdK0Y</FromUserName>"
        b"<CreateTime>1447848568</CreateTime><MsgType>event</MsgType><Event>scan_product_callback</Event>"
        b"<KeyStandard>qrcode</KeyStandard><KeyStr>weixin_antifake</KeyStr><ExtInfo>hyhy</ExtInfo>"
        b"<NeedAntiFake>true</NeedAntiFake></xml>"
    )


@FORMATS
def test_a_scan_opens_the_page_and_asks_for_the_verdict(line: Line, format_: Format) -> None:
    send = saying(b"success")
    trace = scanner(send).scan(line, replace(SCAN, format_=format_))
    assert [step.name for step in trace.steps] == ["user_scan_product", "scan_product_callback"]
    number = (lambda text: text) if format_ is Format.XML else int
    assert inside(trace.steps[0], format_) == {
        "ToUserName": "gh_fbe8a958756e",
        "FromUserName": "otAzGjrJVN21mpDF4ZWQiYZwdK0Y",
        "CreateTime": number("1447848568"),
        "MsgType": "event",
        "Event": "user_scan_product",
        "KeyStandard": "qrcode",
        "KeyStr": "weixin_antifake",
        "Country": "中国",
        "Province": "广东",
        "City": "揭阳",
        "Sex": "1",
        "Scene": "1",
        "ExtInfo": "hyhy",
    }
    assert inside(trace.steps[1], format_) == {**SCAN_FIELDS, "CreateTime": number("1447848568")}
    assert sorted(url for _, url, _, _ in send.sent) == sorted(step.url for step in trace.steps)
    assert {method for method, _, _, _ in send.sent} == {"POST"}


def test_where_it_was_comes_later(line: Line) -> None:
    step = scanner(saying(b"success")).report_region(line, replace(SCAN, region_code="650000"))
    assert inside(step) == {
        "ToUserName": "gh_fbe8a958756e",
        "FromUserName": "otAzGjrJVN21mpDF4ZWQiYZwdK0Y",
        "CreateTime": "1447848568",
        "MsgType": "event",
        "Event": "user_scan_product_async",
        "KeyStandard": "qrcode",
        "KeyStr": "weixin_antifake",
        "ExtInfo": "hyhy",
        "RegionCode": "650000",
    }
    assert (step.name, step.accepted) == ("user_scan_product_async", True)


@pytest.mark.parametrize(("passed", "result"), [(True, "verify_ok"), (False, "verify_not_pass")])
def test_a_review_is_told(line: Line, *, passed: bool, result: str) -> None:
    step = scanner(saying(b"")).review(line, ITEM, passed=passed, reason="" if passed else "no picture")
    assert inside(step) == {
        "ToUserName": "gh_fbe8a958756e",
        "FromUserName": "oSandboxReviewOfScanProducts",
        "CreateTime": "1447848568",
        "MsgType": "event",
        "Event": "user_scan_product_verify_action",
        "KeyStandard": "qrcode",
        "KeyStr": "weixin_antifake",
        "Result": result,
        "ReasonMsg": "" if passed else "no picture",
    }
    assert step.accepted


@FORMATS
@pytest.mark.parametrize("mode", list(Mode))
def test_a_push_in_the_accounts_own_mode_is_authentic(keys: Keyring, mode: Mode, format_: Format) -> None:
    own = Line(url=URL, keys=replace(keys, mode=mode))
    step = scanner(saying(b"success")).ask(own, replace(SCAN, format_=format_)).steps[0]
    query = PushQuery.from_query_string(urlsplit(step.url).query.encode())
    assert open_push(query, step.push.body, keys=own.keys, now=NOW).document["ExtInfo"] == "hyhy"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"forged": True}, "the signature was not made with this account's token"),
        ({"skew_s": -3600}, "`timestamp` is 3600 s old"),
        ({"mode": Mode.PLAIN}, "`msg_signature` is missing"),
    ],
)
def test_a_push_that_is_wrong_on_purpose_is_refused(line: Line, changed: dict[str, object], why: str) -> None:
    step = scanner(saying(b"")).ask(line, replace(SCAN, **changed)).steps[0]  # type: ignore[arg-type]
    query = PushQuery.from_query_string(urlsplit(step.url).query.encode())
    with pytest.raises(NotAuthentic, match=why):
        open_push(query, step.push.body, keys=line.keys, now=NOW)


def test_a_page_without_wechats_window_says_so_and_shows_nothing(line: Line) -> None:
    trace = scanner(saying(sealed(SEED))).ask(line, replace(SCAN, seen=Seen.LINK))
    assert inside(trace.steps[0])["NeedAntiFake"] == "false"
    assert (trace.shown, trace.steps[0].accepted) == (Shown.NO_WINDOW, True)
    assert trace.why == "the server answered with CodeResult real, and the page does not show WeChat's window"


def test_a_page_without_the_module_asks_for_no_verdict(line: Line) -> None:
    send = saying(b"success")
    trace = scanner(send).scan(line, replace(SCAN, seen=Seen.PAGE))
    assert [step.name for step in trace.steps] == ["user_scan_product"]
    assert len(send.sent) == 1
    assert (trace.shown, trace.why) == (
        Shown.NO_WINDOW,
        "the item's page has no module anti_fake: WeChat asks for no verdict",
    )
    with pytest.raises(Refused, match="there is nothing to repeat: the item's page has no module anti_fake"):
        scanner(send).again(trace)


def test_where_nobody_sees_a_page_nothing_is_pushed(line: Line) -> None:
    send, unseen = saying(b"success"), replace(SCAN, seen=Seen.NOTHING)
    trace = scanner(send).scan(line, unseen)
    assert (trace.shown, trace.steps) == (Shown.NO_PAGE, ())
    assert trace.why == "the item's page is not published, and whoever scans is no tester: nothing is pushed"
    with pytest.raises(Refused, match="is not published"):
        scanner(send).report_region(line, unseen)
    assert send.sent == []


def test_a_query_of_the_callback_url_is_kept(keys: Keyring) -> None:
    step = scanner(saying(b"")).ask(Line(url=f"{URL}?shop=1", keys=keys), SCAN).steps[0]
    assert list(dict(parse_qsl(urlsplit(step.url).query)))[:2] == ["shop", "signature"]


def test_sealing_needs_a_key(keys: Keyring) -> None:
    plain = Line(url=URL, keys=replace(keys, mode=Mode.PLAIN, aes_keys=()))
    assert scanner(saying(b"success")).ask(plain, SCAN).steps[0].accepted
    with pytest.raises(Refused, match="no EncodingAESKey"):
        scanner(saying(b"success")).scan(plain, replace(SCAN, mode=Mode.SAFE))


# What comes of it


@pytest.mark.parametrize("reply", [SEED, SEED_JSON], ids=["XML", "JSON"])
@pytest.mark.parametrize(("result", "shown"), [("real", "genuine"), ("fake", "fake"), ("not_active", "not_active")])
def test_the_window_shows_the_code_result(line: Line, reply: bytes, result: str, shown: str) -> None:
    reply = reply.replace(b"real", result.encode())
    trace = scanner(saying(sealed(reply))).scan(line, SCAN)
    assert trace.shown == shown
    assert trace.why == f"the server answered with CodeResult {result}"
    assert trace.steps[1].reply == reply


@pytest.mark.parametrize(
    ("answer", "accepted", "why"),
    [
        (b"success", True, "the server answered `success`: it has nothing to say of this item"),
        (b"", True, "the server answered `success`: it has nothing to say of this item"),
        (b"<html></html>", False, "the answer cannot be opened: the XML is not <xml> with elements in it"),
        (SEED, False, "the reply came in the clear, and the account's mode is safe"),
        (sealed(b"nonsense"), False, "the answer cannot be opened: the body is neither XML nor JSON"),
        (sealed(SEED.replace(b"hyhy", b"x")), False, "the reply's ExtInfo is not what the push asked for"),
        (
            sealed(SEED.replace(b"scanproduct", b"text").replace(OPENID.encode(), b"o2")),
            False,
            "the reply's MsgType, ToUserName is not what the push asked for",
        ),
        (sealed(SEED.replace(b"real", b"ok")), False, "CodeResult is none of real, fake and not_active"),
        (sealed(SEED).replace(b"<TimeStamp>1", b"<TimeStamp>2"), False, "the answer cannot be opened: the signature"),
    ],
)
def test_any_other_answer_shows_no_verdict(line: Line, answer: bytes, *, accepted: bool, why: str) -> None:
    trace = scanner(saying(answer)).ask(line, SCAN)
    assert trace.shown is Shown.NO_ANSWER
    assert trace.steps[0].accepted is accepted
    assert trace.why.startswith(why)


@pytest.mark.parametrize(
    "reply",
    [
        b'{"ScanProduct":1}',
        b'{"ScanProduct":{"AntiFake":[]}}',
        b"<xml><ScanProduct><KeyStr></KeyStr></ScanProduct></xml>",
        b"<xml></xml>",
    ],
)
def test_a_reply_that_is_built_wrong_shows_no_verdict(line: Line, reply: bytes) -> None:
    trace = scanner(saying(sealed(reply))).ask(line, SCAN)
    assert (trace.shown, trace.steps[0].accepted) == (Shown.NO_ANSWER, False)


@pytest.mark.parametrize("name", ["Encrypt", "MsgSignature", "TimeStamp", "Nonce"])
def test_half_a_character_in_an_envelope_shows_no_verdict(line: Line, name: str) -> None:
    envelope = {"Encrypt": "AAAA", "MsgSignature": "0" * 40, "TimeStamp": "1", "Nonce": "1", name: "\ud800"}
    trace = scanner(saying(json.dumps(envelope).encode())).ask(line, SCAN)
    assert (trace.shown, trace.steps[0].accepted) == (Shown.NO_ANSWER, False)


_JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(),
    lambda below: strategies.lists(below) | strategies.dictionaries(strategies.sampled_from(_NAMES), below),
    max_leaves=12,
)


@fuzzed(100)
@given(
    reply=strategies.binary() | strategies.dictionaries(strategies.sampled_from(_NAMES), _JSON).map(json.dumps),
    under_seal=strategies.booleans(),
)
def test_whatever_is_answered_there_is_a_trace(reply: bytes | str, *, under_seal: bool) -> None:
    answer = reply.encode() if isinstance(reply, str) else reply
    with Scanner(FixedClock(NOW), send=saying(sealed(answer) if under_seal else answer)) as asked:
        trace = asked.ask(Line(url=URL, keys=KEYS), SCAN)
    assert trace.shown is Shown.NO_ANSWER


def test_a_plain_account_takes_no_sealed_reply(keys: Keyring) -> None:
    plain = Line(url=URL, keys=replace(keys, mode=Mode.PLAIN))
    assert scanner(saying(SEED)).ask(plain, SCAN).shown is Shown.GENUINE
    refused = scanner(saying(sealed(SEED))).ask(plain, SCAN)
    assert (refused.shown, refused.why) == (
        Shown.NO_ANSWER,
        "the reply came sealed, and the account's mode is plain",
    )


@pytest.mark.parametrize("answer", [SEED, sealed(SEED)])
def test_a_compat_account_takes_both(keys: Keyring, answer: bytes) -> None:
    assert scanner(saying(answer)).ask(Line(url=URL, keys=replace(keys, mode=Mode.COMPAT)), SCAN).shown == "genuine"


def test_a_server_that_refuses_gives_no_answer(line: Line) -> None:
    trace = scanner(saying(b"not authentic", status=403, failure="status 403")).scan(line, SCAN)
    assert (trace.shown, trace.why) == (Shown.NO_ANSWER, "status 403")
    assert [step.accepted for step in trace.steps] == [False, False]


TEXT = b"<xml><MsgType><![CDATA[text]]></MsgType><Content>hello</Content></xml>"


@pytest.mark.parametrize(
    ("answer", "accepted", "why"),
    [
        (b"success", True, "acknowledged"),
        (b"", True, "acknowledged"),
        (sealed(TEXT), True, "answered with a message of its own"),
        (TEXT, False, "the reply came in the clear, and the account's mode is safe"),
        (b"ok", False, "the answer cannot be opened: the body is neither XML nor JSON"),
        (
            sealed(b"<html><p>x</p></html>"),
            False,
            "the answer cannot be opened: the XML is not <xml> with elements in it",
        ),
        (sealed(b"<xml><a>x</a></xml>"), False, "the answer is no message"),
    ],
)
def test_an_event_is_answered_with_success_or_nothing_or_a_message(
    line: Line, answer: bytes, *, accepted: bool, why: str
) -> None:
    step = scanner(saying(answer)).report_region(line, SCAN)
    assert (step.accepted, step.why) == (accepted, why)


def test_a_repeat_sends_the_same_bytes(line: Line) -> None:
    send = saying(sealed(SEED))
    once = scanner(send).scan(line, SCAN)
    again = scanner(send).again(once)
    assert again.steps[0].push == once.steps[1].push
    assert again.shown is once.shown is Shown.GENUINE
    assert send.sent[-1][1:3] in [sent[1:3] for sent in send.sent[:-1]]


def test_two_persons_are_two(line: Line) -> None:
    asked = scanner(saying(b""))
    first, second = (asked.ask(line, replace(SCAN, person=person)).steps[0] for person in PERSONS)
    assert inside(first)["FromUserName"] != inside(second)["FromUserName"]


# Verifying the URL


def test_the_url_is_verified_by_its_echo(line: Line) -> None:
    send = Answering(lambda _: Attempt(number=1, started_at=NOW, seconds=0.01, status=200, body=b"wrong"))
    step = scanner(send).verify_url(line)
    assert (step.name, step.method, step.accepted) == ("verify_url", "GET", False)
    assert step.why == "the answer is not the echostr, byte for byte"
    method, url, body, patience = send.sent[0]
    asked = dict(parse_qsl(urlsplit(url).query))
    assert (method, body, patience.tries) == ("GET", b"", 1)
    assert asked["signature"] == signature(TOKEN, str(NOW), asked["nonce"])
    assert asked["echostr"].isdigit()


def test_a_right_echo_is_accepted(line: Line) -> None:
    def echo(method: str, url: str, body: bytes, *, patience: Patience) -> tuple[Attempt, ...]:
        echostr = dict(parse_qsl(urlsplit(url).query))["echostr"]
        return (Attempt(number=1, started_at=NOW, seconds=0.01, status=200, body=echostr.encode()),)

    with Scanner(FixedClock(NOW), send=echo) as asked:
        step = asked.verify_url(line)
    assert (step.accepted, step.why) == (True, "the echostr came back")


def test_a_failed_verification_says_why(line: Line) -> None:
    assert scanner(saying(b"", status=500, failure="status 500")).verify_url(line).why == "status 500"


# Values


@pytest.mark.parametrize(
    "wrong",
    [
        {"key_standard": ""},
        {"key_str": ""},
        {"ext_info": "x" * 1025},
        {"ext_info": "a\nb"},
    ],
)
def test_what_no_item_carries_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(Refused):
        Item(**{"key_standard": "qrcode", "key_str": "x", **wrong})


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000/wechat/callback", "ftp://127.0.0.1/x"])
def test_a_line_leads_to_an_address(keys: Keyring, url: str) -> None:
    with pytest.raises(Refused, match="is no callback URL"):
        Line(url=url, keys=keys)


def test_a_person_is_not_shown_when_a_scan_is_printed(line: Line) -> None:
    shown = repr(scanner(saying(sealed(SEED))).scan(line, SCAN))
    assert OPENID not in shown
    assert "hyhy" not in shown
    assert TOKEN not in shown
