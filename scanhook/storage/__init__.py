"""What registry and journal stand on: the storage's URL, the pepper, and one SQLite file."""

from scanhook.storage.pepper import PEPPER_BYTES, PERSON_BYTES, TAG_BYTES, Pepper
from scanhook.storage.sqlite import Database, open_file, rows_of, schema_of, upgrade, wording
from scanhook.storage.url import StorageUrl

__all__ = [
    "PEPPER_BYTES",
    "PERSON_BYTES",
    "TAG_BYTES",
    "Database",
    "Pepper",
    "StorageUrl",
    "open_file",
    "rows_of",
    "schema_of",
    "upgrade",
    "wording",
]
