"""The import of a code file: read and checked as a whole, then loaded in order, then shown at once."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from pathlib import Path
from struct import Struct
from typing import IO, Self

from scanhook.errors import CodeFileRefused, Refused
from scanhook.registry.checksum import has_right_check
from scanhook.registry.codefile import BATCH_MAX_CHARS, CodeFile, CodeLine, LineRefused
from scanhook.registry.importstore import CodeRow, Part, Pile
from scanhook.registry.life import State
from scanhook.registry.product import Product
from scanhook.registry.spool import Spool
from scanhook.registry.store import RegistryStore
from scanhook.storage import TAG_BYTES, Pepper

__all__ = ["ImportReport", "Progress", "import_codes"]

LOAD_ROWS = 20_000
"""How many codes one transaction stores: large enough to be fast, small enough never to hold others up."""

_TAIL = Struct(">IHI")  # line, pile, position: behind the tag, so that of two equal tags the earlier line comes first
_RECORD_BYTES = TAG_BYTES + _TAIL.size
_PILES_MAX = 1 << 16

Progress = Callable[[str, int, int], None]
"""Told now and then: what is being done (``read``, ``load``), how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What came of an import.

    :param codes: how many codes were taken; 0 unless it was finished.
    :param refused: how many lines were not.
    :param finished: whether the codes are visible now.
    :param rejects: the file that names every refused line, if there is one.
    """

    codes: int
    refused: int
    finished: bool
    rejects: Path | None
    piles: tuple[Pile, ...]


def import_codes(
    store: RegistryStore,
    path: Path,
    *,
    pepper: Pepper,
    account: str,
    skip_bad: bool = False,
    rejects: Path | None = None,
    batch: str = "",
    progress: Progress = lambda _what, _done, _total: None,
) -> ImportReport:
    """Import a code file.

    :param account: the name of the account that its products belong to.
    :param skip_bad: take the good lines where others are refused; without it, one refused line refuses the file.
    :param rejects: where the refused lines are listed, by number and reason; ``FILE.rejects.csv`` when not given.
    :param batch: the batch of lines that name none; the file's name when not given.
    :raises CodeFileRefused: when the file cannot be read as a code file, or holds no code.
    :raises Refused: when another import is running.
    :raises StorageError: when the registry cannot be written. Nothing of the file is visible then.
    """
    if len(batch) > BATCH_MAX_CHARS or not (batch or "-").isprintable():
        raise Refused(f"the batch is not up to {BATCH_MAX_CHARS} printable characters")
    rejects = rejects or path.with_name(path.name + ".rejects.csv")
    if rejects.resolve() == path.resolve():
        raise CodeFileRefused(f"the rejects would overwrite {path}: name another file with --rejects")
    with (
        store.importing(),
        Spool(record_bytes=_RECORD_BYTES) as spool,
        _Rejects(rejects) as refused,
    ):
        default_batch = batch or path.name.removesuffix(".gz").removesuffix(".csv")[:64]
        reading = _Reading(store=store, pepper=pepper, account=account, batch=default_batch, spool=spool)
        reading.read(CodeFile(path), refused, progress)
        reading.drop_doubles(refused)
        if not len(spool) and not refused.count:
            raise CodeFileRefused(f"{path} holds no code below its header")
        piles = tuple(reading.piles())
        if not piles or (refused.count and not skip_bad):
            return ImportReport(codes=0, refused=refused.count, finished=False, rejects=refused.path, piles=())
        loaded = _load(
            store,
            os.fsencode(path.name).decode(errors="replace"),
            piles,
            reading,
            refused,
            skip_bad=skip_bad,
            progress=progress,
        )
        return ImportReport(
            codes=sum(loaded),
            refused=refused.count,
            finished=bool(loaded),
            rejects=refused.path if refused.count else None,
            piles=tuple(replace(pile, codes=codes) for pile, codes in zip(piles, loaded, strict=False) if codes),
        )


@dataclass(slots=True, kw_only=True)
class _Reading:
    """The first half: every line is read, and becomes a tag in the spool or a line in the rejects."""

    store: RegistryStore
    pepper: Pepper
    account: str
    batch: str
    spool: Spool
    doubled: set[int] = field(default_factory=set)
    _products: dict[tuple[str, str], Product | LineRefused] = field(default_factory=dict)
    _piles: dict[tuple[bytes, str, State], int] = field(default_factory=dict)
    _pile_products: list[Product] = field(default_factory=list)
    _pile_codes: Counter[int] = field(default_factory=Counter)
    _positions: Counter[tuple[bytes, str]] = field(default_factory=Counter)
    _pile_last: dict[int, int] = field(default_factory=dict)

    def read(self, file: CodeFile, refused: _Rejects, progress: Progress) -> None:
        for number, line in file.lines(lambda done: progress("read", done, file.size_bytes)):
            try:
                if isinstance(line, LineRefused):
                    raise line
                self._take(number, line)
            except LineRefused as error:
                refused.add(number, str(error))

    def _take(self, number: int, line: CodeLine) -> None:
        product = self._product(line.key_standard, line.key_str)
        if isinstance(product, LineRefused):
            raise product
        normal = product.normalisation.apply(line.ext_info)
        if not normal:
            raise LineRefused("its extinfo is empty once it is trimmed")
        if product.normalisation.check and not has_right_check(normal):
            raise LineRefused("its extinfo has a wrong check character")
        batch = line.batch or self.batch
        pile = self._piles.setdefault((product.id, batch, line.state), len(self._piles))
        if pile == len(self._pile_products):
            if pile >= _PILES_MAX:
                raise CodeFileRefused(f"the file names more than {_PILES_MAX} batches")
            self._pile_products.append(product)
        self._pile_codes[pile] += 1
        self._positions[product.id, batch] += 1
        position = self._pile_last[pile] = self._positions[product.id, batch]
        self.spool.add(self.pepper.tag(product.id, normal) + _TAIL.pack(number, pile, position))

    def _product(self, key_standard: str, key_str: str) -> Product | LineRefused:
        found = self._products.get((key_standard, key_str))
        if found is None:
            try:
                found = self.store.draft_product(self.account, key_standard, key_str)
            except ValueError as error:
                found = LineRefused(str(error))
            self._products[key_standard, key_str] = found
        return found

    def drop_doubles(self, refused: _Rejects) -> None:
        """Refuse every line whose code stands in an earlier one."""
        first = 0
        for record, following in pairwise(self.spool):
            if record[:TAG_BYTES] != following[:TAG_BYTES]:
                continue
            line, _, _ = _TAIL.unpack_from(record, TAG_BYTES)
            double, pile, _ = _TAIL.unpack_from(following, TAG_BYTES)
            first = line if line not in self.doubled else first
            self.doubled.add(double)
            self._pile_codes[pile] -= 1
            refused.add(double, f"its code stands in line {first} already")

    def piles(self) -> Iterator[Pile]:
        """Yield the piles in the order of their numbers."""
        for (_, batch, state), number in self._piles.items():
            yield Pile(
                product=self._pile_products[number],
                batch=batch,
                state=state,
                codes=self._pile_codes[number],
                last=self._pile_last[number],
            )

    def rows(self, parts: list[Part]) -> Iterator[tuple[int, CodeRow]]:
        """Yield each code that is left, with the number of its line, sorted by tag."""
        for record in self.spool:
            line, pile, position = _TAIL.unpack_from(record, TAG_BYTES)
            if line not in self.doubled:
                part = parts[pile]
                yield line, (record[:TAG_BYTES], part.id, part.offset + position)


def _load(
    store: RegistryStore,
    name: str,
    piles: tuple[Pile, ...],
    reading: _Reading,
    refused: _Rejects,
    *,
    skip_bad: bool,
    progress: Progress,
) -> list[int]:
    """Store every code and show the import. Returns how many codes each pile brought; nothing if it was taken back."""
    import_id, parts = store.begin_import(name, piles)
    loaded = Counter({part.id: 0 for part in parts})
    total, done = len(reading.spool) - len(reading.doubled), 0
    try:
        rows = reading.rows(parts)
        while chunk := list(islice(rows, LOAD_ROWS)):
            lines = {row[0]: line for line, row in chunk}
            loaded.update(row[1] for _, row in chunk)
            for tag, part_id, _ in store.load_codes([row for _, row in chunk]):
                loaded[part_id] -= 1
                refused.add(lines[tag], "its code is registered already")
            done += len(chunk)
            progress("load", done, total)
        if not refused.count or (skip_bad and loaded.total()):
            store.finish_import(import_id, loaded)
            return [loaded[part.id] for part in parts]
    except BaseException:
        store.abandon_import(import_id, (row for _, row in reading.rows(parts)))
        raise
    store.abandon_import(import_id, (row for _, row in reading.rows(parts)))
    return []


class _Rejects:
    """The file that names the refused lines; it is made with the first of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def add(self, line: int, reason: str) -> None:
        if self._file is None:
            try:
                descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            except OSError as error:
                raise CodeFileRefused(
                    f"line {line} is refused ({reason}), and {self.path} cannot be written: {error.strerror}; "
                    "name another file with --rejects"
                ) from None
            os.fchmod(descriptor, 0o600)  # also of a file that was there
            self._file = os.fdopen(descriptor, "w", encoding="utf-8", newline="")
            csv.writer(self._file).writerow(("line", "reason"))
        csv.writer(self._file).writerow((line, reason))
        self.count += 1
