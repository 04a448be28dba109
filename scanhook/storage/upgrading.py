"""Brings the storage of an older version up to this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scanhook.errors import SchemaMismatch, StorageError
from scanhook.storage.checking import check_kept_pepper
from scanhook.storage.files import STORE_FILES, StoreFile, give_to_owner
from scanhook.storage.lock import alone_with, settle
from scanhook.storage.pepper import Pepper
from scanhook.storage.sqlite import SqliteDatabase, schema_of, upgrade
from scanhook.storage.sqlite_connection import open_file, wording
from scanhook.storage.url import StorageUrl

__all__ = ["Upgraded", "upgrade_storage"]

_MADE_ANEW = "office.db"
"""Versions before the API had none. A registry or journal that is missing was lost, and must never be made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgraded:
    """What became of one file, or of a room's tables.

    :param before: the schema that it had; 0 when it was not there.
    :param after: the schema that it has.
    """

    name: str
    before: int
    after: int


def upgrade_storage(url: StorageUrl, *, pepper: Pepper) -> list[Upgraded]:
    """Bring a storage up to this version's schema: each file, or the whole database, in one transaction.

    What is up to date is left alone, so that it can be run again, and while a service of this version runs. In an empty
    PostgreSQL database the tables are made; files that are missing were lost, and are not made anew.

    :raises Refused: when something is to do, and somebody has the storage open.
    :raises PepperMismatch: when it was made with another pepper.
    :raises SchemaMismatch: when a newer version made it.
    :raises StorageError: when a file is missing, or something cannot be read or written.
    """
    if url.address:
        from scanhook.storage.postgres.tables import upgrade_tables  # noqa: PLC0415  (psycopg only where it is used)

        done = upgrade_tables(url.address, pepper=pepper)
        return [Upgraded(name=room, before=before, after=after) for room, (before, after) in sorted(done.items())]
    folder = url.folder
    versions = {file.name: _version(file, folder, pepper) for file in STORE_FILES}
    if all(versions[file.name] == len(schema_of(file.package)) for file in STORE_FILES):
        return [Upgraded(name=name, before=version, after=version) for name, version in versions.items()]
    with alone_with(folder):
        for name, version in versions.items():
            if version:
                settle(folder / name)  # a service of the older version would go on with statements of its own time
        return [_upgrade(file, folder, pepper, versions[file.name]) for file in STORE_FILES]


def _version(file: StoreFile, folder: Path, pepper: Pepper) -> int:
    path = folder / file.name
    if not path.exists():
        if file.name == _MADE_ANEW:
            return 0
        raise StorageError(f"{path} is missing: is the disk mounted? Put the file back from a backup")
    with wording(path):
        connection = open_file(path)
        try:
            check_kept_pepper(connection, path, pepper)
            version, ours = int(connection.pragma("user_version")), len(schema_of(file.package))
        finally:
            connection.close()
    if version > ours:
        raise SchemaMismatch(
            f"{path} was made by a newer version of scanhook (schema {version}, here {ours}): install the version "
            "that made it"
        )
    return version


def _upgrade(file: StoreFile, folder: Path, pepper: Pepper, version: int) -> Upgraded:
    path = folder / file.name
    if not version:
        SqliteDatabase(path, package=file.package, pepper=pepper).close()
        with wording(path):
            give_to_owner(path)
        return Upgraded(name=file.name, before=0, after=len(schema_of(file.package)))
    before, after = upgrade(path, package=file.package)
    return Upgraded(name=file.name, before=before, after=after)
