"""The access tokens among the office's tables, sealed."""

from __future__ import annotations

from scanhook.storage import Database
from scanhook.wechat import SealedToken

__all__ = ["SqlTokens"]

_FIND = "SELECT sealed, fetched_at, expires_at FROM access_tokens WHERE name = ?"
_KEEP = """
INSERT INTO access_tokens (name, sealed, fetched_at, expires_at) VALUES (?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET
  sealed = excluded.sealed, fetched_at = excluded.fetched_at, expires_at = excluded.expires_at
"""


class SqlTokens:
    """A :class:`~scanhook.wechat.TokenStore` on the office's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, name: str) -> SealedToken | None:
        """Return the token of that name."""
        with self._database.reading() as session:
            self._database.check_ours(session)
            rows = session.rows(_FIND, (name,))
        return SealedToken(sealed=rows[0][0], fetched_at=rows[0][1], expires_at=rows[0][2]) if rows else None

    def keep(self, name: str, token: SealedToken) -> None:
        """Put a token in the place of the one of that name, and forget those that had expired when it came."""
        with self._database.writing() as session:
            session.change("DELETE FROM access_tokens WHERE expires_at < ?", (token.fetched_at,))
            session.change(_KEEP, (name, token.sealed, token.fetched_at, token.expires_at))

    def drop(self, name: str, token: SealedToken) -> bool:
        """Forget a token, unless another has taken its place."""
        with self._database.writing() as session:
            return bool(session.change("DELETE FROM access_tokens WHERE name = ? AND sealed = ?", (name, token.sealed)))
