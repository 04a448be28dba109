from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from scanhook.errors import PepperMismatch, Refused
from scanhook.message import CodeResult
from scanhook.registry import (
    Action,
    CodeRecord,
    CodeRow,
    LookUp,
    Mark,
    Normalisation,
    Order,
    Part,
    Pile,
    Product,
    Reason,
    RegistryStore,
    Scope,
    State,
    open_registry,
)
from scanhook.registry.importstore import ImportPlan, Kind, Phase
from scanhook.storage import Pepper
from tests.contract.engines import Place
from tests.registry.codes import AT, CLOCK, EAN, HEADER, ean_lines, load

OTHER_PEPPER = Pepper(secret=bytes(range(1, 33)))
THREADS = 8


def product(number: int = 1, **changed: object) -> Product:
    made = Product(id=number.to_bytes(8, "big"), account="main", key_standard="ean13", key_str="6900873042720")
    return replace(made, **changed)  # type: ignore[arg-type]


def pile(owner: Product, codes: int, batch: str = "B-7", state: State = State.ACTIVE, last: int = 0) -> Pile:
    return Pile(product=owner, batch=batch, state=state, codes=codes, last=last or codes)


def rows_of(pepper: Pepper, owner: Product, *codes: str, first: int = 1) -> list[CodeRow]:
    """Return codes of the first pile as an import stores them, at positions that count up."""
    numbered = enumerate((pepper.tag(owner.id, code) for code in codes), first)
    return sorted((tag, position + 1, 0, position) for position, tag in numbered)


def begin(registry: RegistryStore, *piles: Pile, file: str = "B-7.csv") -> tuple[int, list[Part]]:
    """Do all of an import but to store its codes and to show them."""
    import_id = registry.start_import(ImportPlan(kind=Kind.IMPORT, file=file, who="mei", why="delivered"))
    parts = registry.ready_import(
        import_id, piles, digest=b"d" * 32, total=sum(pile.codes for pile in piles), report={"found": 1}
    )
    return import_id, parts


def store(registry: RegistryStore, import_id: int, rows: list[CodeRow]) -> None:
    with registry.loading(import_id) as loader:
        loader.store(rows, loaded=1, done=len(rows))


def test_an_empty_registry_knows_nothing(registry: RegistryStore) -> None:
    assert registry.look_up("main", *EAN, "A1") == LookUp(product=None, tag=None, normal="", code=None)
    assert registry.find_product("main", *EAN) is None
    assert list(registry.products()) == []
    assert registry.batches() == []
    assert registry.changes() == []
    registry.probe()


def test_a_product_is_kept_setting_by_setting(registry: RegistryStore, another: RegistryStore) -> None:
    full = product(
        mark=Mark(state=State.RECALLED, activated_by=1, activates_at=2, expires_at=3, change_id=4),
        loading=True,
        normalisation=Normalisation.parse("upper,check"),
        verdicts={Reason.EXPIRED: CodeResult.FAKE, Reason.VOID: None},
        qr_prefix="http://p.url.cn/",
    )

    assert registry.add_product(full) == full

    assert registry.find_product("main", *EAN) == full
    assert another.find_product("main", *EAN) == full
    assert another.look_up("main", *EAN, "a1").product == full


def test_products_are_listed_in_their_order(registry: RegistryStore) -> None:
    made = [
        product(1, account="b", key_str="1"),
        product(2, account="a", key_standard="qrcode", key_str="1"),
        product(3, account="a", key_str="2"),
        product(4, account="a", key_str="1"),
    ]
    for each in made:
        registry.add_product(each)

    assert [each.id[-1] for each in registry.products()] == [4, 3, 2, 1]


def test_a_product_is_there_once_in_an_account(registry: RegistryStore) -> None:
    registry.add_product(product(1))

    with pytest.raises(Refused, match=r"is there already: change it with `scanhook products set`"):
        registry.add_product(product(2, loading=True))
    registry.add_product(product(3, account="second"))

    assert registry.find_product("main", *EAN) == product(1)
    assert registry.find_product("second", *EAN) == product(3, account="second")


