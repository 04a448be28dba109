"""The office on a database, whatever the engine."""

from __future__ import annotations

import hmac
import threading
from contextlib import AbstractContextManager, suppress

from scanhook.clock import Clock
from scanhook.errors import Refused, StorageError
from scanhook.office.apikey import ApiKey, KeyScope, check_key_name, new_key, public_id
from scanhook.office.catalogstore import CatalogStore
from scanhook.office.livestore import LiveStore
from scanhook.office.sql_catalog import SqlCatalog
from scanhook.office.sql_live import SqlLive
from scanhook.office.sql_tokens import SqlTokens
from scanhook.office.store import USE_NOTED_EVERY_S
from scanhook.storage import Database, Pepper, Session
from scanhook.wechat import TokenStore

__all__ = ["FIND_KEY", "SqlOffice"]

_COLUMNS = "id, name, scope, created_at, last_used_at, revoked_at"
FIND_KEY = f"SELECT {_COLUMNS}, digest FROM api_keys WHERE id = ?"
_IN_USE = "SELECT id FROM api_keys WHERE name = ? AND revoked_at IS NULL"
_REVOKE = f"UPDATE api_keys SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL RETURNING {_COLUMNS}"


class SqlOffice:
    """An :class:`~scanhook.office.store.OfficeStore`."""

    def __init__(self, database: Database, *, pepper: Pepper, clock: Clock) -> None:
        self.database = database
        self.tokens: TokenStore = SqlTokens(database)
        self.catalog: CatalogStore = SqlCatalog(database, answering=self._answering)
        self.live: LiveStore = SqlLive(database)
        self._pepper = pepper
        self._clock = clock
        self._noted: dict[str, float] = {}
        self._notes: set[threading.Thread] = set()

    def add_key(self, name: str, scope: KeyScope) -> tuple[ApiKey, str]:
        """Make a key."""
        check_key_name(name)
        presented = new_key()
        key = ApiKey(id=str(public_id(presented)), name=name, scope=scope, created_at=int(self._clock.now()))
        with self.database.writing() as session:
            if session.rows(_IN_USE, (name,)):
                raise Refused(
                    f"a key named {name} is in use: choose another name, "
                    "or revoke that key first with `scanhook apikeys revoke`"
                )
            session.change(
                "INSERT INTO api_keys (id, name, scope, digest, created_at) VALUES (?, ?, ?, ?, ?)",
                (key.id, name, scope.value, self._pepper.api_key(presented), key.created_at),
            )
        return key, presented

    def find_key(self, presented: str) -> ApiKey | None:
        """Find a key by its public id, and compare the rest."""
        id_ = public_id(presented)
        if id_ is None:
            return None
        with self._answering() as session:
            self.database.check_ours(session)
            rows = session.rows(FIND_KEY, (id_,))
        # How long it takes tells whether there is such an id, and that is no secret.
        if not rows or not hmac.compare_digest(rows[0][-1], self._pepper.api_key(presented)):
            return None
        key = _key(*rows[0][:-1])
        if key.revoked_at is not None:
            return None
        self._note_use(key)
        return key

    def api_keys(self) -> list[ApiKey]:
        """Return every key."""
        with self.database.reading() as session:
            rows = session.rows(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, id")
        return [_key(*row) for row in rows]

    def revoke_key(self, name: str) -> ApiKey:
        """Take a key out of use."""
        rows = []
        if name.isprintable():
            with self.database.writing() as session:
                rows = session.rows(_REVOKE, (int(self._clock.now()), name))
        if not rows:
            raise Refused(f"no key named {name} is in use: see `scanhook apikeys list`")
        return _key(*rows[0])

    def probe(self) -> None:
        """Prove that the office can be read and may be written, and belongs to the pepper."""
        with self._answering() as session:
            self.database.check_ours(session)
            self.database.check_writable(session)

    def close(self) -> None:
        """Wait for what is being noted, and close the database."""
        for note in list(self._notes):
            note.join()
        self.database.close()

    def _answering(self) -> AbstractContextManager[Session]:
        """Give a session for what callers wait for from outside: they hold a thread of the server meanwhile."""
        return self.database.reading()

    def _noting(self) -> AbstractContextManager[Session]:
        """Give a session for the one statement that notes a use; :meth:`close` waits for it."""
        return self.database.writing()

    def _note_use(self, key: ApiKey) -> None:
        now = self._clock.now()
        noted = max(self._noted.get(key.id, 0.0), key.last_used_at or 0.0)
        if abs(now - noted) < USE_NOTED_EVERY_S:
            return
        self._noted[key.id] = now
        note = threading.Thread(target=self._write_use, args=(key.id, int(now)))
        self._notes.add(note)
        note.start()

    def _write_use(self, id_: str, now: int) -> None:
        # A key is as good without the note; of a database that cannot be written, the probe tells.
        with suppress(StorageError), self._noting() as session:
            session.change("UPDATE api_keys SET last_used_at = ? WHERE id = ?", (now, id_))
        self._notes.discard(threading.current_thread())


def _key(id_: str, name: str, scope: str, created_at: int, last_used_at: int | None, revoked_at: int | None) -> ApiKey:
    return ApiKey(
        id=id_,
        name=name,
        scope=KeyScope(scope),
        created_at=created_at,
        last_used_at=last_used_at,
        revoked_at=revoked_at,
    )
