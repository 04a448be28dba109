"""Puts a backup in the place of a storage, in two halves.

First everything is made ready in a folder of its own, and until then the present storage is as it was. Then
``restore.json`` is written, and the files change places: from there on the restore can only be finished. A process
that dies in between leaves a storage that refuses to be opened (:meth:`StorageUrl.check_made`) and says how to go on:
by running the restore again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from scanhook.errors import Refused, StorageError
from scanhook.storage.files import (
    ERASURES,
    IMPORT_FOLDERS,
    STORE_FILES,
    UPLOADS,
    Telling,
    copy_file,
    flush,
    give_to_owner,
)
from scanhook.storage.lock import alone_with, settle
from scanhook.storage.manifest import Manifest
from scanhook.storage.pepper import Pepper
from scanhook.storage.sqlite import schema_of, upgrade
from scanhook.storage.sqlite_connection import wording
from scanhook.storage.url import UNFINISHED_RESTORE

__all__ = ["Restored", "restore_backup"]

_READY = "restoring-"
_BESIDE = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A restore that is done.

    :param made_at: when the backup was made, in ISO 8601: what happened later is not in the storage.
    :param aside: where the files lie that were there before; ``None`` when there were none.
    :param resumed: whether it was begun by another run, which was interrupted.
    """

    made_at: str
    aside: Path | None
    resumed: bool = False


def restore_backup(
    backup: Path,
    folder: Path,
    *,
    pepper: Pepper,
    now: float,
    reapply: Callable[[Path], None],
    tell: Telling,
) -> Restored:
    """Put a backup in the place of a storage; an interrupted restore of it is finished.

    :param backup: the folder that :func:`~scanhook.storage.backup.make_backup` made.
    :param folder: the storage's; made when it is not there.
    :param now: seconds since 1970.
    :param reapply: is given the folder where the backup is made ready; erases there, once more, whoever was erased.
    :raises Refused: when the backup is none, or not whole, or made by a newer version; when the storage is in use.
    :raises PepperMismatch: when the backup was made with another pepper.
    :raises StorageError: when something cannot be read or written.
    """
    manifest = Manifest.read(backup, pepper=pepper)
    seal = manifest.seal(pepper)
    with wording(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone_with(folder):
            marker = folder / UNFINISHED_RESTORE
            if marker.exists():
                begun = json.loads(marker.read_bytes())
                finished = _exchange(folder, begun, resumed=True)
                if begun["seal"] == seal:
                    return finished
            _check(manifest, backup, folder)
            ready = _make_ready(manifest, backup, folder, reapply=reapply, tell=tell)
            begun = _begun(manifest, folder, ready, seal=seal, now=now)
            _settle_all(folder)  # a service of an older version may have been started meanwhile
            _write(marker, json.dumps(begun))
            return _exchange(folder, begun)


def _begun(manifest: Manifest, folder: Path, ready: Path, *, seal: str, now: float) -> dict[str, str]:
    """Return what ``restore.json`` says."""
    return {
        "aside": _new_name(folder, f"before-restore-{datetime.fromtimestamp(now, tz=UTC):%Y%m%dT%H%M%SZ}"),
        "made_at": manifest.made_at,
        "ready": ready.name,
        "seal": seal,
    }


def _check(manifest: Manifest, backup: Path, folder: Path) -> None:
    """Find out what would stop the restore, before anything is written."""
    for file in STORE_FILES:
        copied, ours = manifest.files.get(file.name), len(schema_of(file.package))
        if copied and copied.schema and copied.schema > ours:
            raise Refused(
                f"{backup} was made by scanhook {manifest.version} (schema {copied.schema} of {file.name}, here "
                f"{ours}): install that version, and restore with it"
            )
    for name, copied in manifest.files.items():
        if not (backup / name).is_file() or (backup / name).stat().st_size != copied.size:
            raise Refused(f"{backup / name} is missing or not whole: take another backup")
    free = shutil.disk_usage(folder).free
    if manifest.size > free:
        raise Refused(f"the backup takes {manifest.size:,} bytes, and {folder} has {free:,} free: make room there")
    _settle_all(folder)


def _settle_all(folder: Path) -> None:
    for file in STORE_FILES:
        if (folder / file.name).exists():
            # What is damaged or cannot be read is what a restore is for: it is moved aside as it is.
            with suppress(StorageError):
                settle(folder / file.name)


def _make_ready(
    manifest: Manifest, backup: Path, folder: Path, *, reapply: Callable[[Path], None], tell: Telling
) -> Path:
    """Copy the backup, bring it up to this version, and erase again whoever was erased since it was made."""
    for left in folder.glob(f"{_READY}*"):
        shutil.rmtree(left)
    ready = folder / f"{_READY}{manifest.files['journal.db'].sha256[:12]}"
    ready.mkdir(mode=0o700)
    give_to_owner(ready)
    for name, copied in manifest.files.items():

        def told(done: int, name: str = name, size: int = copied.size) -> None:
            tell(f"copying {name}", done, size)

        if copy_file(backup / name, ready / name, tell=told) != copied.sha256:
            raise Refused(f"{backup / name} is damaged (its SHA-256 is another): take another backup")
    for file in STORE_FILES:
        if (ready / file.name).exists():
            upgrade(ready / file.name, package=file.package)
    reapply(ready)
    for file in STORE_FILES:
        if (ready / file.name).exists():
            settle(ready / file.name)
    for path in ready.iterdir():
        give_to_owner(path)
        flush(path)
    flush(ready)
    return ready


def _new_name(folder: Path, name: str) -> str:
    return next(
        found for number in count() if not (folder / (found := f"{name}-{number}" if number else name)).exists()
    )


def _exchange(folder: Path, begun: dict[str, str], *, resumed: bool = False) -> Restored:
    """Let the files change places. Whatever of it is done already is left as it is."""
    aside, ready = folder / begun["aside"], folder / begun["ready"]
    # Imports are counted anew: one could otherwise go on with the tags or the upload of another.
    for left in (*folder.glob(IMPORT_FOLDERS), *folder.glob(UPLOADS)):
        aside.mkdir(mode=0o700, exist_ok=True)
        left.rename(aside / left.name)
    for name in (ERASURES, *(file.name for file in STORE_FILES)):
        if (ready / name).exists():
            for beside in _BESIDE:
                present = folder / f"{name}{beside}"
                if present.exists():
                    aside.mkdir(mode=0o700, exist_ok=True)
                    present.rename(aside / present.name)
            (ready / name).rename(folder / name)
    flush(folder)
    if aside.exists():
        give_to_owner(aside)
    shutil.rmtree(ready, ignore_errors=True)
    (folder / UNFINISHED_RESTORE).unlink()
    flush(folder)
    return Restored(made_at=begun["made_at"], aside=aside if aside.exists() else None, resumed=resumed)


def _write(path: Path, text: str) -> None:
    """Write a private file: all of it, or none."""
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    give_to_owner(new)
    new.replace(path)
    flush(path.parent)
