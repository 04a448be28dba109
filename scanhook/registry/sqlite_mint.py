"""Minted files in the SQLite registry: who took which, and the mints whose file did not come to be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import apsw

from scanhook.registry.change import Handover
from scanhook.registry.loading import work_name
from scanhook.registry.mintstore import OpenMint
from scanhook.registry.normalise import Normalisation
from scanhook.registry.sqlite_store import SqliteStore
from scanhook.storage import rows_of

__all__ = ["SqliteMints"]

_WHO, _WHY = "scanhook", "the mint was interrupted before its file lay there"

_PROMISE = """
INSERT INTO handovers (import_id, batch_id, path, taken_by, recipient, sha256, at, done)
SELECT import_id, batch_id, ?, ?, ?, ?, ?, 0 FROM parts WHERE import_id = ?
"""
# One that is being dropped still has its part.
_OPEN_MINTS = """
SELECT i.id, i.options, coalesce(h.sha256, ''), i.shown, i.phase FROM imports AS i
LEFT JOIN handovers AS h ON h.import_id = i.id
WHERE i.kind = 'mint' AND (i.phase IN ('reading', 'loading') OR h.done = 0
  OR (i.phase = 'dropped' AND i.id IN (SELECT import_id FROM parts)))
ORDER BY i.id
"""
# Every change keeps what it found, at whatever level.
_IS_CHANGED = """
SELECT EXISTS (
  SELECT 1 FROM imports AS i JOIN parts AS pt ON pt.import_id = i.id JOIN batches AS b ON b.id = pt.batch_id
  JOIN befores AS bf ON bf.change_id > i.change_id
  WHERE i.id = ? AND i.shown = 1 AND (bf.batch_id = b.id OR bf.product_id = b.product_id
    OR (SELECT part_id FROM codes WHERE tag = bf.tag) = pt.id)
)
"""
_FRESH_PRODUCT = """
SELECT p.id FROM products AS p JOIN batches AS b ON b.product_id = p.id JOIN parts AS pt ON pt.batch_id = b.id
WHERE pt.import_id = ? AND p.normalisation = ? AND NOT EXISTS (
  SELECT 1 FROM batches JOIN parts ON parts.batch_id = batches.id JOIN imports AS i ON i.id = parts.import_id
  WHERE batches.product_id = p.id AND i.kind <> 'mint' AND i.phase <> 'dropped'
)
"""
_ADD_SETTING = """
INSERT INTO changes (at, who, why, action, level, product_id, codes, details)
SELECT ?, i.who, i.why, 'set', 'product', ?, 0, ? FROM imports AS i WHERE i.id = ?
"""
_ITS_BATCH = """
SELECT id, name FROM batches WHERE id = (SELECT batch_id FROM parts WHERE import_id = ?)
AND (SELECT count(*) FROM parts WHERE batch_id = batches.id) = 1
"""
_ADD_UNDO = """
INSERT INTO changes (at, who, why, action, level, product_id, batch_id, codes, details, undoes)
SELECT ?, ?, ?, 'undo', level, product_id, batch_id, codes, '{}', id FROM changes WHERE id = ?
"""


class SqliteMints(SqliteStore):
    """The half of the SQLite registry that minting uses, beside that for imports."""

    def promise_handover(self, import_id: int, handover: Handover) -> None:
        """Write down who will take the file of a mint."""
        with self.database.writing() as connection:
            connection.execute(
                _PROMISE,
                (handover.path, handover.taken_by, handover.recipient, handover.sha256, handover.at, import_id),
            )

    def note_handover(self, import_id: int, *, was: Normalisation, rules: Normalisation) -> bool:
        """Write down that the file of a mint is handed over."""
        with self.database.writing() as connection:
            connection.execute("UPDATE handovers SET done = 1 WHERE import_id = ?", (import_id,))
            products = rows_of(connection, _FRESH_PRODUCT, (import_id, str(was)))
            for (product_id,) in products:
                connection.execute("UPDATE products SET normalisation = ? WHERE id = ?", (str(rules), product_id))
                details = json.dumps({"normalisation": str(rules)})
                connection.execute(_ADD_SETTING, (int(self._clock.now()), product_id, details, import_id))
        return bool(products)

    def open_mints(self) -> Iterator[OpenMint]:
        """Return every mint that has begun and whose file is not noted."""
        with self.database.reading() as connection:
            rows = rows_of(connection, _OPEN_MINTS)
            changed = {row[0] for row in rows if _is_changed(connection, row[0])}
        for import_id, options, sha256, shown, phase in rows:
            if phase == "dropped" and not sha256 and not self.database.path.with_name(work_name(import_id)).is_dir():
                continue  # without the folder its rows cannot be found
            asked = json.loads(options)
            yield OpenMint(
                import_id=import_id,
                path=Path(asked["path"]),
                folder=str(asked.get("folder", "")),
                sha256=sha256,
                is_shown=bool(shown),
                is_changed=import_id in changed,
            )

    def hide_mint(self, import_id: int) -> bool:
        """Make a mint whose file is not noted invisible again."""
        with self.database.writing() as connection:
            noted = connection.execute("SELECT done FROM handovers WHERE import_id = ?", (import_id,)).get
            if noted or _is_changed(connection, import_id):
                return False
            connection.execute("DELETE FROM handovers WHERE import_id = ?", (import_id,))
            find = "SELECT change_id FROM imports WHERE id = ? AND shown = 1"
            change_id = connection.execute(find, (import_id,)).get
            if change_id is None:
                return True
            connection.execute(_ADD_UNDO, (int(self._clock.now()), _WHO, _WHY, change_id))
            undo_id = connection.last_insert_rowid()
            connection.execute("UPDATE changes SET undone_by = ? WHERE id = ?", (undo_id, change_id))
            connection.execute(
                "UPDATE imports SET shown = 0, phase = 'loading', ended_at = NULL WHERE id = ?", (import_id,)
            )
            for batch_id, name in rows_of(connection, _ITS_BATCH, (import_id,)):
                _part_from_history(connection, batch_id, name)
        return True


def _is_changed(connection: apsw.Connection, import_id: int) -> bool:
    return bool(connection.execute(_IS_CHANGED, (import_id,)).get)


def _part_from_history(connection: apsw.Connection, batch_id: int, name: str) -> None:
    """Name a batch in its history by its name, since it will be dropped, and its number may come to mean another."""
    connection.execute("DELETE FROM ranges WHERE batch_id = ?", (batch_id,))
    connection.execute(
        "UPDATE changes SET batch_id = NULL, details = json_set(details, '$.batch', ?) WHERE batch_id = ?",
        (name, batch_id),
    )
    connection.execute("DELETE FROM befores WHERE batch_id = ?", (batch_id,))
