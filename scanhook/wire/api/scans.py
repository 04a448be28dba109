"""``/scans`` and ``/statistics``: what was scanned, and how often."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from scanhook.journal import REASONS, UNDECIDED, Entry, Wanted
from scanhook.office import KeyScope
from scanhook.wire.api.operation import Call, Operation
from scanhook.wire.api.paging import number_after, write_cursor
from scanhook.wire.api.schema import AccountName, Answer, AnswerWord, Given, Key, Moment, Paged, When, answer_word

__all__ = ["OPERATIONS"]

_DAY_S = 86400
_SOURCE_MAX_CHARS = 64


def _is_reason(reason: str) -> str:
    if reason not in REASONS:
        raise ValueError(f"it is one of {', '.join(REASONS)}")
    return reason


ReasonWord = Annotated[
    str,
    AfterValidator(_is_reason),
    Field(description="Why; `undecided` while there is no verdict.", json_schema_extra={"enum": list(REASONS)}),
]


class ScanFilter(Given):
    """Chooses scans."""

    since: Annotated[When | None, Field(description="Received then or later.")] = None
    until: Annotated[When | None, Field(description="Received before.")] = None
    account: AccountName | None = None
    keystandard: Key | None = None
    keystr: Key | None = None
    batch: Annotated[str | None, Field(max_length=64, description="Its name.")] = None
    source: Annotated[
        str | None, Field(max_length=_SOURCE_MAX_CHARS, description="The name of the API key that asked.")
    ] = None


class ScanQuery(Paged, ScanFilter):
    """Chooses scans, page by page."""

    reason: ReasonWord | None = None
    verdict: AnswerWord | None = None


class ScanShown(Answer):
    """A scan, or a question over the API."""

    number: int
    received_at: Moment
    account: str
    keystandard: str
    keystr: str
    verdict: Annotated[AnswerWord | None, Field(description="`null` while undecided.")]
    reason: ReasonWord
    verifier: str | None
    batch: str | None
    position: int | None
    code: Annotated[str | None, Field(description="The code's tag in hex.")]
    extinfo: Annotated[str | None, Field(description="Only of a code that the registry does not know.")]
    person: Annotated[str, Field(description="A hash.")]
    source: Annotated[str | None, Field(description="The name of the API key that asked; `null`: WeChat.")]


class ScanPage(Answer):
    """Scans, the newest first. A page may be short, even empty, and have a next one."""

    items: list[ScanShown]
    next_cursor: str | None


class Statistics(Answer):
    """How many scans there were."""

    since: Moment
    until: Moment
    scans: int
    by_reason: dict[str, int]
    by_verdict: Annotated[dict[str, int], Field(description="real, fake, not_active, success (no verdict), undecided.")]


def _shown(entry: Entry) -> ScanShown:
    return ScanShown(
        number=entry.number,
        received_at=entry.received_at,
        account=entry.account,
        keystandard=entry.key_standard,
        keystr=entry.key_str,
        verdict=answer_word(entry.code_result) if entry.decided else None,
        reason=entry.reason,
        verifier=entry.verifier,
        batch=entry.batch,
        position=entry.position,
        code=entry.tag.hex() if entry.tag else None,
        extinfo=entry.ext_info,
        person=entry.person.hex(),
        source=entry.source,
    )


def _wanted(call: Call, given: ScanFilter, *, reason: str | None = None, verdict: str | None = None) -> Wanted:
    return Wanted(
        account=given.account and call.account(given.account),
        key_standard=given.keystandard,
        key_str=given.keystr,
        batch=given.batch,
        reason=reason,
        verdict=verdict,
        source=given.source,
    )


def _list(call: Call) -> ScanPage:
    query: ScanQuery = call.query
    page = call.service.journal.entries_before(
        number_after("scans", query.cursor),
        limit=query.limit,
        since=query.since.timestamp() if query.since else None,
        until=query.until.timestamp() if query.until else None,
        wanted=_wanted(call, query, reason=query.reason, verdict=query.verdict),
    )
    return ScanPage(
        items=[_shown(entry) for entry in page.entries],
        next_cursor=None if page.before is None else write_cursor("scans", page.before),
    )


def _count(call: Call) -> Statistics:
    query: ScanFilter = call.query
    until = query.until.timestamp() if query.until else call.service.clock.now()
    since = query.since.timestamp() if query.since else until - _DAY_S
    # Scans of this very moment count too.
    ends = query.until.timestamp() if query.until else None
    counts = call.service.journal.counts(since=since, until=ends, wanted=_wanted(call, query))
    by_reason: dict[str, int] = {}
    by_verdict: dict[str, int] = {}
    for (reason, result), scans in counts.items():
        verdict = UNDECIDED if reason == UNDECIDED else answer_word(result).value
        by_reason[reason] = by_reason.get(reason, 0) + scans
        by_verdict[verdict] = by_verdict.get(verdict, 0) + scans
    return Statistics(
        since=since, until=until, scans=sum(by_reason.values()), by_reason=by_reason, by_verdict=by_verdict
    )


OPERATIONS = (
    Operation(
        id="list_scans",
        method="GET",
        path="/scans",
        tag="scans",
        summary="List scans, the newest first.",
        scope=KeyScope.READ,
        handle=_list,
        query=ScanQuery,
        answer=ScanPage,
    ),
    Operation(
        id="count_scans",
        method="GET",
        path="/statistics",
        tag="scans",
        summary="Count scans by reason and verdict: of the last day or another time; of all, a product or a batch.",
        scope=KeyScope.READ,
        handle=_count,
        query=ScanFilter,
        answer=Statistics,
    ),
)
