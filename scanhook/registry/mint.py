"""Minting: random codes, written to the printer's file and nowhere else; the registry keeps their tags.

A mint that is killed, whenever, leaves both its file and its codes, or neither: the file gets its name once its codes
are visible. Between these two steps lies one moment in which the codes are there and the file has its hidden name;
whoever comes next takes them back, and what a mint has left that was killed earlier (see
:mod:`scanhook.registry.settling`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from scanhook.clock import Clock
from scanhook.errors import Refused, ScanhookError
from scanhook.registry.change import Handover
from scanhook.registry.crew import Crew, cores
from scanhook.registry.importstore import ImportPlan, Kind, Phase, Pile
from scanhook.registry.life import State
from scanhook.registry.loading import Progress, load_stacks, work_name
from scanhook.registry.mintorder import MINTED_RULES, Minted, MintOrder, check_product
from scanhook.registry.mintwork import BLOCK_CODES, Block, Minter, Minting
from scanhook.registry.normalise import Normalisation
from scanhook.registry.printfile import PRINT_COLUMNS, PrintFile
from scanhook.registry.product import Product
from scanhook.registry.settling import note_mint, settle_mints, settle_now
from scanhook.registry.sorting import SortedStack, Sorter
from scanhook.registry.spool import stacks_for
from scanhook.registry.store import RegistryStore
from scanhook.registry.workfolder import Manifest, WorkFolder
from scanhook.storage import Pepper

__all__ = ["mint_codes", "settle_mints"]

_NOTE_EVERY_S = 2.0
_UNFINISHED_MAX = 1000
_ALONE_CODES = 100_000
"""Up to so many codes, helper processes would cost more time than they save."""


def _silent(_what: str, _done: int, _total: int) -> None:
    pass


def mint_codes(
    store: RegistryStore, order: MintOrder, *, pepper: Pepper, clock: Clock, progress: Progress = _silent
) -> Minted:
    """Mint a batch. A fresh product gets the rules that minted codes are made for.

    :param progress: told now and then: what is being done (``mint``, ``sort``, ``load``), how much, and of how much.
    :raises Refused: when the file or the batch is there already, an import runs, or the file cannot be written. There
        is neither file nor code then.
    :raises StorageError: when the registry cannot be written; the same, as soon as it can be written again.
    """
    path = Path(os.path.abspath(order.path))  # noqa: PTH100  (a link at its end must stay one, to be refused)
    with store.importing():
        settle_now(store)
        order = replace(order, path=path, product=_current(store, order.product))
        _check_batch(store, order)
        with PrintFile(path, recipient=order.recipient) as file:
            try:
                mint = _Mint(store=store, order=order, file=file, progress=progress)
                return mint.run(pepper=pepper, clock=clock)
            except BaseException:
                # What cannot be settled now is settled by whoever comes next.
                with suppress(ScanhookError):
                    settle_now(store)
                raise


def _current(store: RegistryStore, product: Product) -> Product:
    found = store.find_product(product.account, product.key_standard, product.key_str)
    if found is None:
        raise Refused("the product is not there any more: see `scanhook products list`")
    check_product(found)
    return found


def _check_batch(store: RegistryStore, order: MintOrder) -> None:
    product = order.product
    if store.find_batch(product, order.batch):
        raise Refused(f"the batch `{order.batch}` holds codes already, and a batch is minted once: name another")
    if store.last_position(product, order.batch):
        raise Refused(
            f"an import into the batch `{order.batch}` is not finished: finish or drop it first, see "
            "`scanhook imports list`, or name another"
        )
    if product.normalisation == Normalisation() and not store.holds_codes(product) and _is_awaited(store, product):
        # Its codes would fix the rules before the minted ones can set theirs.
        raise Refused(
            f"an import for {product.key_standard}/{product.key_str} is not finished: finish or drop it first, see "
            "`scanhook imports list`"
        )


def _is_awaited(store: RegistryStore, product: Product) -> bool:
    """Tell whether an import that can go on will bring codes to a product."""
    return any(
        part.pile.product.id == product.id
        for found in store.imports(limit=_UNFINISHED_MAX)
        if found.can_go_on and found.plan.kind is Kind.IMPORT
        for part in store.parts_of(found.id)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mint:
    """One mint on its way."""

    store: RegistryStore
    order: MintOrder
    file: PrintFile
    progress: Progress

    def run(self, *, pepper: Pepper, clock: Clock) -> Minted:
        """Do it."""
        order, store = self.order, self.store
        import_id = store.start_import(self._plan())
        work = WorkFolder.create(store.folder, work_name(import_id), stacks=stacks_for(order.codes))
        self._make(work, pepper, _Noting(store=store, import_id=import_id))
        sha256 = self.file.seal()
        manifest = self._sort(work)
        pile = Pile(product=order.product, batch=order.batch, state=State.ISSUED, codes=order.codes, last=order.codes)
        report = {"file": str(order.path), "taken_by": order.taken_by}
        store.ready_import(import_id, [pile], digest=b"", total=order.codes, report=report)
        handover = Handover(
            path=str(order.path),
            taken_by=order.taken_by,
            recipient=order.recipient.text if order.recipient else "",
            sha256=sha256,
            at=int(clock.now()),
        )
        store.promise_handover(import_id, handover)
        load_stacks(store, import_id, work, manifest, progress=self.progress)
        self.file.stand_by()
        store.finish_import(import_id, [order.codes], report=report)
        self.file.appear()
        # File and codes are there: what cannot be noted now is noted by whoever settles next.
        rules_set = False
        with suppress(ScanhookError):
            rules_set = note_mint(store, import_id)
        return self._minted(import_id, handover, rules_set=rules_set)

    def _plan(self) -> ImportPlan:
        order = self.order
        return ImportPlan(
            kind=Kind.MINT,
            file=order.path.name,
            who=order.who,
            why=order.why,
            options={
                "path": str(order.path),
                "folder": self.file.folder,
                "batch": order.batch,
                "codes": order.codes,
            },
        )

    def _minted(self, import_id: int, handover: Handover, *, rules_set: bool) -> Minted:
        order, product = self.order, self.order.product
        found = None
        with suppress(ScanhookError):
            found = self.store.find_import(import_id)
        if rules_set:
            product = replace(product, normalisation=MINTED_RULES)
        return Minted(
            product=product,
            batch=order.batch,
            codes=order.codes,
            handover=handover,
            change_id=found.change_id if found else 0,
            rules_set=rules_set,
            slips_unseen=not product.normalisation.check,
        )

    def _make(self, work: WorkFolder, pepper: Pepper, noting: _Noting) -> None:
        """Make the codes, and write their lines in the order of their positions."""
        order = self.order
        minting = Minting(
            product_id=order.product.id,
            prefix=order.product.qr_prefix,
            batch=order.batch,
            folder=work.path,
            stacks=work.stacks,
            pepper=pepper,
        )
        self.file.add((",".join(PRINT_COLUMNS) + "\r\n").encode())
        waiting: dict[int, bytes] = {}
        first = 1
        crew: Crew[tuple[int, bytes]] = Crew(Minter, minting, size=self._helpers)
        with crew:
            for made, lines in crew.run(_blocks(order.codes)):
                waiting[made] = lines
                while first in waiting:
                    self.file.add(waiting.pop(first))
                    first += min(BLOCK_CODES, order.codes + 1 - first)
                    self.progress("mint", first - 1, order.codes)
                    noting.note(first - 1, order.codes)

    def _sort(self, work: WorkFolder) -> Manifest:
        records = [0] * work.stacks
        crew: Crew[SortedStack] = Crew(Sorter, work, size=self._helpers)
        with crew:
            for done, stack in enumerate(crew.run(range(work.stacks)), start=1):
                if stack.doubles:
                    raise Refused("two of the random codes came out alike, which is as good as impossible: mint again")
                records[stack.number] = stack.records
                self.progress("sort", done, work.stacks)
        manifest = Manifest(records=tuple(records), codes=(self.order.codes,), refused=0)
        work.seal(manifest)  # a mint cannot go on after a stop, but what it has stored is found again by this
        return manifest

    @property
    def _helpers(self) -> int:
        return 0 if self.order.codes <= _ALONE_CODES else cores()


@dataclass(slots=True, kw_only=True)
class _Noting:
    """Writes down now and then how many codes are made, for those who look on."""

    store: RegistryStore
    import_id: int
    noted_at: float = field(default_factory=time.monotonic)

    def note(self, done: int, total: int) -> None:
        if time.monotonic() - self.noted_at >= _NOTE_EVERY_S:
            self.noted_at = time.monotonic()
            self.store.note_progress(self.import_id, phase=Phase.READING, done=done, total=total)


def _blocks(codes: int) -> Iterator[Block]:
    for first in range(1, codes + 1, BLOCK_CODES):
        yield Block(first=first, codes=min(BLOCK_CODES, codes + 1 - first))
