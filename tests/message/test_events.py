from __future__ import annotations

import dataclasses
from typing import Any, get_args

import pytest

from scanhook.message import (
    ConsumerMessage,
    EnterSession,
    Message,
    OtherEvent,
    PageVisit,
    ProductEvent,
    PushHead,
    ReviewResult,
)
from tests.message.pushes import VALUES

EVERY = pytest.mark.parametrize("event", list(VALUES))


@EVERY
@pytest.mark.parametrize("field", ["to_user_name", "from_user_name", "key_standard", "key_str"])
def test_an_event_cannot_be_built_with_an_empty_name(event: str, field: str) -> None:
    changes: dict[str, Any] = {field: ""}
    with pytest.raises(ValueError, match="must not be empty"):
        dataclasses.replace(VALUES[event], **changes)


@EVERY
def test_an_event_cannot_be_built_with_a_negative_time(event: str) -> None:
    with pytest.raises(ValueError, match="CreateTime must not be negative"):
        dataclasses.replace(VALUES[event], create_time=-1)
    assert dataclasses.replace(VALUES[event], create_time=0).create_time == 0


@pytest.mark.parametrize("kind", [OtherEvent, ConsumerMessage])
@pytest.mark.parametrize("head", [("", "o", 1), ("gh", "", 1), ("gh", "o", -1)])
def test_other_messages_cannot_be_built_wrong_either(
    kind: type[OtherEvent | ConsumerMessage], head: tuple[str, str, int]
) -> None:
    to_user_name, from_user_name, create_time = head
    name = {"event": "x"} if kind is OtherEvent else {"msg_type": "x"}
    with pytest.raises(ValueError, match="must not be"):
        kind(to_user_name=to_user_name, from_user_name=from_user_name, create_time=create_time, **name)


@EVERY
def test_an_event_cannot_be_changed(event: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        VALUES[event].create_time = 1  # type: ignore[misc]


@EVERY
def test_neither_the_person_nor_the_code_shows_when_an_event_is_printed(event: str) -> None:
    changed = dataclasses.replace(VALUES[event], from_user_name="the-person", ext_info="the-code")
    for shown in (repr(changed), str(changed), f"{changed}"):
        assert "the-person" not in shown
        assert "the-code" not in shown
        assert changed.to_user_name in shown


def test_a_consumers_message_does_not_show_the_person_either() -> None:
    head = PushHead(to_user_name="gh", from_user_name="the-person", create_time=1)
    message = ConsumerMessage(to_user_name="gh", from_user_name="the-person", create_time=1, msg_type="text")
    assert "the-person" not in repr(head) + repr(message)


PRODUCT: dict[str, Any] = {
    "to_user_name": "gh",
    "from_user_name": "o",
    "create_time": 1,
    "key_standard": "ean13",
    "key_str": "69",
}


def test_what_wechat_may_leave_out_is_empty_unless_it_is_given() -> None:
    session, visit, review = EnterSession(**PRODUCT), PageVisit(**PRODUCT), ReviewResult(**PRODUCT, result="verify_ok")
    assert (session.ext_info, session.msg_id) == ("", None)
    assert (visit.country, visit.province, visit.city, visit.sex, visit.scene) == ("", "", "", "", "")
    assert review.reason_msg == ""


@pytest.mark.parametrize("kind", [PushHead, ProductEvent, *get_args(Message)])
def test_every_message_is_frozen_slotted_and_built_by_name(kind: Any) -> None:
    assert kind.__dataclass_params__.frozen
    assert "__slots__" in vars(kind)
    assert all(field.kw_only for field in dataclasses.fields(kind))
