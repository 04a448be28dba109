"""Makes questions, and verifiers that answer as a test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scanhook.registry import Reason
from scanhook.verdict import Finding, Question, Verdict
from tests.registry.codes import AT, EAN


def question(ext_info: str = "A1", **changed: Any) -> Question:
    fields: dict[str, Any] = {
        "id": "00112233445566778899aabbccddeeff",
        "account": "main",
        "key_standard": EAN[0],
        "key_str": EAN[1],
        "ext_info": ext_info,
        "asked_at": AT,
    }
    return Question(**{**fields, **changed})


def never(verdict: Verdict) -> None:
    raise AssertionError(f"nobody asked for a late verdict: {verdict}")


@dataclass(slots=True, kw_only=True)
class Scripted:
    """A verifier that does what it is told, and remembers what it was asked."""

    answer: Callable[[Question], Any]
    waits: bool = False
    asked: list[Question] = field(default_factory=list)
    closed: int = 0

    def verify(self, question: Question) -> Finding:
        self.asked.append(question)
        answered: Finding = self.answer(question)
        return answered

    def close(self) -> None:
        self.closed += 1


def finds(reason: Reason, *, waits: bool = False, **more: Any) -> Scripted:
    return Scripted(answer=lambda _question: Finding(reason=reason, **more), waits=waits)


def fails(error: BaseException, *, waits: bool = False) -> Scripted:
    def answer(_question: Question) -> Finding:
        raise error

    return Scripted(answer=answer, waits=waits)
