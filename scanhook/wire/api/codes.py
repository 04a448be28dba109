"""``POST /codes/check``: what is known of a code. A POST, so that no code ever stands in a URL or an access log."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scanhook.office import KeyScope
from scanhook.registry import Cause, Change, Edit, LookUp, Reason, State, find_nearest
from scanhook.verdict import Finding, Verdict, reason_of
from scanhook.wire.api.changes import CodeName
from scanhook.wire.api.history import ChangeShown, shown_change
from scanhook.wire.api.operation import Call, Operation
from scanhook.wire.api.schema import Answer, AnswerWord, Moment, answer_word

__all__ = ["OPERATIONS"]

_CHANGES = 10


class NearestShown(Answer):
    """The genuine code that is one edit away from an unknown one: for staff, never for consumers."""

    batch: str
    position: int
    likely: Cause
    edit: Edit
    place: Annotated[int, Field(description="Where in the unknown code's normal form, counted from 1; 0: all of it.")]
    others: Annotated[int, Field(description="How many more genuine codes are one edit away.")]
    why: str


class ResetShown(Answer):
    """That the counts of a code began anew."""

    at: Moment
    who: str
    why: str
    scans: Annotated[int, Field(description="How many there had been until then.")]
    persons: Annotated[int, Field(description="How many persons had scanned it until then.")]


class CodeChecked(Answer):
    """What is known of a code."""

    account: str
    verdict: AnswerWord
    reason: Reason
    asks_others: Annotated[
        bool, Field(description="A scan may ask other verifiers too; they were not asked for this answer.")
    ]
    code: Annotated[str | None, Field(description="The code's tag in hex; what is kept of it.")]
    batch: str | None
    position: int | None
    state: State | None
    scans: int
    persons: int
    first_scan: Moment | None
    last_scan: Moment | None
    counts_reset: Annotated[
        ResetShown | None, Field(description="Since when scans and persons are counted; null: from the beginning.")
    ]
    nearest: NearestShown | None
    changes: Annotated[list[ChangeShown], Field(description="Of this very code, the newest first.")]


def _check(call: Call) -> CodeChecked:
    given: CodeName = call.body
    service, account = call.service, call.account(call.body.account)
    found = service.registry.look_up(account, given.keystandard, given.keystr, given.extinfo)
    stray = service.pepper.stray_tag(account, given.keystandard, given.keystr, given.extinfo)
    tally = service.journal.tally(found.tag or stray)
    reason = reason_of(found, now=service.clock.now())
    verdict = Verdict.of(Finding(reason=reason), verifier="registry", look_up=found)
    return CodeChecked(
        account=account,
        verdict=answer_word(verdict.code_result),
        reason=verdict.reason,
        asks_others=any(url != "registry://" for url in service.house.settings.verifier.chain),
        code=(found.tag or stray).hex(),
        batch=found.code.batch if found.code else None,
        position=found.code.position if found.code else None,
        state=found.code.state_at(service.clock.now()) if found.code else None,
        scans=tally.scans if tally else 0,
        persons=tally.persons if tally else 0,
        first_scan=tally.first_at if tally else None,
        last_scan=tally.last_at if tally else None,
        counts_reset=_reset(call, found.tag or stray),
        nearest=_nearest(call, found),
        changes=[shown_change(change) for change in _changes(call, found)],
    )


def _reset(call: Call, tag: bytes) -> ResetShown | None:
    reset = call.service.journal.last_reset(tag)
    if reset is None:
        return None
    return ResetShown(
        at=reset.at,
        who=reset.who,
        why=reset.why,
        scans=reset.was.scans if reset.was else 0,
        persons=reset.was.persons if reset.was else 0,
    )


def _nearest(call: Call, found: LookUp) -> NearestShown | None:
    near = find_nearest(call.service.registry, found, pepper=call.service.pepper)
    if near is None:
        return None
    return NearestShown(
        batch=near.batch,
        position=near.position,
        likely=near.cause,
        edit=near.edit,
        place=near.place,
        others=near.others,
        why=near.why,
    )


def _changes(call: Call, found: LookUp) -> list[Change]:
    if found.tag is None or found.code is None:
        return []
    return call.service.registry.changes(tag=found.tag, limit=_CHANGES)


OPERATIONS = (
    Operation(
        id="check_code",
        method="POST",
        path="/codes/check",
        tag="codes",
        summary="Say what is known of a code and what a scan of it is answered. It is not counted as a scan.",
        scope=KeyScope.READ,
        handle=_check,
        body=CodeName,
        answer=CodeChecked,
    ),
)
