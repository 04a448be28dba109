"""What a storage folder holds, and how its files are handled: private, owned by the folder's owner, on the disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

__all__ = [
    "ERASURES",
    "IMPORT_FOLDERS",
    "STORE_FILES",
    "UPLOADS",
    "StoreFile",
    "Telling",
    "copy_file",
    "flush",
    "give_to_owner",
    "sha256_of",
]

Telling = Callable[[str, int, int], None]
"""Is told of long work: what is done, how much of it, of how much in all."""

ERASURES = "erasures"
"""The file of those who were erased: a storage that is restored erases them again."""

IMPORT_FOLDERS = "import-*"
"""Where imports and mints keep what they have sorted."""

UPLOADS = "uploads"
"""The folder of code files that were uploaded, and of what came of them."""

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFile:
    """A database of the storage.

    :param package: where its schema lies.
    :param counts: what a backup says of it: statements that give one number each, true for every schema.
    """

    name: str
    package: str
    counts: Mapping[str, str] = field(default_factory=dict)


STORE_FILES = (
    StoreFile(
        name="journal.db",
        package="scanhook.journal",
        counts=MappingProxyType({"scans": "SELECT count(*) FROM scans", "events": "SELECT count(*) FROM events"}),
    ),
    StoreFile(
        name="office.db",
        package="scanhook.office",
        counts=MappingProxyType({"api_keys": "SELECT count(*) FROM api_keys"}),
    ),
    StoreFile(
        name="registry.db",
        package="scanhook.registry",
        counts=MappingProxyType(
            {
                "products": "SELECT count(*) FROM products WHERE shown = 1",
                "batches": "SELECT count(*) FROM batches",
                "codes": "SELECT coalesce(sum(codes), 0) FROM parts JOIN imports ON imports.id = import_id "
                "WHERE imports.shown = 1",
            }
        ),
    ),
)
"""In the order of a backup: the journal first. Then the registry's copy is the younger one, and holds every code, batch
and change that a scan in the journal's copy speaks of; the other way round, a batch that was imported in between would
be missing from the registry, and its items would have been called genuine by nobody."""


def give_to_owner(path: Path) -> None:
    """Give a file that root has made to whom its folder belongs: the service may run as somebody else."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def flush(path: Path) -> None:
    """Wait until a file, or what is listed in a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_file(source: Path, target: Path, *, tell: Callable[[int], None] = lambda _bytes: None) -> str:
    """Copy a file to a new, private one that is on the disk then.

    :param tell: is told how many bytes are done.
    :returns: its SHA-256, in hex.
    """
    digest, done = hashlib.sha256(), 0
    with source.open("rb") as read, os.fdopen(_create(target), "wb") as written:
        while block := read.read(_BLOCK_BYTES):
            digest.update(block)
            written.write(block)
            done += len(block)
            tell(done)
        written.flush()
        os.fsync(written.fileno())
    return digest.hexdigest()


def sha256_of(path: Path, *, tell: Callable[[int], None] = lambda _bytes: None) -> str:
    """Return a file's SHA-256, in hex."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            done += len(block)
            tell(done)
    return digest.hexdigest()


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
