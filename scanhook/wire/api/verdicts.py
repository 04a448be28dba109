"""``POST /verdicts``: what mini programs and call centres ask; judged, journalled and counted like a scan.

It needs the scope ``operate``, since every question is a scan that staff will count. Whoever has it may read everything
anyway, so the answer names batch and position too.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from scanhook.asking import Inquiry, ask
from scanhook.office import KeyScope
from scanhook.registry import Reason
from scanhook.wire.api.operation import Call, Operation
from scanhook.wire.api.picturing import shown_with
from scanhook.wire.api.schema import AccountName, Answer, AnswerWord, ExtInfo, Given, Key, answer_word, printable

__all__ = ["OPERATIONS"]


Word = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(printable)]


class Question(Given):
    """A code that somebody asks about."""

    account: AccountName | None = None
    keystandard: Annotated[Key, AfterValidator(printable)]
    keystr: Annotated[Key, AfterValidator(printable)]
    extinfo: ExtInfo
    person: Annotated[Word, Field(description="Whoever scanned, by a name of yours that stays; only its hash is kept.")]
    id: Annotated[
        Word, Field(description="Yours: the same in all repeats of this question, never used for another code.")
    ]


class Judgement(Answer):
    """The verdict, as it is on the disk."""

    verdict: AnswerWord
    reason: Reason
    repeated: Annotated[bool, Field(description="It was answered before; this is that answer, and it counts once.")]
    batch: str | None
    position: int | None
    name: Annotated[str | None, Field(description="The product's, from the catalog.")]
    image: Annotated[str | None, Field(description="The address of a picture of the product, from the catalog.")]


def _judge(call: Call) -> Judgement:
    given: Question = call.body
    asked = ask(
        call.service.receiver,
        Inquiry(
            source=call.caller,
            id=given.id,
            account=call.account(given.account),
            key_standard=given.keystandard,
            key_str=given.keystr,
            ext_info=given.extinfo,
            person=given.person,
        ),
    )
    entry = asked.entry
    shown = shown_with(call.service, entry.account, entry.key_standard, entry.key_str)
    return Judgement(
        verdict=answer_word(entry.code_result),
        reason=Reason(entry.reason),
        repeated=asked.repeated,
        batch=entry.batch,
        position=entry.position,
        name=shown.name or None,
        image=shown.image or None,
    )


OPERATIONS = (
    Operation(
        id="judge_code",
        method="POST",
        path="/verdicts",
        tag="verdicts",
        summary="Ask whether a code is genuine: journalled, counted like a scan, and idempotent by the caller's id.",
        scope=KeyScope.OPERATE,
        handle=_judge,
        body=Question,
        answer=Judgement,
        problems=(409,),
    ),
)
