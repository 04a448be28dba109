"""The catalog: some of the office's tables."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple
from typing import Any

from scanhook.errors import Refused
from scanhook.office.catalog import (
    ORDER,
    CatalogEntry,
    CatalogSync,
    EntryKey,
    Kept,
    Listed,
    Presentation,
    Wanted,
    merged,
    page_id,
    presented,
)
from scanhook.office.catalogstore import ANY_ENTRY
from scanhook.registry import Product
from scanhook.registry.sql_rows import chunks, places
from scanhook.storage import Database, Session
from scanhook.wechat import System

__all__ = ["SqlCatalog"]

_COLUMNS = "system, owner, id, name, price, image, state, revision, first_seen, seen_at, seen_in, gone_at"
_ENTRY_COLUMNS = ", ".join(f"catalog.{column}" for column in _COLUMNS.split(", "))
_FIND = f"SELECT {_COLUMNS} FROM catalog WHERE system = ? AND owner = ? AND id = ?"
_PUT = f"""
INSERT INTO catalog ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (system, owner, id) DO UPDATE SET
  {", ".join(f"{column} = excluded.{column}" for column in _COLUMNS.split(", ")[3:])}
"""
_NOTE_READ = """
INSERT INTO catalog_reviews (one, number) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET number = excluded.number
"""
_TIED = f"""
SELECT {_ENTRY_COLUMNS} FROM catalog_ties AS ties
JOIN catalog ON catalog.system = ties.system AND catalog.owner = ties.owner AND catalog.id = ties.entry
WHERE ties.product = ? ORDER BY ties.id
"""
_SYNC_COLUMNS = "id, system, owner, started_at, finished_at, failed_at, why, place, seen, added, changed, gone"
_WILD = re.compile("[!%_]")
# As both engines see it: of letters without accents only.
_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_RUNNING = "id = ? AND finished_at IS NULL"
_GONE = "UPDATE catalog SET gone_at = ? WHERE system = ? AND owner = ? AND seen_in <> ? AND gone_at IS NULL"


class SqlCatalog:
    """A :class:`~scanhook.office.catalogstore.CatalogStore` on the office's database."""

    def __init__(self, database: Database, *, answering: Callable[[], AbstractContextManager[Session]]) -> None:
        self._database = database
        self._answering = answering

    def presentation(self, product: Product, *, owner: str) -> Presentation | None:
        """Look at what staff tied first, then at the page of the same name."""
        page = (System.PAGES.value, owner, page_id(product.key_standard, product.key_str))
        with self._answering() as session:
            rows = [*session.rows(_TIED, (product.id,)), *session.rows(_FIND, page)]
        return presented([_entry(row) for row in rows])

    def begin_sync(self, system: System, owner: str, *, now: int, newer_than: int) -> CatalogSync:
        """Go on with a run, or begin one."""
        with self._database.writing() as session:
            rows = session.rows(
                f"SELECT {_SYNC_COLUMNS} FROM catalog_syncs WHERE system = ? AND owner = ? ORDER BY id DESC LIMIT 1",
                (system.value, owner),
            )
            found = _sync(rows[0]) if rows else None
            if found is not None and found.finished_at is None and newer_than < found.started_at <= now:
                return found
            rows = session.rows(
                f"INSERT INTO catalog_syncs (system, owner, started_at) VALUES (?, ?, ?) RETURNING {_SYNC_COLUMNS}",
                (system.value, owner, now),
            )
        return _sync(rows[0])

    def keep(self, sync: CatalogSync, listed: Sequence[Listed], *, place: str, now: int) -> CatalogSync:
        """Store what was seen, and the place, in one transaction."""
        with self._database.writing() as session:
            counts = dict.fromkeys(Kept, 0)
            there = _found(session, sync.system, sync.owner, [one.id for one in listed])
            for one in listed:
                before = there.get(one.id)
                there[one.id], kept = merged(before, one, sync, now=now)
                # One that a list shows twice, as when it grows while it is read, counts once.
                counts[kept] += before is None or before.seen_in != sync.number
            session.change_all(_PUT, map(_row, there.values()))
            rows = session.rows(
                "UPDATE catalog_syncs SET place = ?, failed_at = NULL, why = NULL, seen = seen + ?, added = added + ?, "
                f"changed = changed + ? WHERE {_RUNNING} RETURNING {_SYNC_COLUMNS}",
                (place, sum(counts.values()), counts[Kept.ADDED], counts[Kept.CHANGED], sync.number),
            )
            return _running(rows, sync)

    def finish_sync(self, sync: CatalogSync, *, now: int) -> CatalogSync:
        """End a sync; what it did not see has gone."""
        with self._database.writing() as session:
            gone = session.change(_GONE, (now, sync.system.value, sync.owner, sync.number))
            rows = session.rows(
                "UPDATE catalog_syncs SET finished_at = ?, failed_at = NULL, why = NULL, place = '', gone = ? "
                f"WHERE {_RUNNING} RETURNING {_SYNC_COLUMNS}",
                (now, gone, sync.number),
            )
            finished = _running(rows, sync)
            # Of every system the newest run is enough, besides this one.
            session.change(
                "DELETE FROM catalog_syncs WHERE system = ? AND owner = ? AND id < ?",
                (sync.system.value, sync.owner, sync.number),
            )
        return finished

    def fail_sync(self, sync: CatalogSync, why: str, *, now: int) -> CatalogSync:
        """Note a failure."""
        return self._set(sync, "failed_at = ?, why = ?", (now, why))

    def syncs(self) -> list[CatalogSync]:
        """Return the newest sync of each system and owner."""
        with self._database.reading() as session:
            rows = session.rows(
                f"SELECT {_SYNC_COLUMNS} FROM catalog_syncs WHERE id IN "
                "(SELECT max(id) FROM catalog_syncs GROUP BY system, owner)",
            )
        return sorted(map(_sync, rows), key=lambda sync: (ORDER.index(sync.system), sync.owner))

    def known(self, system: System, owner: str, ids: Iterable[str]) -> Mapping[str, CatalogEntry]:
        """Return those that are there."""
        with self._database.reading() as session:
            return _found(session, system, owner, [id_ for id_ in ids if id_.isprintable()])

    def entries(
        self, wanted: Wanted = ANY_ENTRY, *, after: EntryKey | None = None, limit: int = 1000
    ) -> list[CatalogEntry]:
        """Return entries, in the order of the key."""
        tests, bindings = _conditions(wanted)
        if not all(isinstance(bound, str) and bound.isprintable() for bound in bindings):
            return []  # nothing of the kind is kept
        if after is not None:
            tests.append("(system, owner, id) > (?, ?, ?)")
            bindings += [after.system.value, after.owner, after.id]
        where = f"WHERE {' AND '.join(tests)} " if tests else ""
        with self._database.reading() as session:
            rows = session.rows(
                f"SELECT {_COLUMNS} FROM catalog {where}ORDER BY system, owner, id LIMIT ?",
                (*bindings, limit),
            )
        return [_entry(row) for row in rows]

    def tie(self, product: Product, key: EntryKey, *, now: int) -> bool:
        """Tie a product to an entry."""
        with self._database.writing() as session:
            changed = session.change(
                "INSERT INTO catalog_ties (product, system, owner, entry, tied_at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (product.id, key.system.value, key.owner, key.id, now),
            )
        return bool(changed)

    def untie(self, product: Product, key: EntryKey) -> bool:
        """Take a tie back."""
        with self._database.writing() as session:
            changed = session.change(
                "DELETE FROM catalog_ties WHERE product = ? AND system = ? AND owner = ? AND entry = ?",
                (product.id, key.system.value, key.owner, key.id),
            )
        return bool(changed)

    def tied(self, product: Product) -> list[CatalogEntry]:
        """Return what a product is tied to."""
        with self._database.reading() as session:
            rows = session.rows(_TIED, (product.id,))
        return [_entry(row) for row in rows]

    def ties_of(self, key: EntryKey) -> list[bytes]:
        """Return which products are tied to an entry."""
        with self._database.reading() as session:
            rows = session.rows(
                "SELECT product FROM catalog_ties WHERE system = ? AND owner = ? AND entry = ? ORDER BY id",
                (key.system.value, key.owner, key.id),
            )
        return [product for (product,) in rows]

    def reviewed(self, key: EntryKey, *, state: str, at: float) -> bool:
        """Note a review's outcome."""
        if not key.id.isprintable():
            return False  # a push may say whatever it likes
        with self._database.writing() as session:
            changed = session.change(
                "UPDATE catalog SET state = ? WHERE system = ? AND owner = ? AND id = ? AND seen_at <= ? "
                "AND state IS DISTINCT FROM ?",
                (state, key.system.value, key.owner, key.id, at, state),
            )
        return bool(changed)

    def reviews_read(self) -> int:
        """Return how far the journal was looked through."""
        with self._database.reading() as session:
            return int(session.value("SELECT number FROM catalog_reviews") or 0)

    def note_reviews_read(self, number: int) -> None:
        """Note how far the journal was looked through."""
        with self._database.writing() as session:
            session.change(_NOTE_READ, (number,))

    def _set(self, sync: CatalogSync, what: str, bindings: tuple[object, ...]) -> CatalogSync:
        with self._database.writing() as session:
            rows = session.rows(
                f"UPDATE catalog_syncs SET {what} WHERE {_RUNNING} RETURNING {_SYNC_COLUMNS}",
                (*bindings, sync.number),
            )
            return _running(rows, sync)


