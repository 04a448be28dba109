"""Asks the verifiers in their order, within the time there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scanhook.errors import ScanhookError, StorageError, Undecided
from scanhook.registry import LookUp, Reason
from scanhook.verdict.aside import Aside
from scanhook.verdict.verifier import Finding, GroupVerifier, Question, Verdict, Verifier

__all__ = ["BUDGET_S", "Judge", "Link", "Unfinished"]

BUDGET_S = 3.0
"""WeChat cuts the line at 5 s; storing and answering need their share (DESIGN: deadline)."""
_ASK_ON = frozenset({Reason.UNKNOWN_CODE, Reason.UNKNOWN_PRODUCT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One verifier of the chain, with the name that its verdicts bear: the scheme of its URL."""

    name: str
    verifier: Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """Whoever could be asked at once has not decided, and whoever comes next may wait.

    :param so_far: what was said until then; ``None``: nobody was asked.
    """

    so_far: Verdict | None


class Judge:
    """Turns a question into a verdict, or raises :class:`~scanhook.errors.Undecided`. Reads, and changes nothing.

    :param chain: the next is asked only when the one before does not know the code or the product.
    :param timeout_s: how long a scan waits for verifiers that wait; never longer than ``BUDGET_S`` in all.
    :param waiters_max: how many scans of this process may wait at once: fewer than it has threads, so that scans
        which need not wait find one.
    """

    def __init__(self, chain: Sequence[Link], *, timeout_s: float = 2.0, waiters_max: int = 32) -> None:
        self._chain = tuple(chain)
        self._owns_chain = True
        self._timeout_s = min(timeout_s, BUDGET_S)
        waiting = [index for index, link in enumerate(chain) if link.verifier.waits]
        self._at_once = waiting[0] if waiting else len(chain)
        self._aside = Aside(waiters_max=waiters_max) if waiting else None
        first = chain[0].verifier if chain and self._at_once else None
        self._group = first if isinstance(first, GroupVerifier) else None

    @property
    def waits(self) -> bool:
        """Whether a verifier of the chain may wait for something outside this process."""
        return self._aside is not None

    def judge(self, question: Question, *, late: Callable[[Verdict], None]) -> Verdict:
        """Ask for a verdict.

        :param late: gets the verdict if it comes after :class:`Undecided` was raised.
        :raises Undecided: when a verifier failed or was late, or nobody had time to ask.
        """
        found = self.judge_at_once([question])[0]
        if isinstance(found, Undecided):
            raise found
        return self.judge_on(question, found, late=late) if isinstance(found, Unfinished) else found

    def judge_at_once(self, questions: Sequence[Question]) -> list[Verdict | Unfinished | Undecided]:
        """Ask the verifiers that need not wait; all questions together, where the first can take them so.

        :returns: for each its verdict; or what :meth:`judge_on` takes; or why there is none.
        """
        if self._group is None:
            return [self._go_on(question, self._chain[: self._at_once], None) for question in questions]
        link, rest = self._chain[0], self._chain[1 : self._at_once]
        try:
            findings = list(self._group.verify_all(questions))
            verdicts = [_heard(link, finding, None) for finding in findings]
        except StorageError as error:
            return [_failed(link, error) for _ in questions]
        except Exception:  # noqa: BLE001
            # Whichever question it breaks on, the others must not be left without their verdicts.
            return [self._go_on(question, self._chain[: self._at_once], None) for question in questions]
        if len(verdicts) != len(questions):  # nobody knows which belongs to which
            why = f"{link.name}: the verifier answered {len(questions)} questions with {len(verdicts)} findings"
            return [Undecided(why) for _ in questions]
        return [
            self._go_on(question, rest, verdict) if _goes_on(verdict) else verdict
            for question, verdict in zip(questions, verdicts, strict=True)
        ]

    def judge_on(self, question: Question, unfinished: Unfinished, *, late: Callable[[Verdict], None]) -> Verdict:
        """Ask the verifiers that may wait. Waits for them.

        :param late: as for :meth:`judge`, like the errors.
        """
        if self._aside is None:
            raise ValueError("no verifier of this chain waits")
        links, so_far = self._chain[self._at_once :], unfinished.so_far
        return self._aside.run(
            lambda: _decided(_ask(question, links, so_far)),
            wait_s=self._timeout_s,
            late=late,
        )

    def apart(self, *, waiters_max: int) -> Judge:
        """Return a judge that asks the same verifiers, and whose waiters take no place of this one's.

        It is to be closed before this one, and leaves the verifiers open.
        """
        judge = Judge(self._chain, timeout_s=self._timeout_s, waiters_max=waiters_max)
        judge._owns_chain = False
        return judge

    def close(self) -> None:
        """Close every verifier, after the calls that still run."""
        if self._aside is not None:
            self._aside.close()
        for link in self._chain if self._owns_chain else ():
            link.verifier.close()

    def _go_on(
        self, question: Question, links: Sequence[Link], so_far: Verdict | None
    ) -> Verdict | Unfinished | Undecided:
        try:
            so_far = _ask(question, links, so_far)
            if self._aside is not None and _goes_on(so_far):
                return Unfinished(so_far=so_far)
            return _decided(so_far)
        except Undecided as error:
            return error


def _ask(question: Question, links: Sequence[Link], so_far: Verdict | None) -> Verdict | None:
    for link in links:
        try:
            finding = link.verifier.verify(question)
        except Exception as error:
            raise _failed(link, error) from error
        so_far = _heard(link, finding, so_far)
        if not _goes_on(so_far):
            break
    return so_far


def _heard(link: Link, finding: Finding, so_far: Verdict | None) -> Verdict:
    """Return what stands once a verifier has answered."""
    if not isinstance(finding, Finding):
        raise Undecided(f"{link.name}: the verifier answered with {type(finding).__name__}, not with a Finding")
    look_up = finding.look_up or (so_far.look_up if so_far else LookUp())
    if so_far is not None and finding.reason is Reason.UNKNOWN_PRODUCT:
        return so_far
    return Verdict.of(finding, verifier=link.name, look_up=look_up)


def _failed(link: Link, error: Exception) -> Undecided:
    if isinstance(error, Undecided):
        return error
    if isinstance(error, ScanhookError):
        return Undecided(f"{link.name}: {error}")
    # Somebody else's verifier may raise anything, with the code in its text: only the type is told.
    return Undecided(f"{link.name}: the verifier broke with {type(error).__name__}")


def _goes_on(verdict: Verdict | None) -> bool:
    return verdict is None or verdict.reason in _ASK_ON


def _decided(verdict: Verdict | None) -> Verdict:
    if verdict is None:
        raise Undecided("no verifier is set")
    return verdict
