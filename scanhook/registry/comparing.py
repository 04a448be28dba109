"""Compares the sorted tags of an import with what the registry holds already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace

from scanhook.registry.importstore import ImportStore
from scanhook.registry.rejects import Rejects
from scanhook.registry.sorting import rows_of_stack, write_stack
from scanhook.registry.spool import RECORD
from scanhook.registry.workfolder import Manifest, WorkFolder, storing

__all__ = ["compare"]

_TAGS_A_LOOK = 50_000


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

    :param known_piles: the numbers of the piles whose product holds codes already: only theirs are looked up.
    :returns: what the folder holds now; it is sealed again where that has changed.
    :raises StorageError: when registry or folder cannot be read or written.
    """
    if not known_piles:
        return manifest
    records, codes = list(manifest.records), list(manifest.codes)
    for number in range(work.stacks):
        taken_out = _compare_stack(store, work, number, known_piles, rejects)
        records[number] -= taken_out.total()
        for pile, count in taken_out.items():
            codes[pile] -= count
        progress(number + 1, work.stacks)
    if tuple(records) == manifest.records:
        return manifest
    rejects.flush()
    changed = replace(manifest, records=tuple(records), codes=tuple(codes), refused=rejects.count)
    work.seal(changed)
    return changed


def _compare_stack(
    store: ImportStore, work: WorkFolder, number: int, known_piles: Collection[int], rejects: Rejects
) -> Counter[int]:
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
        write_stack(work, number, b"".join(RECORD.pack(*row) for row in rows if row[0] not in found))
    return Counter(pile for tag, _, pile, _ in rows if tag in found)
