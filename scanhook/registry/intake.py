"""Takes a code file in: read, sorted and looked at as a whole, before any of it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from scanhook.errors import CodeFileRefused
from scanhook.registry.audit import Audit
from scanhook.registry.codefile import Block, CodeFile
from scanhook.registry.crew import Crew, cores
from scanhook.registry.importstore import ImportStore, Pile
from scanhook.registry.life import State
from scanhook.registry.loading import Progress
from scanhook.registry.parsing import BlockRefused
from scanhook.registry.product import Product
from scanhook.registry.reading import BlockRead, Reader, Reading, Slot, Wanted
from scanhook.registry.rejects import Rejects
from scanhook.registry.sorting import SortedStack
from scanhook.registry.spool import stacks_for
from scanhook.registry.workfolder import Manifest, WorkFolder
from scanhook.storage import Pepper

__all__ = ["Intake", "helpers_for", "stacks_of"]

PILES_MAX = 10_000
"""Batches are opened, and shown, in one transaction, which may hold the registry for half a second at most."""
HELPERS_FROM_BYTES = 1 << 20
"""Helper processes take 0.2 s to start: as long as reading a megabyte without them."""
_ZIPPED_TO = 8
"""How many times as large a gzipped code file becomes, about."""
_LINE_MIN_BYTES = 20
_ENCODINGS = ("utf-8", "gbk")
_CUT = "the file ends within this line, or its last line end is missing: see that the file is whole, and end the line"
_Crew = Crew[BlockRead | SortedStack]


def helpers_for(file: CodeFile) -> int:
    """Return how many helper processes a file is worth."""
    return cores() if _plain_bytes(file) >= HELPERS_FROM_BYTES else 0


def stacks_of(file: CodeFile) -> int:
    """Return how many stacks its tags need."""
    return stacks_for(_plain_bytes(file) // _LINE_MIN_BYTES)


def _plain_bytes(file: CodeFile) -> int:
    return file.size_bytes * (_ZIPPED_TO if file.zipped else 1)


@dataclass(slots=True, kw_only=True)
class Intake:
    """Reads one file into a work folder.

    :param account: the name of the account that its products belong to.
    :param batch: of lines that name none.
    :param helpers: how many processes help.
    """

    store: ImportStore
    pepper: Pepper
    account: str
    batch: str
    storage_name: str
    file: CodeFile
    helpers: int
    progress: Progress
    work: WorkFolder = field(init=False)
    rejects: Rejects = field(init=False)
    audit: Audit = field(init=False)
    doubles: int = field(init=False)
    refused_in_file: int = field(init=False)
    _products: dict[tuple[str, str], Product | str] = field(init=False)
    _numbers: dict[tuple[bytes, str, State], int] = field(init=False)
    _piles: list[tuple[Product, str, State]] = field(init=False)
    _lasts: list[int] = field(init=False)
    _positions: dict[tuple[bytes, str], int] = field(init=False)

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.work = WorkFolder.create(self.store.folder, self.storage_name, stacks=stacks_of(self.file))
        self.rejects, self.audit = Rejects(self.work.path), Audit()
        self._products, self._numbers, self._positions = {}, {}, {}
        self._piles, self._lasts = [], []
        self.doubles = self.refused_in_file = 0

    def run(self) -> Manifest:
        """Read and sort the file.

        :returns: what lies in the work folder, which is not sealed yet.
        :raises CodeFileRefused: when it cannot be read as a code file.
        :raises StorageError: when the disk cannot take what is sorted, or a helper ends.
        """
        for encoding in _ENCODINGS:
            try:
                return self._take_in(encoding)
            except UnicodeDecodeError as error:
                if error.reason == "unexpected end of data":
                    raise CodeFileRefused(
                        f"{self.file.path}: its last line breaks off in the middle of a character: get the whole file"
                    ) from None
                self._begin()
            except BlockRefused as error:
                raise CodeFileRefused(f"{self.file.path}, line {error.line}: {error.why}") from None
        raise CodeFileRefused(f"{self.file.path} is neither UTF-8 nor GBK: save it as UTF-8")

    @property
    def products(self) -> list[Product]:
        """The product of each pile."""
        return [product for product, _, _ in self._piles]

    def piles(self, codes: Sequence[int]) -> list[Pile]:
        """Return the piles of the file.

        :param codes: how many each of them has.
        """
        return [
            Pile(product=product, batch=batch, state=state, codes=count, last=last)
            for (product, batch, state), last, count in zip(self._piles, self._lasts, codes, strict=True)
        ]

    def _take_in(self, encoding: str) -> Manifest:
        size = self.file.size_bytes
        blocks = self.file.blocks(lambda done: self.progress("read", done, size))
        first = next(blocks)
        reading = Reading(
            encoding=encoding, width=self.file.width, batch=self.batch, work=self.work, pepper=self.pepper
        )
        crew: _Crew = Crew(Reader, reading, size=self.helpers)
        with crew:
            self._read(crew, chain([first], blocks))
            return self._sort(crew)

    def _read(self, crew: _Crew, blocks: Iterable[Block]) -> None:
        for read in crew.run(blocks, answer=self._slots):
            if isinstance(read, BlockRead):
                for line, why in read.refused:
                    self.rejects.add(line, why)
                for observed in read.observed:
                    self.audit.add(observed)

    def _sort(self, crew: _Crew) -> Manifest:
        records, codes = [0] * self.work.stacks, [0] * len(self._piles)
        for done, stack in enumerate(crew.run(range(self.work.stacks)), 1):
            if isinstance(stack, SortedStack):
                records[stack.number] = stack.records
                for pile, count in stack.codes.items():
                    codes[pile] += count
                for line, earlier in stack.doubles:
                    self.rejects.add_double(line, earlier)
                self.doubles += len(stack.doubles)
                self.audit.add_hits(stack.hits)
            self.progress("sort", done, self.work.stacks)
        self.rejects.flush()
        self.refused_in_file = self.rejects.count
        return Manifest(records=tuple(records), codes=tuple(codes), refused=self.rejects.count)

    def _slots(self, wanted: Sequence[Wanted]) -> list[Slot | str]:
        """Give the groups of a block their places; called for one block after the other, in the order of the file."""
        slots: list[Slot | str] = []
        grown: dict[tuple[bytes, str], int] = {}
        for group in wanted:
            if group.cut and all(group.batch != batch for _, batch, _ in self._piles):
                slots.append(_CUT)
                continue
            product = self._product(group.key_standard, group.key_str)
            if isinstance(product, str):
                slots.append(product)
                continue
            place = (product.id, group.batch)
            if place not in self._positions:
                self._positions[place] = self.store.last_position(product, group.batch)
            base = self._positions[place]
            pile = self._pile(product, group.batch, group.state)
            self._lasts[pile] = max(self._lasts[pile], base + group.last)
            grown[place] = max(grown.get(place, 0), base + group.last)
            slots.append(Slot(pile=pile, product_id=product.id, rules=product.normalisation, base=base))
        self._positions.update(grown)
        return slots

    def _pile(self, product: Product, batch: str, state: State) -> int:
        number = self._numbers.setdefault((product.id, batch, state), len(self._piles))
        if number == len(self._piles):
            if number >= PILES_MAX:
                raise CodeFileRefused(
                    f"the file names more than {PILES_MAX:,} batches (one with both statuses counts twice): "
                    "split it into several files"
                )
            self._piles.append((product, batch, state))
            self._lasts.append(0)
        return number

    def _product(self, key_standard: str, key_str: str) -> Product | str:
        found = self._products.get((key_standard, key_str))
        if found is None:
            try:
                found = self.store.draft_product(self.account, key_standard, key_str)
            except ValueError as error:
                found = str(error)
            self._products[key_standard, key_str] = found
        return found
