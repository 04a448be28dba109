"""What registry and journal stand on: the storage's URL, the pepper, and one SQLite file."""

from scanhook.storage.pepper import PEPPER_BYTES, PERSON_BYTES, TAG_BYTES, Pepper
from scanhook.storage.sqlite import Database, rows_of
from scanhook.storage.url import StorageUrl

__all__ = ["PEPPER_BYTES", "PERSON_BYTES", "TAG_BYTES", "Database", "Pepper", "StorageUrl", "rows_of"]
