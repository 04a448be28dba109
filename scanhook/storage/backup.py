"""Copies a storage while it is in use. The pepper is never copied: it is kept apart, and the copy is worthless without.

SQLite's online backup, page by page, out of one snapshot: a reading transaction is held open on the source, so that no
write makes the copying begin again, and no scan or import waits for it (WAL: readers hold up nobody). ``VACUUM INTO``
would copy as safely, but it builds every table anew, tells nothing of how far it is, and is slower. What is written
meanwhile stays in the WAL until the copy is done, and takes room there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import apsw

from scanhook.errors import Refused, StorageError
from scanhook.release import VERSION
from scanhook.storage.checking import check_kept_pepper
from scanhook.storage.files import ERASURES, STORE_FILES, StoreFile, Telling, copy_file, flush, sha256_of
from scanhook.storage.manifest import MANIFEST, CopiedFile, Manifest
from scanhook.storage.pepper import Pepper
from scanhook.storage.sqlite import schema_of
from scanhook.storage.sqlite_connection import open_file, rows_of, wording

__all__ = ["make_backup"]

_STEP_PAGES = 256
_FLUSH_EVERY_PAGES = 8192
"""32 MiB: a disk that is handed more at once lets the journal's commits wait for it."""
_UNFINISHED = ".unfinished"


def make_backup(folder: Path, into: Path, *, pepper: Pepper, now: float, tell: Telling) -> tuple[Path, Manifest]:
    """Copy a storage into a new folder ``scanhook-backup-…``; it is there when all of it is on the disk, or not at all.

    :param folder: the storage's.
    :param into: where the new folder is made.
    :param now: seconds since 1970.
    :raises Refused: when there is no room for it.
    :raises PepperMismatch: when the storage was made with another pepper.
    :raises StorageError: when something cannot be read or written, or the copy is damaged.
    """
    made_at = datetime.fromtimestamp(now, tz=UTC)
    final = into / f"scanhook-backup-{made_at:%Y%m%dT%H%M%SZ}"
    with wording(into):
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(into)
        if final.exists():
            raise Refused(f"{final} is there already: wait a second, and run this again")
        _check_room(folder, into)
        with _unfinished(final) as work:
            copies, counts = _copy_all(folder, work, pepper=pepper, tell=tell)
            manifest = Manifest(
                version=VERSION,
                made_at=made_at.isoformat(timespec="seconds"),
                pepper_id=pepper.id,
                files=copies,
                counts=counts,
            )
            with os.fdopen(os.open(work / MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
                written.write(manifest.sealed(pepper))
            flush(work / MANIFEST)
            flush(work)
            work.rename(final)
        flush(into)
    return final, manifest


def _copy_all(
    folder: Path, work: Path, *, pepper: Pepper, tell: Telling
) -> tuple[dict[str, CopiedFile], dict[str, int]]:
    copies: dict[str, CopiedFile] = {}
    counts: dict[str, int] = {}
    for file in STORE_FILES:
        if (folder / file.name).exists():  # versions before the API had no office
            copies[file.name], counted = _copy_store(file, folder, work, pepper=pepper, tell=tell)
            counts |= counted
    # Last: whoever was erased meanwhile is in the journal's copy, and is erased again when it is restored.
    if (folder / ERASURES).exists():
        digest = copy_file(folder / ERASURES, work / ERASURES)
        copies[ERASURES] = CopiedFile(size=(work / ERASURES).stat().st_size, sha256=digest)
    return copies, counts


def _copy_store(
    file: StoreFile, folder: Path, work: Path, *, pepper: Pepper, tell: Telling
) -> tuple[CopiedFile, dict[str, int]]:
    source, target = folder / file.name, work / file.name
    target.touch(mode=0o600)
    with wording(source):
        reader = open_file(source)
    try:
        with wording(source):
            _check_source(reader, source, file, pepper)
        with wording(target):
            writer = apsw.Connection(str(target))
            try:
                _copy_pages(reader, writer, target, tell=lambda done, of: tell(f"copying {file.name}", done, of))
                schema, counts = _look_at(writer, source, file, tell)
            finally:
                writer.close()
    finally:
        reader.close()
    size = target.stat().st_size
    digest = sha256_of(target, tell=lambda done: tell(f"checking {file.name}", done, size))
    flush(target)
    return CopiedFile(size=size, sha256=digest, schema=schema), counts


def _check_source(reader: apsw.Connection, source: Path, file: StoreFile, pepper: Pepper) -> None:
    # An older schema is welcome: whoever upgrades makes a backup first.
    version = reader.pragma("user_version")
    ours = len(schema_of(file.package))
    if version > ours:
        raise StorageError(
            f"{source} was made by a newer version of scanhook (schema {version}, here {ours}): use that version"
        )
    check_kept_pepper(reader, source, pepper)


def _copy_pages(
    reader: apsw.Connection, writer: apsw.Connection, target: Path, *, tell: Callable[[int, int], None]
) -> None:
    # A copy that is cut off is thrown away: it needs no journal of its own, only to be on the disk in the end.
    writer.execute("PRAGMA journal_mode=OFF")
    writer.execute("PRAGMA synchronous=OFF")
    reader.execute("BEGIN")
    rows_of(reader, "SELECT count(*) FROM meta")  # from here on the transaction sees one state of the file
    descriptor = os.open(target, os.O_RDONLY)
    try:
        with writer.backup("main", reader, "main") as backup:
            unflushed = 0
            while not backup.step(_STEP_PAGES):
                tell(backup.page_count - backup.remaining, backup.page_count)
                unflushed += _STEP_PAGES
                if unflushed >= _FLUSH_EVERY_PAGES:
                    unflushed = 0
                    os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    reader.execute("COMMIT")
    writer.execute("PRAGMA journal_mode=DELETE")  # one file, without a WAL beside it


def _look_at(writer: apsw.Connection, source: Path, file: StoreFile, tell: Telling) -> tuple[int, dict[str, int]]:
    tell(f"checking {file.name}", 0, 1)
    if rows_of(writer, "PRAGMA quick_check(1)") != [("ok",)]:
        raise StorageError(
            f"{source} is damaged, and so is its copy: look with `scanhook storage check`, and restore the newest "
            "backup that is good"
        )
    counts = {name: int(rows_of(writer, statement)[0][0]) for name, statement in file.counts.items()}
    return int(writer.pragma("user_version")), counts


def _check_room(folder: Path, into: Path) -> None:
    names = [name for file in STORE_FILES for name in (file.name, f"{file.name}-wal")]
    needed = sum((folder / name).stat().st_size for name in names if (folder / name).exists())
    free = shutil.disk_usage(into).free
    if needed > free:
        raise Refused(
            f"the backup takes up to {needed:,} bytes, and {into} has {free:,} free: make room, or name another disk"
        )


@contextmanager
def _unfinished(final: Path) -> Iterator[Path]:
    """Give a folder to work in, which is gone when the work fails."""
    work = final.with_name(final.name + _UNFINISHED)
    work.mkdir(mode=0o700)
    descriptor = os.open(work, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # the sign that somebody still works here
        yield work
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    finally:
        os.close(descriptor)


def _sweep(into: Path) -> None:
    """Throw away what killed backups have left."""
    for work in into.glob(f"scanhook-backup-*{_UNFINISHED}"):
        descriptor = os.open(work, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(work, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)
