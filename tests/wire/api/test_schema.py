from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from scanhook.errors import Malformed
from scanhook.message import CodeResult, decode
from scanhook.wire.api.schema import AnswerWord, ExtInfo, Moment, OfProduct, When, answer_word


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "1970-01-01T00:00:00Z"), (1795305600, "2026-11-22T00:00:00Z"), (1795305600.5, "2026-11-22T00:00:00.500Z")],
)
def test_a_time_is_written_as_iso_8601_in_utc(seconds: float, written: str) -> None:
    assert TypeAdapter(Moment).dump_json(seconds).decode() == f'"{written}"'


@pytest.mark.parametrize(
    "text", ["2026-11-22T00:00:00Z", "2026-11-22T08:00:00+08:00", "2026-11-21T19:00-05:00", "20261122T000000Z"]
)
def test_a_time_is_read_with_its_zone(text: str) -> None:
    assert TypeAdapter(When).validate_python(text) == datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "given", ["2026-11-22T00:00:00", "2026-11-22", "today", "", "1795305600", 1795305600, None, {}]
)
def test_a_time_without_a_zone_is_none(given: object) -> None:
    with pytest.raises(ValidationError, match="write a time as ISO 8601 with its zone"):
        TypeAdapter(When).validate_python(given)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"]
)
def test_a_time_that_no_scan_can_have_is_none(text: str) -> None:
    with pytest.raises(ValidationError, match="a time lies in the years 1970 to 9998"):
        TypeAdapter(When).validate_python(text)


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00+14:00", "9998-12-31T23:59:59-12:00"])
def test_the_first_and_the_last_time_can_be_counted_with_and_written(text: str) -> None:
    at = TypeAdapter(When).validate_python(text).timestamp()
    assert TypeAdapter(Moment).dump_json(at - 86400).endswith(b'Z"')


@pytest.mark.parametrize("text", ["\x00", "\x1b", "\x7f", "\ufffe"])
def test_a_text_that_no_push_can_carry_is_refused_here_too(text: str) -> None:
    with pytest.raises(ValidationError, match="it has control characters"):
        TypeAdapter(ExtInfo).validate_python(text)
    with pytest.raises(Malformed):
        decode(push(text))


@pytest.mark.parametrize("text", ["\t", "\u202e", "Ａ1 茶", "\U0001f600"])
def test_a_text_that_a_push_can_carry_is_taken_here_too(text: str) -> None:
    assert TypeAdapter(ExtInfo).validate_python(text) == text
    assert decode(push(text)) is not None


def push(event: str) -> dict[str, object]:
    return {"MsgType": "event", "Event": event, "ToUserName": "gh_x", "FromUserName": "o", "CreateTime": "1"}


@pytest.mark.parametrize(
    "given",
    [{"keystandard": "qrcode"}, {"keystr": "x"}, {"account": "main"}, {"account": "main", "keystandard": "qrcode"}],
)
def test_a_product_is_chosen_by_its_whole_name(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        OfProduct.model_validate(given)


def test_the_words_for_verdicts_are_wechats_and_one_for_none() -> None:
    assert [*map(answer_word, CodeResult), answer_word(None)] == list(AnswerWord)
