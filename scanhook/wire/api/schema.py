"""What requests and answers are made of: the base of every model, and times, names and words that many share."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from scanhook.message import CodeResult
from scanhook.registry import EXT_INFO_MAX_CHARS

__all__ = [
    "AccountName",
    "Answer",
    "AnswerWord",
    "ExtInfo",
    "Given",
    "Key",
    "Moment",
    "OfProduct",
    "Paged",
    "When",
    "Why",
    "answer_word",
    "carried",
    "printable",
]

KEY_MAX_CHARS = 64
WHY_MAX_CHARS = 500
PAGE_ROWS = 100
PAGE_ROWS_MAX = 1000
CURSOR_MAX_CHARS = 1000
_YEARS = range(1970, 9999)
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""What a push may not hold either."""


class Given(BaseModel):
    """What a caller sends: nothing is taken that is not known, and no error repeats what was sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Answer(BaseModel):
    """What a caller gets."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, json_schema_serialization_defaults_required=True
    )


def _iso(seconds: float) -> str:
    at = datetime.fromtimestamp(seconds, tz=UTC)
    return at.isoformat(timespec="milliseconds" if at.microsecond else "seconds").replace("+00:00", "Z")


def _read_iso(given: object) -> object:
    try:
        at = datetime.fromisoformat(str(given))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError("write a time as ISO 8601 with its zone: 2026-11-22T08:00:00Z")
    if at.year not in _YEARS:
        raise ValueError(f"a time lies in the years {_YEARS[0]} to {_YEARS[-1]}")
    return at


Moment = Annotated[
    float,
    PlainSerializer(_iso, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""A time in an answer: seconds since 1970, written as ISO 8601 in UTC with a ``Z``."""

When = Annotated[AwareDatetime, BeforeValidator(_read_iso), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time that a caller sends: ISO 8601 with a zone."""


def printable(text: str) -> str:
    """Return a text as it is.

    :raises ValueError: when it cannot be printed.
    """
    if not text.isprintable():
        raise ValueError("it has characters that cannot be printed")
    return text


def carried(text: str) -> str:
    """Return a text as it is.

    :raises ValueError: when it holds a control character, which no push can carry.
    """
    if _FORBIDDEN.search(text):
        raise ValueError("it has control characters")
    return text


AccountName = Annotated[str, Field(max_length=32, description="An account of the settings; else the first one.")]
Key = Annotated[str, Field(min_length=1, max_length=KEY_MAX_CHARS), AfterValidator(carried)]
ExtInfo = Annotated[str, Field(max_length=EXT_INFO_MAX_CHARS, description="The item's code."), AfterValidator(carried)]
Why = Annotated[
    str, Field(min_length=1, max_length=WHY_MAX_CHARS, description="Why, for the history."), AfterValidator(carried)
]


class AnswerWord(StrEnum):
    """What a consumer is told; ``success`` is no verdict."""

    REAL = "real"
    FAKE = "fake"
    NOT_ACTIVE = "not_active"
    SUCCESS = "success"


def answer_word(result: CodeResult | None) -> AnswerWord:
    """Return the word for a verdict, or for none."""
    return AnswerWord.SUCCESS if result is None else AnswerWord(result.value)


class Paged(Given):
    """What every list takes."""

    limit: Annotated[int, Field(ge=1, le=PAGE_ROWS_MAX, description="How many at most.")] = PAGE_ROWS
    cursor: Annotated[
        str | None, Field(max_length=CURSOR_MAX_CHARS, description="`next_cursor` of the page before.")
    ] = None


class OfProduct(Given):
    """What chooses a product: nothing, or all of its name."""

    account: AccountName | None = None
    keystandard: Key | None = None
    keystr: Key | None = None

    @model_validator(mode="after")
    def _check_complete(self) -> Self:
        if (self.keystandard is None) is not (self.keystr is None):
            raise ValueError("keystandard and keystr belong together")
        if self.account is not None and self.keystr is None:
            raise ValueError("account belongs to keystandard and keystr")
        return self
