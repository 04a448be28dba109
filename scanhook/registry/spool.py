"""Keeps the tags of an import on the disk: in stacks by their first byte, each small enough to be sorted in memory.

A stack holds one stretch of the order of tags, so the sorted stacks, one behind the other, are all tags in order:
nothing has to be merged. There are no plain codes in them.

How codes come in, from whatever source (the import reads a file, the mint makes serials)::

    work = WorkFolder.create(store.folder, work_name(import_id), stacks=stacks_for(codes))
    spool = Spool(work.path, name=TAGS, stacks=work.stacks)         # one in each process that makes records
    spool.add_all(RECORD.pack(tag, line, pile, position) for …)     # or add(stack, records) of what is sorted out
    spool.flush()                                                   # in each of them, before the next step
    stacks = [sort_stack(work, number) for number in range(work.stacks)]      # sorting.py; in any process
    manifest = Manifest(records=…, codes=…, refused=0)
    work.seal(manifest)
    store.ready_import(import_id, piles, …)                         # from here on a killed import can go on
    load_stacks(store, import_id, work, manifest, progress=…)       # loading.py
    store.finish_import(import_id, codes, report=…)
    work.remove()
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from struct import Struct

from scanhook.registry.workfolder import storing

__all__ = ["GUESSES", "RECORD", "STACKS_MAX", "TAGS", "Spool", "stacks_for", "unsorted"]

RECORD = Struct(">10sIII")
"""A code on its way in: tag, line of its file (to name it), number of its pile, position in its batch."""
TAGS = "tags"
GUESSES = "guesses"
STACKS_MAX = 256
"""Of 10⁸ codes, each stack has 390 000: some 40 MB while it is sorted."""
_STACK_CODES = 200_000
_BUFFER_BYTES = 4 << 20


def stacks_for(codes: int) -> int:
    """Return how many stacks so many codes need: a power of two, and one where they are few, since files cost time."""
    return min(1 << (codes // _STACK_CODES).bit_length(), STACKS_MAX)


class Spool:
    """Takes records of one process, which begin with a tag, and appends them to the stacks on the disk.

    :param folder: where the stacks lie; several processes may share it.
    :param name: what kind of records they are, such as ``TAGS``.
    :param stacks: how many there are: a power of two, at most ``STACKS_MAX``.
    :param process: tells the processes' files apart.
    """

    def __init__(self, folder: Path, *, name: str, stacks: int, process: int = 0) -> None:
        self._folder = folder
        self._name = name
        self._stacks = stacks
        self._process = process
        self._waiting: list[list[bytes]] = [[] for _ in range(stacks)]
        self._bytes = 0

    def add(self, stack: int, records: bytes) -> None:
        """Take records that all belong to one stack.

        :raises StorageError: when the disk cannot take them.
        """
        self._waiting[stack].append(records)
        self._bytes += len(records)
        if self._bytes >= _BUFFER_BYTES:
            self.flush()

    def add_all(self, records: Iterable[bytes]) -> None:
        """Take records as they come.

        :raises StorageError: when the disk cannot take them.
        """
        sorted_out: list[list[bytes]] = [[] for _ in range(256)]
        for record in records:
            sorted_out[record[0]].append(record)
        for first_byte, found in enumerate(sorted_out):
            if found:
                self.add(first_byte * self._stacks >> 8, b"".join(found))

    def flush(self) -> None:
        """Write what is still in memory, so that other processes can read it.

        :raises StorageError: when the disk cannot take it.
        """
        with storing(self._folder):
            for stack, waiting in enumerate(self._waiting):
                if waiting:
                    with _file(self._folder, self._name, stack, self._process).open("ab") as file:
                        file.write(b"".join(waiting))
                    waiting.clear()
        self._bytes = 0


def unsorted(folder: Path, name: str, stack: int) -> list[Path]:
    """Return the files of all processes that hold a stack's records."""
    return sorted(folder.glob(f"{name}-{stack:03}-*"))


def _file(folder: Path, name: str, stack: int, process: int) -> Path:
    return folder / f"{name}-{stack:03}-{process}"
