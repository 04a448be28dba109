"""Which scans are wanted, and one page of them; and one page of other events."""

from __future__ import annotations

from dataclasses import dataclass

from scanhook.journal.entry import UNDECIDED, Entry, KeptEvent
from scanhook.message import CodeResult
from scanhook.registry import Reason

__all__ = ["ANSWERS", "ANY_SCAN", "REASONS", "SUCCESS_ANSWER", "EventPage", "Page", "Wanted"]

SUCCESS_ANSWER = "success"
"""Stands where a verdict would, of a scan that was answered without one."""
ANSWERS: tuple[str, ...] = (*(result.value for result in CodeResult), SUCCESS_ANSWER)
REASONS: tuple[str, ...] = (*(reason.value for reason in Reason), UNDECIDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Chooses scans; ``None`` is any.

    :param batch: its name.
    :param reason: one of ``REASONS``.
    :param verdict: one of ``ANSWERS``.
    :param source: the name of an API key.
    :raises ValueError: when reason or verdict is not one of those there are.
    """

    account: str | None = None
    key_standard: str | None = None
    key_str: str | None = None
    batch: str | None = None
    reason: str | None = None
    verdict: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        if self.reason is not None and self.reason not in REASONS:
            raise ValueError(f"a reason is one of {', '.join(REASONS)}")
        if self.verdict is not None and self.verdict not in ANSWERS:
            raise ValueError(f"a verdict is one of {', '.join(ANSWERS)}")


ANY_SCAN = Wanted()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some scans, the newest first.

    :param before: where the next page begins; ``None``: there is none. A page may be short, even empty, and have a next
        one: so much is looked through at once, and no more.
    """

    entries: tuple[Entry, ...]
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Some events of one kind, the oldest first.

    :param looked: the number of the last event that was looked at, whatever its kind: where the next page begins. Where
        there was none to look at, that of the newest event, which is smaller than what was asked for when the journal
        was exchanged for an older one.
    :param more: whether there may be more behind it.
    """

    events: tuple[KeptEvent, ...]
    looked: int
    more: bool