def test_of_many_threads_that_add_a_product_one_wins(registry: RegistryStore) -> None:
    barrier = Barrier(THREADS)

    def add(number: int) -> bool:
        barrier.wait()
        try:
            registry.add_product(product(number))
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as threads:
        added = list(threads.map(add, range(THREADS)))

    assert added.count(True) == 1
    assert len(list(registry.products())) == 1


def test_settings_can_be_changed(registry: RegistryStore, another: RegistryStore) -> None:
    registry.add_product(product())
    changed = product(loading=True, verdicts={Reason.ACTIVE: None}, normalisation=Normalisation.parse("none"))

    assert registry.save_product(changed, was=product()) == changed

    assert registry.find_product("main", *EAN) == changed
    assert another.look_up("main", *EAN, "").product == changed


def test_what_two_set_at_once_is_set_both(registry: RegistryStore, another: RegistryStore) -> None:
    read = registry.add_product(product(verdicts={Reason.VOID: None, Reason.STOLEN: CodeResult.NOT_ACTIVE}))

    registry.save_product(replace(read, verdicts={**read.verdicts, Reason.RECALLED: CodeResult.FAKE}), was=read)
    another.save_product(replace(read, loading=True, verdicts={Reason.VOID: None}), was=read)

    expected = product(loading=True, verdicts={Reason.VOID: None, Reason.RECALLED: CodeResult.FAKE})
    assert registry.find_product("main", *EAN) == expected
    assert another.look_up("main", *EAN, "").product == expected


def test_rules_are_fixed_by_the_first_code(registry: RegistryStore, pepper: Pepper, tmp_path: Path) -> None:
    registry.add_product(product())
    upper = product(normalisation=Normalisation.parse("upper"))
    registry.save_product(upper, was=product())
    load(registry, tmp_path / "codes.csv", pepper, *ean_lines("a1"))

    with pytest.raises(Refused, match=r"fixed \(upper\) since its first code was loaded.*another product"):
        registry.save_product(product(normalisation=Normalisation.parse("none"), loading=True), was=upper)
    registry.save_product(replace(upper, qr_prefix="x"), was=upper)

    found = registry.find_product("main", *EAN)
    assert found == product(normalisation=Normalisation.parse("upper"), qr_prefix="x")


def test_rules_are_fixed_while_an_import_is_not_finished(registry: RegistryStore, pepper: Pepper) -> None:
    registry.add_product(product())
    import_id, rows = leave_unfinished(registry, pepper, "A1")
    upper = product(normalisation=Normalisation.parse("upper"))

    with pytest.raises(Refused) as refused:
        registry.save_product(upper, was=product())
    assert str(refused.value) == (
        "an import of ean13/6900873042720 has begun with its normalisation (trim,width) and is not finished: finish "
        "it, or give it up with `scanhook imports drop`"
    )
    loading = registry.save_product(product(loading=True), was=product())
    assert registry.find_product("main", *EAN) == loading == product(loading=True)

    give_up(registry, import_id, rows)
    assert registry.save_product(upper, was=product()) == replace(upper, loading=True)


def test_a_mark_that_was_set_meanwhile_is_not_overwritten_by_settings(
    registry: RegistryStore, another: RegistryStore
) -> None:
    read = registry.add_product(product())
    order = Order(action=Action.RECALL, scopes=(Scope(product=read),), who="mei", why="tested")
    done = another.change(order)

    saved = registry.save_product(replace(read, loading=True), was=read)

    assert saved == registry.find_product("main", *EAN)
    assert saved == replace(read, loading=True, mark=Mark(state=State.RECALLED, change_id=done.id))


