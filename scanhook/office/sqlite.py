"""The office on SQLite: ``office.db`` in the storage's folder."""

from __future__ import annotations

import hmac
import threading
from contextlib import suppress
from pathlib import Path

from scanhook.clock import Clock
from scanhook.errors import PepperMismatch, Refused, StorageError
from scanhook.office.apikey import ApiKey, KeyScope, check_key_name, new_key, public_id
from scanhook.office.catalogstore import CatalogStore
from scanhook.office.livestore import LiveStore
from scanhook.office.sqlite_catalog import SqliteCatalog
from scanhook.office.sqlite_live import SqliteLive
from scanhook.office.sqlite_tokens import SqliteTokens
from scanhook.office.store import USE_NOTED_EVERY_S
from scanhook.storage import Pepper, SqliteDatabase, rows_of
from scanhook.wechat import TokenStore

__all__ = ["SqliteOffice"]

_COLUMNS = "id, name, scope, created_at, last_used_at, revoked_at"
_FIND = f"SELECT {_COLUMNS}, digest FROM api_keys WHERE id = ?"
_IN_USE = f"SELECT {_COLUMNS} FROM api_keys WHERE name = ? AND revoked_at IS NULL"


class SqliteOffice:
    """An :class:`~scanhook.office.store.OfficeStore` in one SQLite file."""

    def __init__(self, folder: Path, *, pepper: Pepper, clock: Clock) -> None:
        self.database = SqliteDatabase(folder / "office.db", package="scanhook.office", pepper=pepper)
        self.tokens: TokenStore = SqliteTokens(self.database)
        self.catalog: CatalogStore = SqliteCatalog(self.database)
        self.live: LiveStore = SqliteLive(self.database)
        self._pepper = pepper
        self._clock = clock
        self._noted: dict[str, float] = {}
        self._notes: set[threading.Thread] = set()

    def add_key(self, name: str, scope: KeyScope) -> tuple[ApiKey, str]:
        """Make a key."""
        check_key_name(name)
        presented = new_key()
        key = ApiKey(id=str(public_id(presented)), name=name, scope=scope, created_at=int(self._clock.now()))
        with self.database.writing() as connection:
            if rows_of(connection, _IN_USE, (name,)):
                raise Refused(
                    f"a key named {name} is in use: choose another name, "
                    "or revoke that key first with `scanhook apikeys revoke`"
                )
            connection.execute(
                "INSERT INTO api_keys (id, name, scope, digest, created_at) VALUES (?, ?, ?, ?, ?)",
                (key.id, name, scope.value, self._pepper.api_key(presented), key.created_at),
            )
        return key, presented

    def find_key(self, presented: str) -> ApiKey | None:
        """Find a key by its public id, and compare the rest."""
        id_ = public_id(presented)
        if id_ is None:
            return None
        with self.database.reading() as connection:
            self.database.check_in_place()
            rows = rows_of(connection, _FIND, (id_,))
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
        with self.database.reading() as connection:
            rows = rows_of(connection, f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, id")
        return [_key(*row) for row in rows]

    def revoke_key(self, name: str) -> ApiKey:
        """Take a key out of use."""
        with self.database.writing() as connection:
            rows = rows_of(
                connection,
                f"UPDATE api_keys SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL RETURNING {_COLUMNS}",
                (int(self._clock.now()), name),
            )
        if not rows:
            raise Refused(f"no key named {name} is in use: see `scanhook apikeys list`")
        return _key(*rows[0])

    def probe(self) -> None:
        """Prove that the office can be read and may be written, and belongs to the pepper."""
        with self.database.reading() as connection:
            self.database.check_in_place()
            self.database.check_version(connection)
            pepper_id = rows_of(connection, "SELECT value FROM meta WHERE name = 'pepper_id'")
            read_only = connection.readonly("main")
        if pepper_id != [(self._pepper.id,)]:
            raise PepperMismatch(f"{self.database.path} now belongs to another pepper: put back the right one")
        if read_only:
            raise StorageError(f"{self.database.path}: it cannot be written: give it to the user that scanhook runs as")

    def close(self) -> None:
        """Wait for what is being noted, and close the file."""
        for note in list(self._notes):
            note.join()
        self.database.close()

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
        # A key is as good without the note; of a file that cannot be written, the probe tells.
        with suppress(StorageError), self.database.writing() as connection:
            connection.execute("UPDATE api_keys SET last_used_at = ? WHERE id = ?", (now, id_))
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
