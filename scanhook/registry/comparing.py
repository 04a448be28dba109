"""Compares the sorted tags of an import with what the registry holds already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace

from scanhook.registry.importstore import ImportStore
from scanhook.registry.rejects import Rejects
from scanhook.registry.sorting import prepare_stack, rows_of_stack, take_stack
from scanhook.registry.spool import RECORD
from scanhook.registry.workfolder import FolderLost, Manifest, WorkFolder, storing

__all__ = ["compare", "recount"]

_TAGS_A_LOOK = 50_000
_STACKS_A_STEP = 16
"""So many shortened stacks wait beside the whole ones until their refused lines are on the disk."""


def compare(
    store: ImportStore,
    work: WorkFolder,
    manifest: Manifest,
    *,
    known_piles: Collection[int],
    rejects: Rejects,
    progress: Callable[[int, int], None],
) -> Manifest:
    """Take those codes out of the stacks that are registered already, and name their lines.

    It may be killed anywhere: no stack loses a code before the refusal of its line is on the disk. What the stacks hold
    then is found by :func:`recount`.

    :param known_piles: the numbers of the piles whose product holds codes already: only theirs are looked up.
    :returns: what the folder holds now; it is sealed again where that has changed.
    :raises StorageError: when registry or folder cannot be read or written.
    """
    if not known_piles:
        return manifest
    records, codes = list(manifest.records), list(manifest.codes)
    for first in range(0, work.stacks, _STACKS_A_STEP):
        shortened = []
        for number in range(first, min(first + _STACKS_A_STEP, work.stacks)):
            taken_out = _compare_stack(store, work, number, known_piles, rejects)
            if taken_out:
                shortened.append(number)
            records[number] -= taken_out.total()
            for pile, count in taken_out.items():
                codes[pile] -= count
            progress(number + 1, work.stacks)
        rejects.flush()
        with storing(work.path):
            for number in shortened:
                take_stack(work, number)
    if tuple(records) == manifest.records:
        return manifest
    return _sealed(work, Manifest(records=tuple(records), codes=tuple(codes), refused=0), rejects)


def recount(work: WorkFolder, manifest: Manifest, rejects: Rejects) -> Manifest:
    """Return what a sealed folder holds, where a comparison was killed before it could seal it again.

    :raises FolderLost: when a stack is not there, or damaged.
    :raises StorageError: when the folder cannot be read or written now.
    """
    records = []
    for number in range(work.stacks):
        path = work.sorted_stack(number)
        with storing(work.path):
            try:
                found, rest = divmod(path.stat().st_size, RECORD.size)
            except FileNotFoundError:
                raise FolderLost(path) from None
        if rest or found > manifest.records[number]:
            raise FolderLost(path)
        records.append(found)
    if tuple(records) == manifest.records:
        return manifest
    codes: Counter[int] = Counter()
    for number in range(work.stacks):
        codes.update(pile for _, _, pile, _ in rows_of_stack(work, number))
    piles = tuple(codes[pile] for pile in range(len(manifest.codes)))
    return _sealed(work, Manifest(records=tuple(records), codes=piles, refused=0), rejects)


def _sealed(work: WorkFolder, manifest: Manifest, rejects: Rejects) -> Manifest:
    rejects.recount()
    changed = replace(manifest, refused=rejects.count)
    work.seal(changed)
    return changed


def _compare_stack(
    store: ImportStore, work: WorkFolder, number: int, known_piles: Collection[int], rejects: Rejects
) -> Counter[int]:
    """Write the stack without what is registered beside the whole one, and return how many codes each pile loses."""
    rows = list(rows_of_stack(work, number))
    tags = [tag for tag, _, pile, _ in rows if pile in known_piles]
    found: set[bytes] = set()
    for start in range(0, len(tags), _TAGS_A_LOOK):
        found |= store.registered(tags[start : start + _TAGS_A_LOOK])
    if not found:
        return Counter()
    for tag, line, _, _ in rows:
        if tag in found:
            rejects.add(line, "its code is registered already")
    with storing(work.path):
        prepare_stack(work, number, b"".join(RECORD.pack(*row) for row in rows if row[0] not in found))
    return Counter(pile for tag, _, pile, _ in rows if tag in found)
