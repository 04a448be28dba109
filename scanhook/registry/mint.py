"""Minting: random codes, written to the printer's file and nowhere else; the registry keeps their tags.

Whoever kills a mint, whenever, finds neither file nor codes: the file has no name until its codes are visible. Between
these two steps lies one moment in which the codes are there and the file is not; whoever comes next takes them back,
and drops the invisible ones of a mint that was killed earlier (:func:`settle_mints`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from scanhook.clock import Clock
from scanhook.errors import Refused, ScanhookError
from scanhook.registry.change import Handover
from scanhook.registry.crew import Crew, cores
from scanhook.registry.importstore import ImportPlan, Kind, Phase, Pile
from scanhook.registry.life import State
from scanhook.registry.loading import Progress, drop_import, load_stacks, work_name
from scanhook.registry.mintorder import MINTED_RULES, Minted, MintOrder, check_product
from scanhook.registry.mintwork import BLOCK_CODES, Block, Minter, Minting
from scanhook.registry.normalise import Normalisation
from scanhook.registry.printfile import PRINT_COLUMNS, PrintFile, hidden_name, lies_there
from scanhook.registry.product import Product
from scanhook.registry.sorting import SortedStack, Sorter
from scanhook.registry.spool import stacks_for
from scanhook.registry.store import RegistryStore
from scanhook.registry.workfolder import Manifest, WorkFolder
from scanhook.storage import Pepper

__all__ = ["mint_codes", "settle_mints"]

_ALONE_CODES = 100_000
"""Up to so many codes, helper processes would cost more time than they save."""


def _silent(_what: str, _done: int, _total: int) -> None:
    pass


def mint_codes(
    store: RegistryStore,
    order: MintOrder,
    *,
    pepper: Pepper,
    clock: Clock,
    progress: Progress = _silent,
) -> Minted:
    """Mint a batch.

    :param progress: told now and then: what is being done (``mint``, ``sort``, ``load``), how much, and of how much.
    :raises Refused: when the file or the batch is there already, an import runs, or the file cannot be written. There
        is neither file nor code then.
    :raises StorageError: when the registry cannot be written; the same.
    """
    path = Path(os.path.abspath(order.path))  # noqa: PTH100  (a link at its end must stay one, to be refused)
    order = replace(order, path=path)
    with store.importing():
        _settle_all(store)
        _check_batch(store, order)
        with PrintFile(path, recipient=order.recipient) as file:
            product, rules_set = _with_rules(store, order)
            order = replace(order, product=product)
            try:
                change_id, handover = _Mint(store=store, order=order, file=file, progress=progress).run(
                    pepper=pepper, clock=clock
                )
            except BaseException:
                # What cannot be settled now is settled by whoever comes next.
                with suppress(ScanhookError):
                    _settle_all(store)
                raise
    return Minted(
        product=product,
        batch=order.batch,
        codes=order.codes,
        handover=handover,
        change_id=change_id,
        rules_set=rules_set,
        slips_unseen=not product.normalisation.check,
    )


def _check_batch(store: RegistryStore, order: MintOrder) -> None:
    if store.find_batch(order.product, order.batch):
        raise Refused(f"the batch `{order.batch}` holds codes already, and a batch is minted once: name another")
    if store.last_position(order.product, order.batch):
        raise Refused(
            f"an import into the batch `{order.batch}` is not finished: finish or drop it first, see "
            "`scanhook imports list`, or name another"
        )


def settle_mints(store: RegistryStore) -> int:
    """Settle the mints that were killed: a file that lies where it should is noted, every other mint is taken back.

    Whoever starts a service or looks after a storage calls this; while an import or a mint runs it does nothing.

    :returns: how many mints were taken back.
    :raises StorageError: when the registry cannot be written.
    """
    try:
        with store.importing():
            return _settle_all(store)
    except Refused:
        return 0  # one that runs holds the place; what was killed is settled when it has ended


def _settle_all(store: RegistryStore) -> int:
    taken_back = 0
    for mint in list(store.open_mints()):
        lies = lies_there(mint.path, sha256=mint.sha256) if mint.is_shown else False
        if lies:
            WorkFolder(path=store.folder / work_name(mint.import_id), stacks=1).remove()
            store.note_handover(mint.import_id)
        if lies or lies is None:
            continue  # codes that may be printed are not taken back
        store.hide_mint(mint.import_id)
        found = store.find_import(mint.import_id)
        if found is not None:
            taken_back += found.phase is not Phase.DROPPED
            with suppress(Refused):  # staff may have dropped it already
                drop_import(store, found, progress=_silent)
        with suppress(OSError):
            hidden_name(mint.path).unlink()
    return taken_back


def _with_rules(store: RegistryStore, order: MintOrder) -> tuple[Product, bool]:
    """Set a fresh product's rules to those that minted codes are made for; others are left as they are."""
    product = store.find_product(order.product.account, order.product.key_standard, order.product.key_str)
    if product is None:
        raise Refused("the product is not there any more: see `scanhook products list`")
    check_product(product)
    if product.normalisation != Normalisation() or store.holds_codes(product):
        return product, False
    product = replace(product, normalisation=MINTED_RULES)
    try:
        store.save_product(product, who=order.who, why=order.why)
    except Refused:
        raise Refused(
            f"an import for {product.key_standard}/{product.key_str} is not finished: finish or drop it first, see "
            "`scanhook imports list`"
        ) from None
    return product, True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mint:
    """One mint on its way."""

    store: RegistryStore
    order: MintOrder
    file: PrintFile
    progress: Progress

    def run(self, *, pepper: Pepper, clock: Clock) -> tuple[int, Handover]:
        """Do it, and return the number of the change and what was handed over."""
        order, store = self.order, self.store
        plan = ImportPlan(
            kind=Kind.MINT,
            file=order.path.name,
            who=order.who,
            why=order.why,
            options={"path": str(order.path), "batch": order.batch, "codes": order.codes},
        )
        import_id = store.start_import(plan)
        work = WorkFolder.create(store.folder, work_name(import_id), stacks=stacks_for(order.codes))
        self._make(work, pepper)
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
        store.finish_import(import_id, [order.codes], report=report)
        self.file.appear()
        work.remove()
        store.note_handover(import_id)
        return _change_of(store, import_id), handover

    def _make(self, work: WorkFolder, pepper: Pepper) -> None:
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


def _blocks(codes: int) -> Iterator[Block]:
    for first in range(1, codes + 1, BLOCK_CODES):
        yield Block(first=first, codes=min(BLOCK_CODES, codes + 1 - first))


def _change_of(store: RegistryStore, import_id: int) -> int:
    found = store.find_import(import_id)
    return found.change_id if found else 0
