"""The access tokens in ``office.db``, sealed."""

from __future__ import annotations

from scanhook.storage import SqliteDatabase, rows_of
from scanhook.wechat import SealedToken

__all__ = ["SqliteTokens"]

_KEEP = """
INSERT INTO access_tokens (name, sealed, fetched_at, expires_at) VALUES (?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET
  sealed = excluded.sealed, fetched_at = excluded.fetched_at, expires_at = excluded.expires_at
"""


class SqliteTokens:
    """A :class:`~scanhook.wechat.TokenStore` in the office's file."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def find(self, name: str) -> SealedToken | None:
        """Return the token of that name."""
        with self._database.reading() as connection:
            self._database.check_in_place()
            rows = rows_of(
                connection, "SELECT sealed, fetched_at, expires_at FROM access_tokens WHERE name = ?", (name,)
            )
        return SealedToken(sealed=rows[0][0], fetched_at=rows[0][1], expires_at=rows[0][2]) if rows else None

    def keep(self, name: str, token: SealedToken) -> None:
        """Put a token in the place of the one of that name, and forget those that had expired when it came."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM access_tokens WHERE expires_at < ?", (token.fetched_at,))
            connection.execute(_KEEP, (name, token.sealed, token.fetched_at, token.expires_at))

    def drop(self, name: str, token: SealedToken) -> bool:
        """Forget a token, unless another has taken its place."""
        with self._database.writing() as connection:
            rows = rows_of(
                connection,
                "DELETE FROM access_tokens WHERE name = ? AND sealed = ? RETURNING 1",
                (name, token.sealed),
            )
        return bool(rows)
