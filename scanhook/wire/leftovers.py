"""Deletes files that nobody needs any more from the storage's folder: uploads, and the folders of ended imports."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from scanhook.registry import RegistryStore
from scanhook.registry.importstore import Import
from scanhook.wire.attention import ENDED, unfinished_imports

__all__ = ["clear_leftovers"]

UPLOADS = "uploads"
_WORK_FOLDER = re.compile(r"import-([0-9]{1,18})")
_UPLOAD_S = 86_400
_WORK_S = 3_600
"""Whoever ends an import removes its folder at once; what is there after this time was left behind."""


def clear_leftovers(registry: RegistryStore, *, now: float) -> list[str]:
    """Delete uploads that are older than a day, unless an unfinished import needs them, and folders of ended imports.

    :param now: seconds since 1970.
    :returns: what was deleted, by its path from the storage's folder.
    :raises OSError: when something cannot be deleted.
    """
    deleted = []
    for path in (*_old_uploads(registry, now), *_old_work(registry, now)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        deleted.append(str(path.relative_to(registry.folder)))
    return deleted


def _old_uploads(registry: RegistryStore, now: float) -> list[Path]:
    folder = registry.folder / UPLOADS
    if not folder.is_dir():
        return []
    old = [path for path in folder.iterdir() if path.lstat().st_mtime + _UPLOAD_S <= now]
    if not old:
        return []
    waiting = list(unfinished_imports(registry))
    return [path for path in sorted(old) if not any(_needs(found, path) for found in waiting)]


def _needs(found: Import, path: Path) -> bool:
    named = (found.plan.file, *map(str, found.plan.options.values()))
    return any(path.name in name for name in named)


def _old_work(registry: RegistryStore, now: float) -> Iterator[Path]:
    for path in sorted(registry.folder.iterdir()):
        name = _WORK_FOLDER.fullmatch(path.name)
        found = registry.find_import(int(name[1])) if name and path.is_dir() else None
        if found and found.phase in ENDED and found.ended_at is not None and found.ended_at + _WORK_S <= now:
            yield path
