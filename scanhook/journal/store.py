"""What the journal keeps, and what its engine must be able to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from scanhook.message import CodeResult
from scanhook.registry import Reason
from scanhook.verdict import Verdict

__all__ = ["UNDECIDED", "Entry", "JournalStore", "Noted", "Recorded", "Scan", "Tally"]

UNDECIDED = "undecided"
"""Stands where a reason would, of a scan that has no verdict yet."""

_PLAIN_REASONS = frozenset({Reason.UNKNOWN_CODE, Reason.UNREADABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One push that asks for a verdict.

    :param identity: 16 bytes, the same in every repeat of the push.
    :param received_at: seconds since 1970, our clock.
    :param create_time: seconds since 1970, WeChat's clock.
    :param person: 16 bytes: the keyed hash of the openid.
    :param stray_tag: what to count the code by if no product is found.
    """

    identity: bytes
    received_at: float
    account: str
    create_time: int
    key_standard: str
    key_str: str
    ext_info: str = field(repr=False)
    person: bytes
    stray_tag: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A scan as the journal keeps it.

    :param number: counts up in the order of arrival.
    :param received_at: seconds since 1970, like ``decided_at``.
    :param reason: a :class:`~scanhook.registry.Reason`, or ``undecided``.
    :param code_result: ``None`` while undecided, and where the answer is ``success``.
    :param tag: of the code, in bytes; ``None`` while undecided.
    :param ext_info: only of a code that nobody knows.
    """

    number: int
    received_at: float
    account: str
    create_time: int
    key_standard: str
    key_str: str
    person: bytes
    reason: str
    code_result: CodeResult | None
    verifier: str | None
    decided_at: float | None
    tag: bytes | None
    batch: str | None
    position: int | None
    ext_info: str | None = field(repr=False)

    @property
    def decided(self) -> bool:
        """Whether there is a verdict."""
        return self.reason != UNDECIDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of recording a scan.

    :param entry: as it is on the disk now; its verdict is the first that was ever given.
    :param repeated: the push had been recorded before.
    :param decided_now: this call gave the scan its verdict.
    :param commit_s: how long the transaction took, in seconds.
    """

    entry: Entry
    repeated: bool
    decided_now: bool
    commit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """One of the other events of the family, as the journal keeps it.

    :param event: WeChat's name of it.
    :param person: ``None`` where the sender is no person.
    :param tag: of the code; the ExtInfo itself is not kept.
    :param fields: what the event says besides.
    """

    identity: bytes
    received_at: float
    account: str
    create_time: int
    event: str
    key_standard: str
    key_str: str
    person: bytes | None
    tag: bytes
    fields: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How often a code was scanned, by how many persons, and when (seconds since 1970)."""

    scans: int
    persons: int
    first_at: float
    last_at: float


class JournalStore(Protocol):
    """One engine. Every method raises :class:`~scanhook.errors.StorageError` when the engine cannot do its work."""

    def recall(self, identity: bytes) -> Entry | None:
        """Return the decided scan of that identity, if there is one."""

    def record(self, scan: Scan, verdict: Verdict | None, *, now: float) -> Recorded:
        """Store a scan, durably, before this returns. The first verdict of a push stays for ever.

        :param verdict: ``None`` records it as undecided; the first real verdict completes that.
        :param now: seconds since 1970.
        """

    def record_all(self, scans: Sequence[tuple[Scan, Verdict | None]], *, now: float) -> list[Recorded]:
        """Store scans as :meth:`record` does, all in one transaction: either all are on the disk, or none.

        :returns: what became of each, in their order.
        """

    def note(self, event: Noted) -> bool:
        """Store another event, durably; tells whether it is the first time that it came."""

    def tally(self, tag: bytes) -> Tally | None:
        """Return the counts of a code."""

    def tail(self, count: int) -> list[Entry]:
        """Return the newest scans, the oldest of them first."""

    def entries(self, *, after: int = 0, since: float | None = None, until: float | None = None) -> Iterator[Entry]:
        """Yield scans in the order of arrival.

        :param after: the number of the last scan that is not wanted.
        :param since: seconds since 1970, received then or later.
        :param until: seconds since 1970, received before.
        """

    def newest_at(self) -> float | None:
        """Return when the newest scan was received, in seconds since 1970."""

    def probe(self) -> None:
        """Prove that the journal can be written, and belongs to the pepper."""

    def describe(self) -> str:
        """Name the engine and how safe a commit is, for people."""

    def close(self) -> None:
        """Close what is open."""


def kept_plain(scan: Scan, verdict: Verdict) -> str | None:
    """Return the ExtInfo if the journal may keep it: of a code that nobody vouches for.

    A genuine code in the clear would be worth copying.
    """
    return scan.ext_info if verdict.reason in _PLAIN_REASONS else None