def _found(session: Session, system: System, owner: str, ids: Sequence[str]) -> dict[str, CatalogEntry]:
    """Return those of some products that are there, by their ids."""
    found = {}
    for some in chunks(ids):
        find = f"SELECT {_COLUMNS} FROM catalog WHERE system = ? AND owner = ? AND id IN ({places(some)})"
        for row in session.rows(find, (system.value, owner, *some)):
            entry = _entry(row)
            found[entry.listed.id] = entry
    return found


def _conditions(wanted: Wanted) -> tuple[list[str], list[Any]]:
    tests: list[str] = [] if wanted.gone else ["gone_at IS NULL"]
    bindings: list[Any] = []
    for column in ("system", "owner", "id", "state"):
        chosen = getattr(wanted, column)
        if chosen is not None:
            tests.append(f"{column} = ?")
            bindings.append(str(chosen))
    if wanted.name is not None:
        tests.append("lower(name) LIKE ? ESCAPE '!'")
        bindings.append("%" + _WILD.sub(r"!\g<0>", wanted.name.translate(_TO_LOWER)) + "%")
    return tests, bindings


def _row(entry: CatalogEntry) -> tuple[Any, ...]:
    listed = entry.listed
    return (
        entry.system.value,
        entry.owner,
        *astuple(listed),
        entry.first_seen,
        entry.seen_at,
        entry.seen_in,
        entry.gone_at,
    )


def _entry(row: tuple[Any, ...]) -> CatalogEntry:
    return CatalogEntry(
        system=System(row[0]),
        owner=row[1],
        listed=Listed(id=row[2], name=row[3], price=row[4], image=row[5], state=row[6], revision=row[7]),
        first_seen=row[8],
        seen_at=row[9],
        seen_in=row[10],
        gone_at=row[11],
    )


def _running(rows: list[tuple[Any, ...]], sync: CatalogSync) -> CatalogSync:
    if not rows:
        raise Refused(f"{sync.system}: another sync has come to its end meanwhile, so that this one is not needed")
    return _sync(rows[0])


def _sync(row: tuple[Any, ...]) -> CatalogSync:
    number, system, *others = row
    names = ("owner", "started_at", "finished_at", "failed_at", "why", "place", "seen", "added", "changed", "gone")
    return CatalogSync(number=number, system=System(system), **dict(zip(names, others, strict=True)))
