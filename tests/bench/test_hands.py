from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from scanhook.bench.check import CheckTask
from scanhook.bench.hands import Equipment, Hands
from scanhook.bench.making import MakeTask
from scanhook.bench.plan import Plan
from scanhook.envelope import Format, Keyring, Mode, PushQuery, open_push
from scanhook.message import CodeResult, PageVisit, ProductEvent, ScanProductCallback, ScanRegion, decode
from scanhook.reply import ScanProductReply, compose, seal

AT = 1795312800
PLAN = Plan(codes=20, one_code=False, seed=6)
PATH = "/wechat/callback"
NUMBER = next(number for number in range(100) if PLAN.told(number)[1] is CodeResult.NOT_ACTIVE)
EXT_INFO = PLAN.told(NUMBER)[0]


def hands(keys: Keyring) -> Hands:
    """Return a helper's work as it comes out in another process."""
    return Hands.hired(pickle.loads(pickle.dumps(Equipment.of(keys, PLAN, PATH))), 0)


def answer(keys: Keyring, *, token: str = "AAAAA", sealed: bool = True, **changed: str) -> bytes:
    """Write what the service should answer to one of the scans, or something else."""
    said = {
        "to_user_name": PLAN.person(NUMBER),
        "from_user_name": keys.original_id,
        "key_standard": "qrcode",
        "key_str": "bench-item",
        "ext_info": EXT_INFO,
        **changed,
    }
    reply = compose(ScanProductReply(create_time=AT, code_result=CodeResult.NOT_ACTIVE, **said), Format.XML)
    if not sealed:
        return reply
    return seal(
        reply,
        Format.XML,
        token=token,
        aes_key=keys.aes_keys[0],
        receive_id=keys.receive_id,
        timestamp=AT,
        nonce="1",
        random=bytes(16),
    )


@pytest.mark.parametrize("mode", list(Mode))
def test_a_push_is_one_that_the_service_takes(keys: Keyring, mode: Mode) -> None:
    keys = replace(keys, mode=mode)
    first, requests = hands(keys)(MakeTask(pushes=range(7, 10), now=AT))
    head, _, body = requests[1].partition(b"\r\n\r\n")
    target, *headers = head.decode().split("\r\n")
    query = target.removeprefix("POST /wechat/callback?").removesuffix(" HTTP/1.1")

    assert (first, len(requests)) == (7, 3)
    assert headers[-1] == f"Content-Length: {len(body)}"
    assert parse_qs(query)["openid"] == ["oBench0000000000000000000008"]
    push = open_push(PushQuery.from_query_string(query.encode()), body, keys=keys, now=AT, window_s=300)
    event = decode(push.document)
    assert isinstance(event, ScanProductCallback)
    assert (event.key_standard, event.key_str, event.ext_info) == ("qrcode", "bench-item", PLAN.told(8)[0])
    assert (event.to_user_name, event.from_user_name) == (keys.original_id, "oBench0000000000000000000008")


@pytest.mark.parametrize(("number", "event"), [(6, PageVisit), (8, ScanRegion)])
def test_an_event_is_one_that_the_service_takes(keys: Keyring, number: int, event: type[ProductEvent]) -> None:
    plan = replace(PLAN, events=True)
    work = Hands.hired(Equipment.of(keys, plan, PATH), 0)
    _, (request,) = work(MakeTask(pushes=range(number, number + 1), now=AT))
    head, _, body = request.partition(b"\r\n\r\n")
    query = head.split(b" ")[1].partition(b"?")[2]

    found = decode(open_push(PushQuery.from_query_string(query), body, keys=keys, now=AT, window_s=300).document)

    assert isinstance(found, event)
    assert (found.ext_info, found.from_user_name) == (plan.told(number)[0], plan.person(number))
    assert work(CheckTask(start=0, answers=[(number, b"success"), (number, b"")])) == (
        0,
        ["success", "an event that asks for nothing was told more than `success`"],
    )


def checked(keys: Keyring, body: bytes) -> CodeResult | str:
    start, (found,) = hands(keys)(CheckTask(start=5, answers=[(NUMBER, body)]))
    assert start == 5
    answer: CodeResult | str = found
    return answer


def test_a_right_answer_is_its_verdict(keys: Keyring) -> None:
    found = checked(keys, answer(keys))

    assert found is CodeResult.NOT_ACTIVE


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"token": "BBBBB"}, "the answer cannot be opened"),
        ({"sealed": False}, "the reply came in the clear"),
        ({"to_user_name": "somebody-else"}, "the reply's ToUserName is not"),
        ({"ext_info": "BENCH0000000001"}, "the reply's ExtInfo is not"),
    ],
    ids=["signed by another", "in the clear", "another person", "another code"],
)
def test_an_answer_that_wechat_would_not_take_is_none(keys: Keyring, changed: dict[str, Any], why: str) -> None:
    found = checked(keys, answer(keys, **changed))

    assert not isinstance(found, CodeResult)
    assert found.startswith(why)


@pytest.mark.parametrize("body", [b"success", b"", b"<xml/>", b"\xff"])
def test_what_is_no_verdict_is_none(keys: Keyring, body: bytes) -> None:
    assert not isinstance(checked(keys, body), CodeResult)