def test_settings_that_somebody_has_set_already_are_not_set_again(
    registry: RegistryStore, another: RegistryStore
) -> None:
    read = registry.add_product(product())
    registry.save_product(replace(read, qr_prefix="x"), was=read, who="mei", why="printing")
    history = registry.changes()

    another.save_product(replace(read, qr_prefix="x"), was=read, who="li", why="printing")

    assert registry.changes() == history


def test_settings_of_a_product_that_is_not_there_are_refused(registry: RegistryStore) -> None:
    with pytest.raises(Refused, match="the product is not there any more"):
        registry.save_product(product(loading=True), was=product())
    assert registry.changes() == []


def test_a_code_is_found_by_its_normal_form(registry: RegistryStore, pepper: Pepper, tmp_path: Path) -> None:
    suspended = product(mark=Mark(state=State.SUSPENDED))
    registry.add_product(suspended)
    load(registry, tmp_path / "B-7.csv", pepper, *ean_lines("A1"), *ean_lines("A2", status="inactive"))

    found = registry.look_up("main", *EAN, "Ａ２ ")
    assert found.code is not None
    assert found == LookUp(
        product=suspended,
        tag=pepper.tag(product().id, "A2"),
        normal="A2",
        code=CodeRecord(
            batch="B-7",
            position=2,
            loaded_as=State.ISSUED,
            loaded_by=found.code.loaded_by,
            product=suspended.mark,
            below=(Mark(),),
        ),
    )


def test_an_unknown_code_has_a_tag_all_the_same(registry: RegistryStore, pepper: Pepper) -> None:
    registry.add_product(product())

    assert registry.look_up("main", *EAN, " Z9") == LookUp(
        product=product(), tag=pepper.tag(product().id, "Z9"), normal="Z9", code=None
    )


@pytest.mark.parametrize(
    "name", [("second", *EAN), ("main", "ean8", "6900873042720"), ("main", "ean13", "6900873042721")]
)
def test_a_code_belongs_to_one_product_of_one_account(
    registry: RegistryStore, pepper: Pepper, tmp_path: Path, name: tuple[str, str, str]
) -> None:
    load(registry, tmp_path / "codes.csv", pepper, *ean_lines("A1"))

    assert registry.look_up(*name, "A1") == LookUp()


def test_times_of_a_batch_come_with_the_code(
    registry: RegistryStore, place: Place, pepper: Pepper, tmp_path: Path
) -> None:
    load(registry, tmp_path / "codes.csv", pepper, *ean_lines("A1"))
    place.registry_sql("UPDATE batches SET activates_at = 1000, expires_at = 2000")

    code = registry.look_up("main", *EAN, "A1").code

    assert code is not None
    assert code.below == (Mark(activates_at=1000, expires_at=2000),)
    assert [code.state_at(now) for now in (999.0, 1999.9, 2000.0)] == ["active", "active", "expired"]


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("UPDATE batches SET state = 'void'", "void"),
        ("UPDATE parts SET state = 'issued'", "issued"),
        ("UPDATE products SET state = 'recalled'", "recalled"),
    ],
)
def test_a_change_holds_for_every_look_up_after_it(
    registry: RegistryStore,
    another: RegistryStore,
    place: Place,
    pepper: Pepper,
    tmp_path: Path,
    statement: str,
    state: str,
) -> None:
    load(registry, tmp_path / "codes.csv", pepper, *ean_lines("A1"))

    def states() -> set[State | None]:
        codes = [store.look_up("main", *EAN, "A1").code for store in (registry, another)]
        return {code.state_at(AT) if code else None for code in codes}

    with ThreadPoolExecutor(1) as thread:
        assert states() | thread.submit(states).result() == {"active"}
        place.registry_sql(statement)
        assert states() | thread.submit(states).result() == {state}


