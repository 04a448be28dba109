"""A move while the house is still used: begun or taken up, filled, caught up with, and looked over.

Killed at any moment, it goes on where it was: how far it is stands in the target, in the very transactions that fill
it, and a change is forgotten in the source only when the target has it.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from scanhook.errors import Refused, StorageError, StorageMoved
from scanhook.storage.database import moved
from scanhook.storage.files import Telling
from scanhook.storage.moving.catching import Mover
from scanhook.storage.moving.digest import RowSum
from scanhook.storage.moving.filled import Filled
from scanhook.storage.moving.opening import opened_target
from scanhook.storage.moving.source import Source, SourceRoom, opened_source
from scanhook.storage.moving.tables import Table
from scanhook.storage.moving.target import Target
from scanhook.storage.pepper import Pepper
from scanhook.storage.url import SQLITE, StorageUrl

__all__ = ["FEW", "Begun", "GivenUp", "Move", "give_up_without_target", "opened_move"]

FEW = 500
"""Changes that are caught up with in a moment."""
_MOMENT_S = 0.5
_ID_BYTES = 8


class Begun(Enum):
    """How a move begins."""

    ANEW = "anew"
    AGAIN = "again"
    HANDED_OVER = "handed over"
    """It was finished, and perhaps cut off before it had said so."""


class GivenUp(Enum):
    """What became of the copy when a move was given up."""

    GONE = "gone"
    EMPTIED = "emptied"
    """Its tables were not made by the move, and stay: empty, and marked so that nobody can use them."""
    NOT_THERE = "not there"
    """The target holds no copy of this house, and nothing in it was touched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """From one source into one target.

    :param tell: is told of long work: what is done, how much of it, of how much in all.
    :param began: is told of every phase that begins.
    """

    source: Source
    target: Target
    mover: Mover
    tell: Telling
    began: Callable[[str], None]

    def begin(self) -> Begun:
        """Begin a move, or take it up where it was left.

        A source that a killed ``--finish`` has left marked goes on serving from here on, unless it was handed over.

        :raises Refused: when the target holds a storage that is in use, or that of another pepper.
        :raises SchemaMismatch: when one of them is of another version.
        :raises StorageMoved: when the source was left for good, for another target than this one.
        """
        if self._is_handed_over():
            return Begun.HANDED_OVER
        self.source.check_not_left()
        self.target.check()
        found = self._found()
        if found is None or found != self.target.move_id():
            self._begin_anew()
            return Begun.ANEW
        self._check_closed()
        self.target.go_on(self.source.tables)
        self.source.unmark()
        return Begun.AGAIN

    def _check_closed(self) -> None:
        if self.target.is_open():
            raise Refused(
                f"{self.target.place} is a copy of this house that was opened, and this house went on: see that no "
                "service uses it, drop that database, and begin again in an empty one"
            )

    def _begin_anew(self) -> None:
        token = secrets.token_hex(_ID_BYTES)
        self.target.begin(self.source.tables, move_id=self._named(token), origin=str(self.source.folder))
        self.source.unmark()
        # Killed in between, the two do not know each other, and the next run begins anew once more.
        self.source.begin_capture(token)

    def _found(self) -> str | None:
        token = self.source.capture_id()
        return None if token is None else self._named(token)

    def _named(self, token: str) -> str:
        """Name a move by everything that must still be so when it is taken up."""
        rooms = {room.name: [room.inode, room.version] for room in self.source.rooms}
        return json.dumps({"move": token, "rooms": rooms}, sort_keys=True)

    def fill(self) -> None:
        """Copy all rows that are there, and compare their digests."""
        self.began("copying")
        for room in self.source.rooms:
            counts = {table.name: room.count(table) for table in room.tables}
            done, total = 0, sum(counts.values())
            for table in room.tables:
                for filled in self._pages(room, table):
                    self.tell(f"copying {room.name}", min(done + filled.target.rows, total), total)
                done += counts[table.name]
            self.tell(f"copying {room.name}", max(total, 1), max(total, 1))

    def _pages(self, room: SourceRoom, table: Table) -> Iterator[Filled]:
        filled = self.target.filled(table)
        while not filled.whole:
            filled = self.mover.add_page(room, table)
            yield filled

    def catch_up(self) -> int:
        """Put in place all that was changed until now, and then, until little is left, what was changed since.

        Little is what a moment takes: where many change much, there is always more than a few.

        :returns: how many changes that were.
        """
        self.began("catching up")
        due = Counter({room.name: room.pending() for room in self.source.rooms})
        caught, started = 0, time.monotonic()
        while True:
            left = sum(room.pending() for room in self.source.rooms)
            few = max(FEW, caught / max(time.monotonic() - started, _MOMENT_S) * _MOMENT_S)
            if not due.total() and left <= few:
                self.tell("catching up", max(caught, 1), max(caught, 1))
                return caught
            self.tell("catching up", caught, caught + left)
            put = Counter({room.name: self.mover.catch_up(room) for room in self.source.rooms})
            caught += put.total()
            due -= put  # the oldest come first, and what is not above zero goes away

    def look_over(self) -> dict[str, int]:
        """Count and read the rows of every table on both sides, while the house goes on; returns the counts by table.

        :raises StorageError: when a table has other rows than were moved.
        """
        self.began("comparing")
        counts = {table.label: self._counted(table) for table in self.source.tables}
        done, total = 0, max(sum(counts.values()), 1)
        for table in self.source.tables:
            found = RowSum()
            for part in self._compared(table):
                found += part
                self.tell("comparing", min(done + found.rows, total), total)
            noted = self.target.filled(table)
            if not found == noted.source == noted.target:
                raise StorageError(
                    f"{table.label}: {self.target.place} holds other rows now than were written: look for who changes "
                    "them there, then give the copy up (--give-up), and begin again"
                )
            done += found.rows
        self.tell("comparing", total, total)
        return counts

    def _compared(self, table: Table) -> Iterator[RowSum]:
        room, after = self.source.room_of(table), None
        while True:
            after, found = self.mover.compare_page(room, table, after)
            yield found
            if after is None:
                return

    def _counted(self, table: Table) -> int:
        room = self.source.room_of(table)
        with room.snapshot():
            here = room.count(table)
            behind = list(dict.fromkeys(change.key for change in room.changes() if change.name == table.name))
            changed_here = len(room.rows(table, behind))
        there, changed_there = self.target.count(table), self.target.count_of(table, behind)
        noted = self.target.filled(table)
        if here - changed_here != there - changed_there or noted.source.rows != there or noted.target.rows != there:
            raise StorageError(
                f"{table.label} has {here:,} rows, and its copy {there:,}, where "
                f"{here - changed_here + changed_there:,} should be: give the copy up (--give-up), and begin again"
            )
        return there

    def know(self) -> None:
        """Let the target's planner know all tables."""
        self.began("analyzing")
        for number, table in enumerate(self.source.tables):
            self.tell("analyzing", number, len(self.source.tables))
            self.target.analyze(table)
        self.tell("analyzing", len(self.source.tables), len(self.source.tables))

    def give_up(self) -> GivenUp:
        """End a move that is not finished: nothing of it stays in the source, and the copy is thrown away.

        :raises Refused: when there is none.
        :raises StorageMoved: when the house was handed over.
        """
        if self._is_handed_over():
            raise StorageMoved(moved(str(self.source.folder), self.target.place))
        self.source.check_not_left()
        origin, found = str(self.source.folder), self._found()
        became = GivenUp.NOT_THERE
        if (found is not None and found == self.target.move_id()) or self.target.is_filled_from(origin):
            self._check_closed()
            gone = self.target.throw_away(self.source.tables, origin=origin)
            became = GivenUp.GONE if gone else GivenUp.EMPTIED
        elif not self.source.is_in_a_move():
            holds = "a storage, but no unfinished copy of this one" if self.target.has_tables() else "no copy of it"
            raise Refused(
                f"there is no move to give up: {origin} is not being moved, and {self.target.place} holds {holds}; "
                "nothing was changed"
            )
        self.source.unmark()
        self.source.end_capture()
        return became

    def _is_handed_over(self) -> bool:
        """Tell whether the target took over, perhaps from a run that was killed before it could say so.

        :raises Refused: when only another target can tell.
        """
        marked = self.source.moved_to()
        if marked not in (None, self.target.place):
            self.source.check_not_left()
            raise Refused(
                f"{self.source.folder} stands still since `--finish` was cut off, and only {marked} can tell whether "
                "it was handed over: run the command with that one again"
            )
        if marked is None or self.source.is_left():
            return marked is not None
        # Whether the files are still the same ones does not matter here: a copy of a house that has moved has moved.
        token, note = self.source.capture_id(), self.target.move_id()
        return token is not None and note is not None and json.loads(note)["move"] == token and self.target.is_open()


