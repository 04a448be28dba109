from __future__ import annotations

import json
from typing import Any

import pytest

from scanhook.errors import Refused, WechatRefused, WechatUnreachable
from scanhook.wechat.codes import refusal
from scanhook.wechat.ticket import TICKET_INVALID, Ticket, check_ticket
from tests.wechat.scripted import Call, ScriptedApi

ANSWER: dict[str, Any] = json.loads(
    """
{
 "errcode":0,
 "errmsg":"ok",
 "keystandard":"ean13",
 "keystr":"6901481811083",
 "openid":"otAzGjrS4AYCmeJM1GhEOcHXXTAo",
 "scene":"scan",
 "is_check": false,
 "is_contact": false
}
"""
)
"""As the page has it."""


def test_a_ticket_is_asked_and_read_as_the_page_says() -> None:
    api = ScriptedApi(ANSWER)
    # The page's own example begins with a blank.
    found = check_ticket(api, " Ym1haDlvNXJqY3Ru1")
    assert api.calls == [Call(verb="read", path="/scan/scanticket/check", body={"ticket": "Ym1haDlvNXJqY3Ru1"})]
    assert found == Ticket(
        key_standard="ean13",
        key_str="6901481811083",
        openid="otAzGjrS4AYCmeJM1GhEOcHXXTAo",
        scene="scan",
        is_check=False,
        is_contact=False,
    )
    assert "otAzGjrS4AYCmeJM1GhEOcHXXTAo" not in repr(found)


def test_a_scene_and_a_field_that_no_page_names_are_taken_as_they_are() -> None:
    found = check_ticket(ScriptedApi(ANSWER | {"scene": "wifi", "unionid": "o6_b", "is_contact": True}), "T1")
    assert (found.scene, found.is_contact) == ("wifi", True)


@pytest.mark.parametrize(
    ("ticket", "why"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("x" * 10_000, "512 characters"),
        ("a b", "neither blanks"),
        ("a\x00b", "neither blanks"),
        ("票", "neither blanks"),
        ("\ud800", "neither blanks"),
    ],
)
def test_what_cannot_be_a_ticket_is_never_sent(ticket: str, why: str) -> None:
    api = ScriptedApi()
    with pytest.raises(Refused, match=why) as told:
        check_ticket(api, ticket)
    assert api.calls == []
    assert ticket.strip() in ("", "a b") or ticket not in told.value.why


@pytest.mark.parametrize(
    "changed",
    [
        {"openid": None},
        {"openid": ""},
        {"openid": 7.5},
        {"keystr": None},
        {"keystandard": ["ean13"]},
        {"is_check": "perhaps"},
        {"is_contact": 2},
        {"scene": 1},
    ],
)
def test_an_answer_that_is_not_the_pages_cannot_be_used(changed: dict[str, object]) -> None:
    field = next(iter(changed))
    with pytest.raises(WechatUnreachable, match=f"the answer is not what the page says: {field}"):
        check_ticket(ScriptedApi(ANSWER | changed), "T1")


def test_what_wechat_refuses_says_why() -> None:
    api = ScriptedApi(refusal(61317, "ticket invalid", path="/scan/scanticket/check"))
    with pytest.raises(WechatRefused) as told:
        check_ticket(api, "T1")
    assert told.value.code == TICKET_INVALID
    assert "T1" not in told.value.why
