"""A storage with something of everything in it, and what its stores tell of it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from scanhook.clock import FixedClock
from scanhook.journal import (
    JournalStore,
    erase_person,
    open_journal,
)
from scanhook.message import CodeResult
from scanhook.office import EntryKey, KeyScope, Listed, OfficeStore, open_office
from scanhook.registry import Reason, RegistryStore, open_registry
from scanhook.storage import Pepper, StorageUrl
from scanhook.wechat import SealedToken, System
from scanhook.wechat.live_ledger import KeptGoods
from tests.contract.life import batch, change, codes, positions, product, states, stock, undo, whole
from tests.journal.scans import AT, PERSON, TAG, noted, scan, verdict, verdict_on_unknown

NOW = 1_760_000_100
APP_ID = "wxba5fad812f8e6fb9"
OTHER = b"\xbb" * 16
ERASED = "oErasedPerson"


def furnish(url: StorageUrl, pepper: Pepper, folder: Path) -> None:
    """Put something of everything into an empty storage."""
    with ExitStack() as undone:
        registry = open_registry(url, pepper=pepper, clock=FixedClock(NOW))
        undone.callback(registry.close)
        journal = open_journal(url, pepper=pepper)
        undone.callback(journal.close)
        office = open_office(url, pepper=pepper, clock=FixedClock(NOW))
        undone.callback(office.close)
        _fill_registry(registry, pepper, folder)
        _fill_journal(journal, pepper, folder)
        _fill_office(office, registry)


def told_by(url: StorageUrl, pepper: Pepper) -> dict[str, Any]:
    """Return all that the stores tell of a storage."""
    with ExitStack() as undone:
        registry = open_registry(url, pepper=pepper, clock=FixedClock(NOW))
        undone.callback(registry.close)
        journal = open_journal(url, pepper=pepper)
        undone.callback(journal.close)
        office = open_office(url, pepper=pepper, clock=FixedClock(NOW))
        undone.callback(office.close)
        return _of_registry(registry) | _of_journal(journal, pepper) | _of_office(office, registry)


def _fill_registry(registry: RegistryStore, pepper: Pepper, folder: Path) -> None:
    stock(registry, folder, pepper)
    change(registry, "suspend", batch(registry, "B-2"))
    first = change(registry, "recall", positions(registry, 2, 6))
    undo(registry, first.id)
    change(registry, "suspend", positions(registry, 3, 4))
    change(registry, "void", codes(registry, "A1", "I8"))
    change(registry, "activate", codes(registry, "I7"), at=NOW + 1000)
    change(registry, "suspend", whole(registry, ("qrcode", "tea")), why="leaves · 茶")
    registry.save_product(
        replace(product(registry), loading=True), was=product(registry), who="mei", why="more to come"
    )


def _fill_journal(journal: JournalStore, pepper: Pepper, folder: Path) -> None:
    journal.record(scan(1), verdict(), now=AT)
    journal.record(scan(2, person=OTHER, openid="oOther", need_anti_fake=True), verdict(), now=AT)
    journal.record(scan(3), None, now=AT)
    journal.record(
        scan(4, ext_info="COPIED · 假\u3000"), verdict_on_unknown(Reason.UNKNOWN_CODE, CodeResult.FAKE), now=AT
    )
    journal.reset_counts([TAG], who="li", why="a trade fair", now=AT + 1)
    journal.record(scan(5, person=OTHER, source="call centre"), verdict(), now=AT + 2)
    journal.store_all(events=[noted(1, fields={"region": "广州"})], now=AT)
    journal.store_all(events=[noted(2, event="user_scan_product_verify_action", person=None, openid="oOther")], now=AT)
    journal.record(scan(6, person=pepper.person(ERASED)), verdict(), now=AT)
    erase_person(
        journal, ERASED, pepper=pepper, erasures=folder / "erasures", now=AT + 3, random=lambda size: b"\x77" * size
    )


def _fill_office(office: OfficeStore, registry: RegistryStore) -> None:
    office.add_key("call centre", KeyScope.READ)
    office.revoke_key("call centre")
    office.add_key("call centre", KeyScope.READ)
    office.tokens.keep("main", SealedToken(sealed=b"\x00sealed\xff", fetched_at=NOW, expires_at=NOW + 7200))
    office.live.keep(KeptGoods(app_id=APP_ID, goods_id="51", audit_id="525", name="TIT茶杯", errcode=0, added_at=NOW))
    office.live.count_call(APP_ID, "addGoods", "2025-10-09")
    begun = office.catalog.begin_sync(System.PAGES, APP_ID, now=NOW, newer_than=0)
    kept = office.catalog.keep(begun, [Listed(id="qrcode/tea", name="茶", price=2000, state="on")], place="", now=NOW)
    office.catalog.finish_sync(kept, now=NOW)
    office.catalog.tie(product(registry), EntryKey(System.PAGES, APP_ID, "qrcode/tea"), now=NOW)
    office.catalog.note_reviews_read(2)


def _of_registry(registry: RegistryStore) -> dict[str, Any]:
    return {
        "products": list(registry.products()),
        "batches": [registry.find_batch(found.product, found.name) for found in registry.batches()],
        "codes": list(registry.codes()),
        "states": [states(registry, now) for now in (NOW, NOW + 2000)],
        "changes": registry.changes(),
        "imports": registry.imports(),
        "parts": [registry.parts_of(each.id) for each in registry.imports()],
    }


def _of_journal(journal: JournalStore, pepper: Pepper) -> dict[str, Any]:
    persons = sorted(journal.persons())
    return {
        "entries": list(journal.entries()),
        "tally": journal.tally(TAG),
        "last reset": journal.last_reset(TAG),
        "persons": persons,
        "events": [list(journal.events_of(person)) for person in persons],
        "codes of persons": [sorted(journal.codes_of(person)) for person in (PERSON, OTHER, b"\x77" * 16)],
        "scans of persons": [list(journal.scans_of(person)) for person in persons],
        "erasures": journal.erasures(),
        "erased": list(journal.scans_of(pepper.person(ERASED))),
        "counts": journal.counts(),
    }


def _of_office(office: OfficeStore, registry: RegistryStore) -> dict[str, Any]:
    return {
        "keys": office.api_keys(),
        "token": office.tokens.find("main"),
        "goods": office.live.kept(APP_ID),
        "calls": office.live.calls(APP_ID, "addGoods", "2025-10-09"),
        "syncs": office.catalog.syncs(),
        "catalog": office.catalog.entries(),
        "tied": office.catalog.tied(product(registry)),
        "reviews": office.catalog.reviews_read(),
    }
