"""What the journal's engine must be able to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from scanhook.journal.entry import Entry, Kept, Noted, Recorded, Reset, Scan, Sighting, Tally
from scanhook.journal.peoplestore import PeopleStore
from scanhook.journal.wanted import ANY_SCAN, EventPage, Page, Wanted
from scanhook.message import CodeResult
from scanhook.verdict import Verdict

__all__ = ["JournalStore"]


class JournalStore(PeopleStore, Protocol):
    """One engine. Every method raises :class:`~scanhook.errors.StorageError` when the engine cannot do its work.

    :ivar waits: whether a call may wait for another machine: then no event loop may make it.
    """

    waits: bool

    def recall(self, identity: bytes) -> Entry | None:
        """Return the decided scan of that identity, if there is one."""

    def record(self, scan: Scan, verdict: Verdict | None, *, now: float) -> Recorded:
        """Store a scan, durably, before this returns. The first verdict of a push stays for ever.

        :param verdict: ``None`` records it as undecided; the first real verdict completes that.
        :param now: seconds since 1970.
        """

    def store_all(
        self, scans: Sequence[tuple[Scan, Verdict | None]] = (), events: Sequence[Noted] = (), *, now: float
    ) -> Kept:
        """Store scans as :meth:`record` does, and other events, in one transaction: all are on the disk, or none.

        :param now: seconds since 1970.
        """

    def events(self, event: str, *, after: int) -> EventPage:
        """Look through the next events, in the order of arrival, for those of one kind.

        So many are looked through as take some milliseconds; whoever follows a kind goes on where that ended.

        :param event: WeChat's name of it.
        :param after: the number of the last event that need not be looked at.
        """

    def tally(self, tag: bytes) -> Tally | None:
        """Return the counts of a code; ``None``: it was never scanned, or not since its counts began anew."""

    def reset_counts(self, tags: Sequence[bytes], *, who: str, why: str = "", now: float) -> list[Reset]:
        """Let the counts of a code begin anew, durably; its scans stay, and who scanned it just now is still found.

        A scan that is stored by then is never counted again: neither when its push is repeated, nor when it gets its
        verdict only afterwards.

        :param tags: of one code: the registry's, and the one that it has where no product is found.
        :param who: for whoever asks later, like ``why``.
        :param now: seconds since 1970.
        :returns: what there was, for each tag in its order.
        """

    def last_reset(self, tag: bytes) -> Reset | None:
        """Return since when the counts of a code count; ``None``: from the beginning."""

    def sighting(self, person: bytes, tags: Sequence[bytes], *, since: float) -> Sighting | None:
        """Return the newest decided scan of a code by a person that WeChat pushed; questions over the API prove none.

        Costs little where that person never scanned the code, or nobody did in that time. Whoever scanned the code last
        is always found; where others came later, a scan behind very many newer ones is not: the look is bounded.

        :param person: the keyed hash of the openid.
        :param tags: of one code: the registry's, and the one that it has where no product is found.
        :param since: seconds since 1970, received then or later.
        """

    def tail(self, count: int, *, wanted: Wanted = ANY_SCAN) -> list[Entry]:
        """Return the newest scans, the oldest of them first."""

    def entries(
        self, *, after: int = 0, since: float | None = None, until: float | None = None, wanted: Wanted = ANY_SCAN
    ) -> Iterator[Entry]:
        """Yield scans in the order of their numbers; whoever goes on behind the last of them misses none.

        So one that is stored already may come a moment later, until those with smaller numbers are stored too.

        :param after: the number of the last scan that is not wanted.
        :param since: seconds since 1970, received then or later.
        :param until: seconds since 1970, received before.
        """

    def entries_before(
        self,
        before: int | None = None,
        *,
        limit: int,
        since: float | None = None,
        until: float | None = None,
        wanted: Wanted = ANY_SCAN,
    ) -> Page:
        """Return the newest scans before one, the newest first: for pages that go back in time.

        :param before: the number of the first scan that is not wanted; ``None`` begins with the newest.
        :param limit: how many at most.
        """

    def counts(
        self, *, since: float | None = None, until: float | None = None, wanted: Wanted = ANY_SCAN
    ) -> dict[tuple[str, CodeResult | None], int]:
        """Count scans by reason and verdict.

        Only the scans of that time are read: numbers grow with time, so where it begins and ends is found by halving.

        :returns: only what there is at least one of; a verdict is ``None`` as in :class:`~scanhook.journal.Entry`.
        """

    def newest_at(self, *, pushed: bool = False) -> float | None:
        """Return when the newest scan was received, in seconds since 1970.

        :param pushed: only of those that WeChat pushed, for which its clock and ours agreed; one that lies far back
            among questions over the API is not looked for.
        """

    def probe(self) -> None:
        """Prove that the journal can be written, and belongs to the pepper."""

    def describe(self) -> str:
        """Name the engine and how safe a commit is, for people."""

    def close(self) -> None:
        """Close what is open."""
