"""Minted files in a registry on a SQL database: who took which, and the mints whose file did not come to be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from scanhook.registry.change import Handover
from scanhook.registry.loading import work_name
from scanhook.registry.mintstore import OpenMint
from scanhook.registry.normalise import Normalisation
from scanhook.registry.sql_imports import SqlImports
from scanhook.storage import Session

__all__ = ["SqlMints"]

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
SELECT ?, ?, ?, 'undo', level, product_id, batch_id, codes, '{}', id FROM changes WHERE id = ? RETURNING id
"""


class SqlMints(SqlImports):
    """The half of the registry that minting uses, beside that for imports."""

    def promise_handover(self, import_id: int, handover: Handover) -> None:
        """Write down who will take the file of a mint."""
        with self.database.writing() as session:
            session.change(
                _PROMISE,
                (handover.path, handover.taken_by, handover.recipient, handover.sha256, handover.at, import_id),
            )

    def note_handover(self, import_id: int, *, was: Normalisation, rules: Normalisation) -> bool:
        """Write down that the file of a mint is handed over."""
        with self.database.writing() as session:
            session.change("UPDATE handovers SET done = 1 WHERE import_id = ?", (import_id,))
            products = session.rows(_FRESH_PRODUCT, (import_id, str(was)))
            for (product_id,) in products:
                session.change("UPDATE products SET normalisation = ? WHERE id = ?", (str(rules), product_id))
                details = json.dumps({"normalisation": str(rules)})
                session.change(_ADD_SETTING, (int(self._clock.now()), product_id, details, import_id))
        return bool(products)

    def open_mints(self) -> Iterator[OpenMint]:
        """Return every mint that has begun and whose file is not noted."""
        with self.database.reading() as session:
            rows = session.rows(_OPEN_MINTS)
            changed = {row[0] for row in rows if _is_changed(session, row[0])}
        for import_id, options, sha256, shown, phase in rows:
            if phase == "dropped" and not sha256 and not (self.folder / work_name(import_id)).is_dir():
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
        with self.database.writing() as session:
            noted = session.value("SELECT done FROM handovers WHERE import_id = ?", (import_id,))
            if noted or _is_changed(session, import_id):
                return False
            session.change("DELETE FROM handovers WHERE import_id = ?", (import_id,))
            find = "SELECT change_id FROM imports WHERE id = ? AND shown = 1"
            change_id = session.value(find, (import_id,))
            if change_id is None:
                return True
            undo_id = session.value(_ADD_UNDO, (int(self._clock.now()), _WHO, _WHY, change_id))
            session.change("UPDATE changes SET undone_by = ? WHERE id = ?", (undo_id, change_id))
            session.change(
                "UPDATE imports SET shown = 0, phase = 'loading', ended_at = NULL WHERE id = ?", (import_id,)
            )
            for batch_id, name in session.rows(_ITS_BATCH, (import_id,)):
                _part_from_history(session, batch_id, name)
        return True


def _is_changed(session: Session, import_id: int) -> bool:
    return bool(session.value(_IS_CHANGED, (import_id,)))


def _part_from_history(session: Session, batch_id: int, name: str) -> None:
    """Name a batch in its history by its name, since it will be dropped, and its number may come to mean another."""
    session.change("DELETE FROM ranges WHERE batch_id = ?", (batch_id,))
    session.change_all(
        "UPDATE changes SET batch_id = NULL, details = ? WHERE id = ?",
        [
            (json.dumps({**json.loads(details), "batch": name}, ensure_ascii=False), change_id)
            for change_id, details in session.rows("SELECT id, details FROM changes WHERE batch_id = ?", (batch_id,))
        ],
    )
    session.change("DELETE FROM befores WHERE batch_id = ?", (batch_id,))
