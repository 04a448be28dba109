"""Asks the verifiers in their order, within the time there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scanhook.errors import ScanhookError, Undecided
from scanhook.registry import LookUp, Reason
from scanhook.verdict.aside import Aside
from scanhook.verdict.verifier import Finding, Question, Verdict, Verifier

__all__ = ["BUDGET_S", "Judge", "Link"]

BUDGET_S = 3.0
"""WeChat cuts the line at 5 s; storing and answering need their share (DESIGN: deadline)."""
_ASK_ON = frozenset({Reason.UNKNOWN_CODE, Reason.UNKNOWN_PRODUCT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One verifier of the chain, with the name that its verdicts bear: the scheme of its URL."""

    name: str
    verifier: Verifier


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

    @property
    def waits(self) -> bool:
        """Whether a verifier of the chain may wait for something outside this process."""
        return self._aside is not None

    def judge(self, question: Question, *, late: Callable[[Verdict], None]) -> Verdict:
        """Ask for a verdict.

        :param late: gets the verdict if it comes after :class:`Undecided` was raised.
        :raises Undecided: when a verifier failed or was late, or nobody had time to ask.
        """
        so_far = self._ask(question, self._chain[: self._at_once], None)
        if self._aside is None or not _goes_on(so_far):
            return _decided(so_far)
        return self._aside.run(
            lambda: _decided(self._ask(question, self._chain[self._at_once :], so_far)),
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

    @staticmethod
    def _ask(question: Question, links: Sequence[Link], so_far: Verdict | None) -> Verdict | None:
        for link in links:
            try:
                finding = link.verifier.verify(question)
            except ScanhookError as error:
                raise Undecided(f"{link.name}: {error}") from error
            except Exception as error:
                # Somebody else's verifier may raise anything, with the code in its text: only the type is told.
                raise Undecided(f"{link.name}: the verifier broke with {type(error).__name__}") from error
            if not isinstance(finding, Finding):
                raise Undecided(f"{link.name}: the verifier answered with {type(finding).__name__}, not with a Finding")
            look_up = finding.look_up or (so_far.look_up if so_far else LookUp())
            verdict = Verdict.of(finding, verifier=link.name, look_up=look_up)
            if so_far is None or verdict.reason is not Reason.UNKNOWN_PRODUCT:
                so_far = verdict
            if not _goes_on(so_far):
                break
        return so_far


def _goes_on(verdict: Verdict | None) -> bool:
    return verdict is None or verdict.reason in _ASK_ON


def _decided(verdict: Verdict | None) -> Verdict:
    if verdict is None:
        raise Undecided("no verifier is set")
    return verdict
