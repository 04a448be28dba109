"""What a verifier is asked, and what it may answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from scanhook.message import CodeResult
from scanhook.registry import DEFAULT_VERDICTS, LookUp, Reason

__all__ = ["Finding", "GroupVerifier", "Question", "Verdict", "Verifier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One item, somebody wants to know of.

    :param id: names the push; the same in all its repeats. 32 hex digits that tell nothing of the person.
    :param account: the account's name in the settings.
    :param key_standard: as WeChat pushed it, like ``key_str`` and ``ext_info``.
    :param ext_info: the item's code; empty where there is none.
    :param asked_at: seconds since 1970.
    """

    id: str
    account: str
    key_standard: str
    key_str: str
    ext_info: str = field(repr=False)
    asked_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a verifier says.

    :param reason: why; it names the verdict, as the product's settings say.
    :param code_result: a verdict of the verifier's own, over what the product's settings say of the reason.
    :param look_up: what the registry found, from a verifier that asked it.
    :raises ValueError: when reason or verdict is not one of those there are.
    """

    reason: Reason
    code_result: CodeResult | None = None
    look_up: LookUp | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", Reason(self.reason))
        if not isinstance(self.look_up, LookUp | None):
            raise ValueError("look_up is what the registry's look_up returned, or None")  # noqa: TRY004
        if self.code_result is not None:
            object.__setattr__(self, "code_result", CodeResult(self.code_result))


class Verifier(Protocol):
    """Says of an item whether it is genuine. Chosen by the scheme of a URL in ``[verifier] chain``.

    :ivar waits: True when :meth:`verify` may wait for something outside this process. It is then called in another
        thread and under a time limit.
    """

    waits: bool

    def verify(self, question: Question) -> Finding:
        """Answer a question. Called from many threads at once.

        :raises VerifierFailed: when it has no answer. It never guesses.
        """

    def close(self) -> None:
        """Give back what is held open."""


@runtime_checkable
class GroupVerifier(Verifier, Protocol):
    """A verifier to which many questions cost less together."""

    def verify_all(self, questions: Sequence[Question]) -> list[Finding]:
        """Answer questions, in their order, as many as were asked.

        :raises StorageError: when none of them can be answered; nobody asks again, for each would wait as long.
        :raises Exception: when one of them has no answer. Each is then asked alone, by :meth:`verify`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is answered, and why.

    :param code_result: ``None``: the answer is ``success``, which tells WeChat nothing.
    :param verifier: the URL scheme of the verifier that decided.
    :param look_up: what the registry found.
    """

    code_result: CodeResult | None
    reason: Reason
    verifier: str
    look_up: LookUp = field(default_factory=LookUp)

    @classmethod
    def of(cls, finding: Finding, *, verifier: str, look_up: LookUp) -> Verdict:
        """Turn a finding into a verdict: the product's settings say what its reason is answered with."""
        result = finding.code_result
        if result is None:
            product = look_up.product
            result = product.answer_to(finding.reason) if product else DEFAULT_VERDICTS[finding.reason]
        return cls(code_result=result, reason=finding.reason, verifier=verifier, look_up=look_up)