def test_own_changes_hold_for_every_look_up_after_them(registry: RegistryStore, another: RegistryStore) -> None:
    def look(store: RegistryStore) -> Product | None:
        return store.look_up("main", *EAN, "A1").product

    with ThreadPoolExecutor(1) as thread:

        def seen() -> list[Product | None]:
            return [look(registry), look(another), thread.submit(look, registry).result()]

        assert seen() == [None] * 3
        registry.add_product(product())
        assert seen() == [product()] * 3
        registry.save_product(product(loading=True), was=product())
        assert seen() == [product(loading=True)] * 3
        thread.submit(registry.save_product, product(qr_prefix="x"), was=product(loading=True)).result()
        assert seen() == [product(qr_prefix="x")] * 3


def test_an_import_is_seen_from_its_last_step_on(
    registry: RegistryStore, another: RegistryStore, pepper: Pepper
) -> None:
    draft = registry.draft_product("main", *EAN)

    def unseen() -> bool:
        looked = [each.look_up("main", *EAN, code) for each in (registry, another) for code in ("A1", "A2")]
        return looked == [LookUp()] * 4 and not [*another.products(), *another.batches(), *registry.batches()]

    with registry.importing():
        import_id, (part,) = begin(registry, pile(draft, 2))
        assert unseen()
        store(registry, import_id, rows_of(pepper, draft, "A1", "A2"))
        assert unseen()
        registry.finish_import(import_id, [2], report={})

    assert part.pile == pile(draft, 2)
    for each in (registry, another):
        codes = [each.look_up("main", *EAN, code).code for code in ("A1", "A2")]
        assert [code.position if code else None for code in codes] == [1, 2]
        assert [(batch.product, batch.name, batch.states_at(AT)) for batch in each.batches()] == [
            (draft, "B-7", {"active": 2})
        ]


def test_an_import_is_in_the_history_of_each_of_its_batches(registry: RegistryStore, pepper: Pepper) -> None:
    owner = registry.draft_product("main", *EAN)
    with registry.importing():
        import_id, _ = begin(registry, pile(owner, 1), pile(owner, 2, batch="B-8"), file="spring.csv")
        assert registry.changes() == []
        store(registry, import_id, rows_of(pepper, owner, "A1"))
        registry.finish_import(import_id, [1, 2], report={"brought": 3})

    newest, oldest = registry.changes()
    assert (oldest.batch, newest.batch, oldest.codes, newest.codes) == ("B-7", "B-8", 1, 2)
    assert (newest.action, newest.level, newest.who, newest.why) == ("import", "batch", "mei", "delivered")
    assert newest.details == {"file": "spring.csv", "import": import_id}
    found = registry.find_import(import_id)
    assert found is not None
    assert (found.phase, found.change_id, found.report) == ("done", newest.id, {"brought": 3})
    loads = [load for batch in registry.batches() for load in batch.loads]
    assert {load.loaded_by for load in loads} == {oldest.id, newest.id}


def test_positions_go_on_behind_the_last_that_was_given(registry: RegistryStore) -> None:
    owner = registry.draft_product("main", *EAN)
    assert registry.last_position(owner, "B-7") == 0
    with registry.importing():
        import_id, _ = begin(registry, pile(owner, 2, last=4), pile(owner, 1, state=State.ISSUED, last=7))
        registry.finish_import(import_id, [1, 1], report={})
        assert registry.last_position(owner, "B-7") == 7
        unfinished, _ = begin(registry, pile(owner, 1, last=9))
        assert registry.last_position(owner, "B-7") == 9
        registry.close_import(unfinished, phase=Phase.DROPPED, report={})

    assert registry.last_position(owner, "B-7") == 7
    assert registry.last_position(owner, "B-8") == 0
    assert [batch.positions for batch in registry.batches()] == [7]


