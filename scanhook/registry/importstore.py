"""What a registry's engine must be able to do for imports and mints.

An import is read first, into sorted stacks of tags in a folder of its own (see :mod:`scanhook.registry.spool`); then
its stacks are stored, invisible; then one last transaction shows all of it. ``phase`` says how far it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from scanhook.registry.life import State
from scanhook.registry.product import Product
from scanhook.storage.machine import Machine

__all__ = ["CodeRow", "Import", "ImportPlan", "ImportStore", "Kind", "Loader", "Part", "Phase", "Pile", "is_elsewhere"]


class Kind(StrEnum):
    """How codes come in."""

    IMPORT = "import"
    MINT = "mint"


class Phase(StrEnum):
    """How far an import is."""

    QUEUED = "queued"
    READING = "reading"
    LOADING = "loading"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """What somebody wants to bring in.

    :param file: the file's name, for people.
    :param options: what the import was asked to do; together with the digest it knows a stopped import again.
    """

    kind: Kind
    file: str
    who: str
    why: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """An import as the registry keeps it.

    :param started_at: seconds since 1970.
    :param ended_at: seconds since 1970; ``None`` while it is not at its end.
    :param digest: BLAKE2b of the whole file; empty until it was read.
    :param done: how much of ``total`` is done: bytes while it is read, codes while they are stored.
    :param loaded: how many stacks of tags are stored.
    :param report: what the audit found, and what came of it.
    :param change_id: the newest change that it wrote into the history; 0 if none.
    :param first_part: the part of its first pile; those of the others follow. 0 while it has none.
    :param machine: which one has its files; ``None`` where only one machine can have the storage.
    """

    id: int
    plan: ImportPlan
    phase: Phase
    started_at: int
    ended_at: int | None
    digest: bytes
    done: int
    total: int
    loaded: int
    report: Mapping[str, object]
    change_id: int
    first_part: int
    machine: Machine | None = None

    @property
    def can_go_on(self) -> bool:
        """Tell whether its sorted tags are complete, so that storing them can go on after a stop."""
        return self.phase is Phase.LOADING


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """The codes of one batch and state that an import brings.

    :param codes: how many.
    :param last: the highest position in the batch that one of them has, counted from 1 over all imports.
    """

    product: Product
    batch: str
    state: State
    codes: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A pile that an import has opened.

    :param id: what its codes are stored with.
    :param last: the highest position in the batch that one of its codes may have.
    """

    id: int
    pile: Pile


CodeRow = tuple[bytes, int, int, int]
"""A code on its way in: tag, line of the file, number of its pile, position in its batch."""


class Loader(Protocol):
    """Stores the codes of one import, in transactions that are short enough to let others in."""

    def store(self, rows: Sequence[CodeRow], *, loaded: int, done: int) -> None:
        """Store codes in one transaction. Storing a code again that this import has stored does no harm.

        :param rows: sorted by tag, no tag twice.
        :param loaded: how many stacks are stored with them.
        :param done: how many codes are stored with them.
        :raises Refused: when one of them is registered already; nothing of these rows is stored then.
        """

    def delete(self, rows: Sequence[CodeRow]) -> None:
        """Delete codes of this import in one transaction; what is not there or belongs to another is passed over."""


class ImportStore(Protocol):
    """The half of an engine that imports use."""

    @property
    def folder(self) -> Path:
        """Where the storage lies on this machine; imports keep their sorted tags in it."""

    @property
    def machine(self) -> Machine | None:
        """Which machine this is; ``None`` where only one can have the storage."""

    def importing(self) -> AbstractContextManager[None]:
        """Hold the one place for an import.

        :raises Refused: when another import is running.
        """

    def draft_product(self, account: str, key_standard: str, key_str: str) -> Product:
        """Return the product of that name for an import: the one that is there, or one that is not stored yet."""

    def holds_codes(self, product: Product) -> bool:
        """Tell whether a code of the product is visible."""

    def last_position(self, product: Product, batch: str) -> int:
        """Return the highest position that any import, finished or not, has taken in a batch; 0 if none has."""

    def registered(self, tags: Sequence[bytes]) -> set[bytes]:
        """Return which of these tags belong to a visible code.

        :param tags: sorted.
        """

    def start_import(self, plan: ImportPlan, *, phase: Phase = Phase.READING) -> int:
        """Write down that an import begins, and return its number.

        :param phase: ``QUEUED`` when somebody else will run it.
        """

    def note_progress(self, import_id: int, *, phase: Phase, done: int, total: int) -> bool:
        """Write down how far an import is, for those who look on.

        :returns: False, and nothing is written, when it is visible, or when it was given up and the phase is another.
        """

    def ready_import(
        self, import_id: int, piles: Sequence[Pile], *, digest: bytes, total: int, report: Mapping[str, object]
    ) -> list[Part]:
        """Open the parts of an import, invisible, and say that its sorted tags are complete: its phase is ``LOADING``.

        :param total: how many codes it has.
        :returns: one part for each pile; their ids follow one another.
        :raises Refused: when its phase is not ``READING``, or a product was added or changed since it was drafted.
        """

    def loading(self, import_id: int) -> AbstractContextManager[Loader]:
        """Begin to store the codes of an import.

        Every other import that is not finished forgets how much it has stored: its invisible rows may be taken over by
        this one, so it has to store all of its stacks again.

        :raises Refused: when the import is visible, or has no parts.
        """

    def finish_import(self, import_id: int, codes: Sequence[int], *, report: Mapping[str, object]) -> None:
        """Make an import visible, all of it at once, and write it into the history of changes.

        What was stored before is as durable as this step when it returns.

        :param codes: how many codes each pile really brought.
        :raises Refused: when its phase is not ``LOADING``, or it is visible already.
        """

    def close_import(
        self, import_id: int, *, phase: Phase, report: Mapping[str, object], was: Phase | None = None
    ) -> None:
        """End an import that brings nothing; its parts, and batches and products of its own, are taken back.

        None of its codes may be stored any more, or their part ids could come to mean something else.

        :param was: the phase in which it must still be.
        :raises Refused: when it is visible, or in another phase; it stays as it is then.
        """

    def parts_of(self, import_id: int) -> list[Part]:
        """Return the parts of an import in the order of their ids."""

    def imports(self, *, before: int | None = None, limit: int = 100) -> list[Import]:
        """Return imports, the newest first.

        :param before: the number of the oldest that was seen already.
        """

    def find_import(self, import_id: int) -> Import | None:
        """Return an import."""


def is_elsewhere(store: ImportStore, found: Import) -> bool:
    """Tell whether another machine has the files of an import: only there can it go on.

    :raises StorageError: when it cannot be told which machine this is.
    """
    return not (found.machine is None or store.machine is None or found.machine.is_same(store.machine))
