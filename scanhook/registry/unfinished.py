"""What earlier runs of an import have left: swept away, or found again by the file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scanhook.errors import CodeFileRefused, Refused, StorageError
from scanhook.registry.codefile import digest_of
from scanhook.registry.importstore import Import, ImportPlan, ImportStore, Kind, Phase, is_elsewhere
from scanhook.registry.loading import Progress
from scanhook.registry.workfolder import remove_work

__all__ = ["Earlier", "find_earlier", "sweep"]

_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What earlier runs have left of an import.

    :param stopped: the import of this very file, with these options, that can go on.
    :param others: the numbers of unfinished imports with these options of another file of this name.
    """

    stopped: Import | None = None
    others: tuple[int, ...] = ()


def sweep(store: ImportStore) -> None:
    """Clear away what killed imports have left that cannot go on; the caller holds the place for an import.

    Folders of mints are left to the mint, which settles its own, and so is what cannot be deleted.
    """
    for found in store.imports(limit=_LOOKED_AT):
        if found.phase is Phase.READING and found.plan.kind is Kind.IMPORT:
            store.close_import(
                found.id, phase=Phase.FAILED, report={"why": "it was stopped before its file was read to the end"}
            )
    for folder in store.folder.glob("import-*"):
        number = folder.name.rpartition("-")[2]
        left = store.find_import(int(number)) if number.isdigit() else None
        if _is_left_over(store, left):
            with suppress(StorageError):
                remove_work(folder)


def _is_left_over(store: ImportStore, left: Import | None) -> bool:
    if left is None:
        # A server may have been exchanged for another, or restored: then the folder belongs to who knows whom.
        return store.machine is None
    return left.plan.kind is Kind.IMPORT and _is_through(left) and not is_elsewhere(store, left)


def _is_through(left: Import) -> bool:
    if left.phase is Phase.DONE:
        return True
    return left.phase not in (Phase.QUEUED, Phase.READING) and not left.first_part


def find_earlier(store: ImportStore, path: Path, plan: ImportPlan, *, progress: Progress) -> Earlier:
    """Find what earlier runs have left of an import of this file with these options.

    :raises CodeFileRefused: when the file cannot be read.
    :raises Refused: when it was imported already, and all that it brought is there; or when it can go on, and another
        machine has what it goes on from.
    """
    candidates = [
        found
        for found in store.imports(limit=_LOOKED_AT)
        if found.digest
        and found.phase in (Phase.LOADING, Phase.DONE)
        and found.plan.kind is Kind.IMPORT
        and found.plan.options == plan.options
    ]
    if not candidates:
        return Earlier()
    try:
        size = path.stat().st_size
    except OSError as error:
        raise CodeFileRefused(f"{path} cannot be read: {error.strerror}") from None
    digest = digest_of(path, lambda done: progress("know", done, size))
    same = [found for found in candidates if found.digest == digest]
    for found in same:
        if found.can_go_on:
            if found.machine and is_elsewhere(store, found):
                raise Refused(
                    f"this file was read already, as import {found.id}, and its sorted codes lie on the machine "
                    f"{found.machine.name}: run the same command there to go on, or give the import up with "
                    f"`scanhook imports drop {found.id}`"
                )
            return Earlier(stopped=found)
    for found in same:
        if sum(part.pile.codes for part in store.parts_of(found.id)) == found.report.get("codes"):
            raise Refused(
                f"this file was imported already, as import {found.id}: see `scanhook imports show {found.id}`"
            )
    return Earlier(others=tuple(found.id for found in candidates if found.can_go_on and _has_name(found, plan)))


def _has_name(found: Import, plan: ImportPlan) -> bool:
    return found.plan.file == plan.file