def test_a_registered_code_refuses_its_stack_and_stays_as_it_is(
    registry: RegistryStore, pepper: Pepper, tmp_path: Path
) -> None:
    load(registry, tmp_path / "B-7.csv", pepper, *ean_lines("A1", "A2", "A3"))
    owner = registry.draft_product("main", *EAN)
    rows = rows_of(pepper, owner, "A9", "A2", "A3")
    tags = [row[0] for row in rows]
    assert registry.registered(tags) == {pepper.tag(owner.id, code) for code in ("A2", "A3")}

    with registry.importing():
        import_id, _ = begin(registry, pile(owner, 3, batch="B-8"))
        with pytest.raises(Refused, match=f"`scanhook imports drop {import_id}`"):
            store(registry, import_id, rows)
        store(registry, import_id, rows_of(pepper, owner, "A9"))
        registry.finish_import(import_id, [1], report={})

    codes = [registry.look_up("main", *EAN, code).code for code in ("A2", "A3", "A9")]
    assert [(code.batch, code.position) if code else None for code in codes] == [("B-7", 2), ("B-7", 3), ("B-8", 1)]
    assert {batch.name: batch.codes for batch in registry.batches()} == {"B-7": 3, "B-8": 1}


def leave_unfinished(registry: RegistryStore, pepper: Pepper, *codes: str) -> tuple[int, list[CodeRow]]:
    """Do all of an import but its last step."""
    owner = registry.draft_product("main", *EAN)
    with registry.importing():
        import_id, _ = begin(registry, pile(owner, len(codes), batch="lost"), file="lost.csv")
        rows = rows_of(pepper, owner, *codes)
        store(registry, import_id, rows)
    return import_id, rows


def give_up(registry: RegistryStore, import_id: int, rows: list[CodeRow]) -> None:
    with registry.loading(import_id) as loader:
        loader.delete(rows)
    registry.close_import(import_id, phase=Phase.DROPPED, report={})


def test_an_abandoned_import_leaves_nothing_but_its_name(registry: RegistryStore, place: Place, pepper: Pepper) -> None:
    import_id, rows = leave_unfinished(registry, pepper, "A1", "A2")

    give_up(registry, import_id, rows)

    for table in ("products", "batches", "parts", "codes", "changes"):
        assert place.registry_sql(f"SELECT count(*) FROM {table}") == [(0,)]
    (left,) = registry.imports()
    assert (left.id, left.plan.file, left.phase, left.change_id) == (import_id, "lost.csv", "dropped", 0)
    registry.add_product(product())


def test_an_abandoned_import_leaves_what_was_there(
    registry: RegistryStore, place: Place, pepper: Pepper, tmp_path: Path
) -> None:
    load(registry, tmp_path / "B-7.csv", pepper, *ean_lines("A1"))
    empty = product(2, key_str="2")
    registry.add_product(empty)
    owner = registry.draft_product("main", *EAN)
    with registry.importing():
        import_id, _ = begin(registry, pile(owner, 2), pile(empty, 1))
        store(registry, import_id, rows_of(pepper, owner, "A2", first=2))

        give_up(registry, import_id, rows_of(pepper, owner, "A1", "A2"))

    code = registry.look_up("main", *EAN, "A1").code
    assert code is not None
    assert (code.batch, code.position) == ("B-7", 1)
    assert registry.look_up("main", *EAN, "A2").code is None
    assert registry.find_product("main", "ean13", "2") == empty
    for table, count in {"products": 2, "batches": 1, "parts": 1, "codes": 1}.items():
        assert place.registry_sql(f"SELECT count(*) FROM {table}") == [(count,)]


def test_an_unfinished_import_is_never_seen_and_can_be_taken_over(
    registry: RegistryStore, another: RegistryStore, place: Place, pepper: Pepper, tmp_path: Path
) -> None:
    leave_unfinished(registry, pepper, "A1", "A2", "A3")
    assert another.look_up("main", *EAN, "A1") == LookUp()
    assert another.batches() == []

    load(another, tmp_path / "B-7.csv", pepper, *ean_lines("A2", "A1"))

    codes = [registry.look_up("main", *EAN, code).code for code in ("A1", "A2", "A3")]
    assert [(code.batch, code.position) if code else None for code in codes] == [("B-7", 2), ("B-7", 1), None]
    assert {batch.name: batch.codes for batch in registry.batches()} == {"B-7": 2}
    assert place.registry_sql("SELECT count(*) FROM codes") == [(3,)]


