"""Opens the answers as WeChat would: signature, decryption, and whether they speak of the right person and item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from scanhook.bench.plan import KEY_STANDARD, KEY_STR, SCAN, Plan, Taken, Told
from scanhook.envelope import Keyring
from scanhook.message import CodeResult
from scanhook.sandbox.answer import judge_verdict
from scanhook.sandbox.scan import Item, Person, Scan
from scanhook.sandbox.trace import Attempt, Shown

__all__ = ["CheckTask", "Checker"]

_RESULTS = {Shown.GENUINE: CodeResult.REAL, Shown.FAKE: CodeResult.FAKE, Shown.NOT_ACTIVE: CodeResult.NOT_ACTIVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTask:
    """Some answers with status 200.

    :param start: the place of the first of them among all that were sent.
    :param answers: the push's number, and the body.
    """

    start: int
    answers: Sequence[tuple[int, bytes]] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """Opens answers to the pushes of an account."""

    plan: Plan
    keys: Keyring

    def __call__(self, task: CheckTask) -> tuple[int, list[Told | str]]:
        """Return the place of the first, and what each was told; a sentence where an answer is none."""
        return task.start, [self._opened(number, body) for number, body in task.answers]

    def _opened(self, number: int, body: bytes) -> Told | str:
        if self.plan.event(number) != SCAN:
            return (
                Taken.SUCCESS
                if body == Taken.SUCCESS.encode()
                else "an event that asks for nothing was told more than `success`"
            )
        ext_info, _ = self.plan.told(number)
        scan = Scan(
            item=Item(key_standard=KEY_STANDARD, key_str=KEY_STR, ext_info=ext_info),
            person=Person(openid=self.plan.person(number)),
        )
        attempt = Attempt(number=1, started_at=0.0, seconds=0.0, status=200, body=body)
        opinion = judge_verdict(attempt, scan, keys=self.keys)
        return _RESULTS.get(opinion.shown, opinion.why)