def give_up_without_target(source: StorageUrl, *, pepper: Pepper) -> None:
    """End a move whose target cannot be reached any more: nothing of it stays in the source.

    :raises Refused: when there is none, or the house may have been handed over.
    :raises StorageMoved: when it was.
    """
    with opened_source(source.folder, pepper=pepper) as old:
        old.check_not_left()
        if old.moved_to() is not None:
            raise Refused(
                f"{old.folder} stands still since `--finish` was cut off, and only {old.moved_to()} can tell whether "
                "it was handed over: run this again when it can be reached"
            )
        if not old.is_in_a_move():
            raise Refused(f"there is no move to give up: {old.folder} is not being moved; nothing was changed")
        old.end_capture()


@contextmanager
def opened_move(
    source: StorageUrl, target: StorageUrl, *, pepper: Pepper, tell: Telling, began: Callable[[str], None]
) -> Iterator[Move]:
    """Open source and target.

    :raises PepperMismatch: when the source was made with another pepper.
    :raises SchemaMismatch: when the source was made by another version.
    :raises StorageError: when one of them cannot be read or written, or is of another engine.
    """
    if source.engine != SQLITE or target.address is None:
        raise StorageError("a house moves from SQLite to PostgreSQL, and no other way")
    with opened_source(source.folder, pepper=pepper) as old, opened_target(target.address, pepper=pepper) as new:
        yield Move(source=old, target=new, mover=Mover(new, pepper=pepper), tell=tell, began=began)