def test_codes_of_an_unfinished_import_are_not_found_in_a_product_that_is_there(
    registry: RegistryStore, pepper: Pepper
) -> None:
    registry.add_product(product())
    leave_unfinished(registry, pepper, "A1")

    assert registry.look_up("main", *EAN, "A1").code is None
    assert registry.look_up("main", *EAN, "A1").product == product()
    assert registry.batches() == []


def test_a_product_of_an_unfinished_import_cannot_be_added(
    registry: RegistryStore, pepper: Pepper, tmp_path: Path
) -> None:
    leave_unfinished(registry, pepper, "A1")

    with pytest.raises(Refused, match=r"import has begun .* finish it"):
        registry.add_product(product())

    load(registry, tmp_path / "codes.csv", pepper, *ean_lines("A1"))
    with pytest.raises(Refused, match="is there already"):
        registry.add_product(product())


def test_a_draft_takes_up_the_product_that_is_there(
    registry: RegistryStore, another: RegistryStore, pepper: Pepper
) -> None:
    registry.add_product(product(loading=True))
    assert another.draft_product("main", *EAN) == product(loading=True)

    fresh = another.draft_product("main", "qrcode", "tea")
    assert fresh == Product(id=fresh.id, account="main", key_standard="qrcode", key_str="tea")
    assert registry.find_product("main", "qrcode", "tea") is None


def test_a_draft_takes_up_the_product_of_an_unfinished_import(registry: RegistryStore, pepper: Pepper) -> None:
    leave_unfinished(registry, pepper, "A1")

    assert registry.draft_product("main", *EAN) == registry.draft_product("main", *EAN)


def _added(registry: RegistryStore) -> Product:
    registry.add_product(product(9))
    return product()


def _changed(registry: RegistryStore) -> Product:
    draft = registry.add_product(product())
    registry.save_product(product(normalisation=Normalisation.parse("upper")), was=draft)
    return draft


@pytest.mark.parametrize("out_of_date", [_added, _changed])
def test_a_draft_that_is_out_of_date_begins_no_import(
    registry: RegistryStore, place: Place, out_of_date: Callable[[RegistryStore], Product]
) -> None:
    draft = out_of_date(registry)

    with registry.importing(), pytest.raises(Refused, match="import the file again"):
        begin(registry, pile(draft, 1))

    assert place.registry_sql("SELECT count(*) FROM parts") == [(0,)]
    assert place.registry_sql("SELECT count(*) FROM batches") == [(0,)]


def test_one_import_runs_at_a_time(registry: RegistryStore, another: RegistryStore) -> None:
    with registry.importing():
        for each in (another, registry):
            with pytest.raises(Refused, match="another import is running"), each.importing():
                pass

    with another.importing():
        pass


def test_batches_count_codes_by_state(registry: RegistryStore, pepper: Pepper, tmp_path: Path) -> None:
    lines = [
        *(f"{line},B-1" for line in ean_lines("A1", "A2")),
        *(f"{line},B-1" for line in ean_lines("A3", status="inactive")),
        *(f"{line},B-2" for line in ean_lines("A4")),
        "qrcode,tea,A1,active,B-1",
    ]
    load(registry, tmp_path / "codes.csv", pepper, *lines, header=f"{HEADER},batch")
    load(
        registry, tmp_path / "more.csv", pepper, *(f"{line},B-1" for line in ean_lines("A5")), header=f"{HEADER},batch"
    )

    counted = sorted((batch.product.key_str, batch.name, batch.states_at(AT)) for batch in registry.batches())

    assert counted == [
        ("6900873042720", "B-1", {"active": 3, "issued": 1}),
        ("6900873042720", "B-2", {"active": 1}),
        ("tea", "B-1", {"active": 1}),
    ]


