"""What a journal's engine must be able to do for the sake of people: find, erase, and let go of what is old."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from scanhook.journal.entry import Entry, KeptEvent

__all__ = ["REPEATED_S", "Erasure", "PeopleStore", "Progress", "Pseudonym", "Stage", "silent"]

REPEATED_S = 3600.0
"""WeChat repeats a push within seconds, and the slowest verifier answers within minutes: then all is settled."""

Progress = Callable[[str, int, int], None]
"""Is told what is being walked through, how far the walk has come, and how far it goes."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """That somebody was erased, and when.

    :param mark: 16 bytes: a keyed hash of the person's hash.
    :param at: seconds since 1970; what was received before is erased.
    """

    mark: bytes
    at: float


class Stage(StrEnum):
    """How far an erasure is in a journal."""

    NEW = "new"
    WALKED = "walked"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pseudonym:
    """Who a person becomes.

    :param person: the hash that goes.
    :param replacement: the random one that takes its place.
    :param before: seconds since 1970; what was received before is concerned.
    """

    person: bytes
    replacement: bytes
    before: float


class PeopleStore(Protocol):
    """One engine. Scans go on during everything here, and never wait for long."""

    def persons(self, *, since: float | None = None, progress: Progress = silent) -> Iterator[bytes]:
        """Yield the hash of every person that the journal knows; some come more than once.

        :param since: seconds since 1970: only persons of scans and events that were received then or later.
        """

    def scans_of(self, person: bytes, *, progress: Progress = silent) -> Iterator[Entry]:
        """Yield a person's scans."""

    def events_of(self, person: bytes, *, progress: Progress = silent) -> Iterator[KeptEvent]:
        """Yield a person's other events."""

    def codes_of(self, person: bytes, *, progress: Progress = silent) -> Iterator[bytes]:
        """Yield the tags of the codes that a person is counted by, those of scans that are gone too."""

    def begin_erasure(self, erasure: Erasure, replacement: bytes) -> bytes:
        """Note that an erasure begins, durably; one that is not done goes on.

        :returns: the replacement: the one given, or that of the person's erasure which is not done.
        """

    def end_walk(self, erasure: Erasure, *, done: bool) -> None:
        """Note that the journal was walked through for an erasure.

        :param done: no other walk is needed: its replacement is forgotten.
        """

    def stage_of(self, erasure: Erasure) -> Stage:
        """Tell how far an erasure, or a newer one of the same person, is in this journal."""

    def erasures(self) -> list[Erasure]:
        """Return the newest erasure of each person that was begun in this journal, in the order of time."""

    def erase(self, pseudonyms: Sequence[Pseudonym], *, now: float, progress: Progress = silent) -> int:
        """Put random hashes in the place of persons everywhere, and drop their openids and their pushes' identities.

        The counts of every code stay right: where it leads two hashes of a code together, the code has one person less.
        A push of the last hour keeps its identity, for its repeats must still be known: see :meth:`drop_identities`.

        :param now: seconds since 1970.
        :returns: how many scans were concerned.
        """

    def drop_identities(self, replacements: Sequence[bytes], *, since: float, progress: Progress = silent) -> None:
        """Drop the identities of the pushes of persons who were erased; their repeats are not known any more.

        :param replacements: the random hashes that took the places of theirs.
        :param since: seconds since 1970: of pushes that were received then or later.
        """

    def prune(self, *, before: float, dry_run: bool = False, progress: Progress = silent) -> tuple[int, int]:
        """Delete scans and other events that were received before a time (seconds since 1970).

        The tallies are totals and stay. So do the pairs of code and person: who scans a code again after the deletion
        is not counted as another person. A push that comes again is found by its scan, which must be there for the few
        seconds in which WeChat repeats it; a question over the API whose scan is deleted is a new one.

        :param dry_run: only count them.
        :returns: how many scans, and how many other events.
        """

    def drop_openids(self, *, before: float, dry_run: bool = False, progress: Progress = silent) -> int:
        """Delete openids that were received before a time (seconds since 1970); returns how many."""
