from __future__ import annotations

import pytest

from scanhook.errors import WechatUnreachable
from scanhook.wechat.codes import refusal
from scanhook.wechat.slate import Slate

AT = 1795312800.0


def test_what_was_written_is_read() -> None:
    slate = Slate().with_failure(refusal(40125, "rid: 1-a", path="/cgi-bin/token"), at=AT).with_force(AT)

    assert Slate.read(slate.write()) == slate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"failed_at": 1, "failed": {"code": 1}, "forced_at": []}',
        '{"failed_at": 1, "failed": {"why": "x", "code": 1}, "forced_at": []}',
        '{"failed_at": "x", "failed": {}, "forced_at": []}',
        '{"failed_at": 1, "failed": {}, "forced_at": [[]]}',
        '{"failed_at": 1, "failed": 7, "forced_at": []}',
        "[" * 100_000,
    ],
)
def test_what_nobody_wrote_is_an_empty_slate(text: str) -> None:
    assert Slate.read(text) == Slate()


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(refusal(40125, "", path="/x"), 10), (WechatUnreachable("/x: no answer", acted=False), 2)],
)
def test_a_failure_holds_others_back_for_a_while(error: WechatUnreachable, seconds: int) -> None:
    slate = Slate().with_failure(error, at=AT)
    held = slate.failure(AT + seconds - 0.1)

    assert type(held) is type(error)
    assert str(held).startswith(error.why)
    assert slate.failure(AT + seconds) is None
    assert slate.without_failure().failure(AT) is None


def test_a_failure_from_the_future_holds_nobody_back() -> None:
    assert Slate().with_failure(refusal(40125, "", path="/x"), at=AT).failure(AT - 1) is None