def test_batches_are_found_by_product_and_name_and_read_in_pages(
    registry: RegistryStore, pepper: Pepper, tmp_path: Path
) -> None:
    lines = [f"{line},B-{number}" for number in (1, 2, 3) for line in ean_lines(f"A{number}")]
    load(registry, tmp_path / "codes.csv", pepper, *lines, "qrcode,tea,A1,active,B-1", header=f"{HEADER},batch")
    owner, tea = (registry.find_product("main", *name) for name in (EAN, ("qrcode", "tea")))
    assert owner is not None
    assert tea is not None

    everything = registry.batches()
    assert [batch.id for batch in everything] == sorted(batch.id for batch in everything)
    assert sorted((batch.product.key_str, batch.name) for batch in everything) == [
        ("6900873042720", "B-1"),
        ("6900873042720", "B-2"),
        ("6900873042720", "B-3"),
        ("tea", "B-1"),
    ]
    assert sorted(batch.name for batch in registry.batches(owner)) == ["B-1", "B-2", "B-3"]
    assert {batch.product.key_str for batch in registry.batches(name="B-1")} == {"6900873042720", "tea"}
    assert [batch.product for batch in registry.batches(tea, name="B-1")] == [tea]
    assert registry.batches(tea, name="B-2") == []
    pages = [registry.batches(after=after, limit=1) for after in (0, *(batch.id for batch in everything))]
    assert pages == [[batch] for batch in everything] + [[]]

    found = registry.find_batch(owner, "B-2")
    assert found in everything
    assert found is not None
    assert (found.name, found.positions, found.pepper_id, found.handovers) == ("B-2", 1, "7df72aa8", ())
    assert registry.find_batch(tea, "B-2") is None
    assert registry.find_batch(owner, "b-2") is None


def test_everything_is_there_after_it_was_closed(
    registry: RegistryStore, place: Place, pepper: Pepper, tmp_path: Path
) -> None:
    load(registry, tmp_path / "codes.csv", pepper, *ean_lines("A1"))
    before = registry.look_up("main", *EAN, "A1")
    registry.close()

    again = open_registry(place.storage, pepper=pepper, clock=CLOCK)
    assert before.code is not None
    assert again.look_up("main", *EAN, "A1") == before
    again.close()


@pytest.mark.usefixtures("registry")
def test_another_pepper_cannot_open_it(place: Place) -> None:
    with pytest.raises(PepperMismatch):
        open_registry(place.storage, pepper=OTHER_PEPPER, clock=CLOCK)


def test_a_pepper_that_is_exchanged_in_flight_is_noticed(
    registry: RegistryStore, place: Place, pepper: Pepper, tmp_path: Path
) -> None:
    load(registry, tmp_path / "codes.csv", pepper, *ean_lines("A1"))
    assert registry.look_up("main", *EAN, "A1").code is not None

    exchange = "UPDATE meta SET value = replace(value, '{}', '{}') WHERE name IN ('pepper_id', 'registry')"
    place.registry_sql(exchange.format(pepper.id, OTHER_PEPPER.id))

    with pytest.raises(PepperMismatch):
        registry.look_up("main", *EAN, "A1")
    with pytest.raises(PepperMismatch):
        registry.probe()
    place.registry_sql(exchange.format(OTHER_PEPPER.id, pepper.id))
    assert registry.look_up("main", *EAN, "A1").code is not None


def test_many_threads_look_up_at_once(registry: RegistryStore, pepper: Pepper, tmp_path: Path) -> None:
    codes = [f"A{number}" for number in range(50)]
    load(registry, tmp_path / "codes.csv", pepper, *ean_lines(*codes))
    barrier = Barrier(THREADS)

    def look(_: int) -> list[int]:
        barrier.wait()
        records = [registry.look_up("main", *EAN, code).code for code in codes]
        return [record.position for record in records if record]

    with ThreadPoolExecutor(THREADS) as threads:
        assert list(threads.map(look, range(THREADS))) == [list(range(1, 51))] * THREADS
