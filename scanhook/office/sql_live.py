"""Live goods among the office's tables."""

from __future__ import annotations

from scanhook.storage import Database
from scanhook.wechat.live_ledger import KeptGoods

__all__ = ["SqlLive"]

_COLUMNS = "app_id, goods_id, audit_id, name, errcode, added_at, deleted_at"
_KEEP = f"""
    INSERT INTO live_goods ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (app_id, goods_id) DO UPDATE SET
      audit_id = coalesce(excluded.audit_id, live_goods.audit_id),
      name = CASE WHEN excluded.name = '' THEN live_goods.name ELSE excluded.name END,
      errcode = excluded.errcode,
      deleted_at = excluded.deleted_at
"""
_COUNT = """
    INSERT INTO wechat_calls (app_id, api, day, calls) VALUES (?, ?, ?, 1)
    ON CONFLICT (app_id, api, day) DO UPDATE SET calls = wechat_calls.calls + 1
    RETURNING calls
"""


class SqlLive:
    """A :class:`~scanhook.office.livestore.LiveStore` on the office's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, goods: KeptGoods) -> None:
        """Keep goods, or what is new of them."""
        values = (
            goods.app_id,
            goods.goods_id,
            goods.audit_id,
            goods.name,
            goods.errcode,
            goods.added_at,
            goods.deleted_at,
        )
        with self._database.writing() as session:
            session.change(_KEEP, values)

    def find(self, app_id: str, goods_id: str) -> KeptGoods | None:
        """Return kept goods."""
        with self._database.reading() as session:
            rows = session.rows(
                f"SELECT {_COLUMNS} FROM live_goods WHERE app_id = ? AND goods_id = ?",
                (app_id, goods_id),
            )
        return _kept(*rows[0]) if rows else None

    def kept(self, app_id: str, *, after: str = "", limit: int = 1000) -> list[KeptGoods]:
        """Return one page of the goods that are there."""
        with self._database.reading() as session:
            rows = session.rows(
                f"SELECT {_COLUMNS} FROM live_goods WHERE app_id = ? AND deleted_at IS NULL "
                "AND (length(goods_id), goods_id) > (?, ?) ORDER BY length(goods_id), goods_id LIMIT ?",
                (app_id, len(after), after, limit),
            )
        return [_kept(*row) for row in rows]

    def mark_deleted(self, app_id: str, goods_id: str, *, at: int) -> None:
        """Note that goods are gone."""
        with self._database.writing() as session:
            session.change(
                "UPDATE live_goods SET deleted_at = ? WHERE app_id = ? AND goods_id = ?", (at, app_id, goods_id)
            )

    def count_call(self, app_id: str, api: str, day: str) -> int:
        """Count a call."""
        with self._database.writing() as session:
            return int(session.value(_COUNT, (app_id, api, day)))

    def calls(self, app_id: str, api: str, day: str) -> int:
        """Return the calls of a day."""
        with self._database.reading() as session:
            rows = session.rows(
                "SELECT calls FROM wechat_calls WHERE app_id = ? AND api = ? AND day = ?",
                (app_id, api, day),
            )
        return int(rows[0][0]) if rows else 0


def _kept(
    app_id: str,
    goods_id: str,
    audit_id: str | None,
    name: str,
    errcode: int,
    added_at: int,
    deleted_at: int | None,
) -> KeptGoods:
    return KeptGoods(
        app_id=app_id,
        goods_id=goods_id,
        audit_id=audit_id,
        name=name,
        errcode=errcode,
        added_at=added_at,
        deleted_at=deleted_at,
    )
