"""Puts rows into the target: page by page at first, and then whatever was changed since."""

from __future__ import annotations

from dataclasses import replace

from scanhook.errors import StorageError
from scanhook.storage.moving.digest import RowHash, RowSum
from scanhook.storage.moving.filled import Filled
from scanhook.storage.moving.source import SourceRoom
from scanhook.storage.moving.tables import Key, Row, Table
from scanhook.storage.moving.target import InTheWay, Target
from scanhook.storage.pepper import Pepper

__all__ = ["Mover"]

_PAGE_ROWS = 20_000
_CHANGES = 5_000
"""So many are caught up with in one transaction."""


class Mover:
    """Moves rows from one source into one target, and takes the sum of what both hold."""

    def __init__(self, target: Target, *, pepper: Pepper) -> None:
        self._target = target
        self._pepper = pepper
        self._hashes: dict[str, RowHash] = {}
        self._way_was_clear = True

    def add_page(self, room: SourceRoom, table: Table) -> Filled:
        """Copy the next page of a table, and write down how far it is: both or nothing."""
        filled = self._target.filled(table)
        with room.snapshot():
            rows = room.page(table, filled.after, _PAGE_ROWS)
            with self._target.transaction():
                if rows:
                    filled = self._added(room, table, filled, rows)
                filled = replace(filled, whole=len(rows) < _PAGE_ROWS)
                self._target.note(table, filled)
        return filled

    def catch_up(self, room: SourceRoom) -> int:
        """Put the oldest changes in their place; returns how many there were. Coming twice does no harm."""
        with room.snapshot():
            changes = room.changes(_CHANGES)
            keys: dict[str, dict[Key, None]] = {}
            for change in changes:
                keys.setdefault(change.name, {})[change.key] = None
            with self._target.transaction():
                for table in room.tables:
                    if table.name in keys:
                        self._put_in_place(room, table, list(keys[table.name]))
        if changes:
            room.forget(changes)
        return len(changes)

    def compare_page(self, room: SourceRoom, table: Table, after: Key | None) -> tuple[Key | None, RowSum]:
        """Compare the rows behind a key with those that the target has now, but for what was changed since.

        :returns: the last one's key, ``None`` at the end; and what stands for the target's.
        :raises StorageError: when they differ.
        """
        with room.snapshot():
            here = room.page(table, after, _PAGE_ROWS)
            since = {change.key for change in room.changes() if change.name == table.name}
        upto = table.key_of(here[-1]) if len(here) == _PAGE_ROWS else None
        there = self._target.rows(table, after=after, upto=upto)
        hashed = self._hash(table)
        both = [[row for row in rows if not since or table.key_of(row) not in since] for rows in (here, there)]
        if hashed.sum_of(both[0]) != hashed.sum_of(both[1]):
            raise StorageError(
                f"{table.label}: {self._target.place} holds other rows now than were written: look for who changes "
                "them there, then give the copy up (--give-up), and begin again"
            )
        return upto, hashed.sum_of(there)

    def _added(self, room: SourceRoom, table: Table, filled: Filled, rows: list[Row]) -> Filled:
        upto = table.key_of(rows[-1])
        try:
            back = self._target.add(table, rows, after=filled.after, upto=upto)
        except InTheWay:
            # A row that was copied before has changed since, and what was unique to it has gone over to one of these.
            keys = [table.key_of(row) for row in rows]
            return replace(self._put(room, table, filled, keys, rows), after=upto)
        source, target = self._sums(table, rows, back)
        return replace(filled, after=upto, source=filled.source + source, target=filled.target + target)

    def _put_in_place(self, room: SourceRoom, table: Table, keys: list[Key]) -> None:
        filled = self._put(room, table, self._target.filled(table), keys, room.rows(table, keys))
        self._target.note(table, filled)

    def _put(self, room: SourceRoom, table: Table, filled: Filled, keys: list[Key], rows: list[Row]) -> Filled:
        """Put rows in place, and those that are in their way too: these have changed as well, and are written down."""
        while True:
            try:
                with self._target.transaction():
                    before, after = self._target.put(table, keys, rows)
                break
            except InTheWay:
                more = self._target.keys_in_the_way(table, rows) - set(keys)
                if not more:
                    raise StorageError(
                        f"{table.label}: the target holds a row that the source does not have; give the copy up "
                        "(--give-up), and begin again"
                    ) from None
                keys, rows = [*keys, *more], [*rows, *room.rows(table, more)]
        source, target = self._sums(table, rows, after)
        # What goes away was the same on both sides: that was found when it came.
        gone = self._hash(table).sum_of(before)
        return replace(filled, source=filled.source - gone + source, target=filled.target - gone + target)

    def _sums(self, table: Table, rows: list[Row], back: list[Row]) -> tuple[RowSum, RowSum]:
        hashed = self._hash(table)
        source, target = hashed.sum_of(rows), hashed.sum_of(back)
        if source != target:
            raise StorageError(
                f"{table.label}: of {source.rows:,} rows that were written, {self._target.place} gives back "
                f"{target.rows:,} with another digest: nothing of them was kept; look for the fault there"
            )
        return source, target

    def _hash(self, table: Table) -> RowHash:
        if table.label not in self._hashes:
            self._hashes[table.label] = RowHash(self._pepper, table.label)
        return self._hashes[table.label]
