"""Deletes files that nobody needs any more from the storage's folder: uploads, and folders and locks of ended imports.

Whoever ends an import deletes its files himself; these are those of processes that were killed.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from scanhook.registry import RegistryStore
from scanhook.registry.importstore import Import, Phase, is_elsewhere
from scanhook.registry.workfolder import remove_work
from scanhook.storage.files import UPLOADS
from scanhook.wire.uploads import KEPT_S, Uploads

__all__ = ["clear_leftovers"]

_WORK = re.compile(r"import-([0-9]{1,18})")
_UPLOAD = re.compile(r"([0-9]{1,18})(\.rejects)?\.csv")
_LOCK = re.compile(r"([0-9]{1,18})\.lock")
_UPLOAD_S = 86_400
_WORK_S = 3_600
"""After its end, before an import's folder is taken for one that was left behind."""
_BRINGS_NOTHING = frozenset({Phase.REFUSED, Phase.FAILED, Phase.DROPPED})
_ENDED = _BRINGS_NOTHING | {Phase.DONE}


def clear_leftovers(registry: RegistryStore, *, now: float) -> list[str]:
    """Delete uploads, folders and locks of ended imports, and uploads that were cut off or that nobody came back for.

    :param now: seconds since 1970.
    :returns: what was deleted, by its path from the storage's folder.
    :raises OSError: when something cannot be deleted.
    """
    deleted = []
    for path in _old_work(registry, now):
        remove_work(path)
        deleted.append(path)
    for path in _old_uploads(registry, now):
        path.unlink(missing_ok=True)
        deleted.append(path)
    return [str(path.relative_to(registry.folder)) for path in deleted]


def _old_work(registry: RegistryStore, now: float) -> Iterator[Path]:
    # A mint whose file is not known to have been handed over may still be taken back, by what lies in its folder.
    open_mints = {mint.import_id for mint in registry.open_mints()}
    for path, number in _numbered(registry.folder, _WORK):
        found = None if number in open_mints else registry.find_import(number)
        if found is None or is_elsewhere(registry, found) or not path.is_dir():
            continue  # who knows whose it is
        if _is_through(found) and _ended_before(found, now - _WORK_S):
            yield path


def _is_through(found: Import) -> bool:
    """Tell whether an import needs its folder no more: while its rows may still be there, dropping it does."""
    return found.phase is Phase.DONE or (found.phase in _BRINGS_NOTHING and not found.first_part)


def _old_uploads(registry: RegistryStore, now: float) -> Iterator[Path]:
    folder, uploads = registry.folder / UPLOADS, Uploads(registry.folder)
    for path, number in _numbered(folder, _UPLOAD):
        if _is_older(path, now - KEPT_S):
            if not uploads.is_running(number):
                yield path
        elif path == uploads.path(number):
            found = registry.find_import(number)
            # One that failed can be begun again with the file that is here.
            if (
                found
                and found.phase is not Phase.FAILED
                and _is_through(found)
                and _ended_before(found, now - _UPLOAD_S)
            ):
                yield path
    for path in sorted(folder.glob("*.part")):
        if _is_older(path, now - _UPLOAD_S):
            yield from _free(path)
    for path, number in _numbered(folder, _LOCK):
        found = registry.find_import(number)
        # One that failed and was queued again has an end that is none.
        ended = found is None or (found.phase in _ENDED and _ended_before(found, now - KEPT_S))
        if ended and _is_older(path, now - KEPT_S):
            yield from _free(path)


def _numbered(folder: Path, pattern: re.Pattern[str]) -> Iterator[tuple[Path, int]]:
    for path in sorted(folder.glob("*")):
        if name := pattern.fullmatch(path.name):
            yield path, int(name[1])


def _ended_before(found: Import, at: float) -> bool:
    return found.ended_at is not None and found.ended_at <= at


def _is_older(path: Path, at: float) -> bool:
    with suppress(FileNotFoundError):
        return path.stat().st_mtime <= at
    return False


def _free(path: Path) -> Iterator[Path]:
    """Yield a file unless somebody holds a lock on it, as whoever receives an upload or runs an import does."""
    with suppress(OSError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield path
