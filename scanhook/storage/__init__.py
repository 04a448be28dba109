"""What registry and journal stand on: the storage's URL, the pepper, and one SQLite file."""

from scanhook.storage.database import Database, Session
from scanhook.storage.pepper import PEPPER_BYTES, PERSON_BYTES, TAG_BYTES, Pepper
from scanhook.storage.sqlite import SqliteDatabase, schema_of, upgrade
from scanhook.storage.sqlite_connection import SqliteConnection, open_file, rows_of, wording
from scanhook.storage.url import POSTGRESQL, SQLITE, StorageUrl

__all__ = [
    "PEPPER_BYTES",
    "PERSON_BYTES",
    "POSTGRESQL",
    "SQLITE",
    "TAG_BYTES",
    "Database",
    "Pepper",
    "Session",
    "SqliteConnection",
    "SqliteDatabase",
    "StorageUrl",
    "open_file",
    "rows_of",
    "schema_of",
    "upgrade",
    "wording",
]
