from __future__ import annotations

from pathlib import Path

import pytest

from scanhook.registry import Action, Normalisation, Order, Pile, Product, RegistryStore, Scope, State
from scanhook.registry.change import Handover
from scanhook.registry.importstore import ImportPlan, Kind, Phase
from scanhook.registry.loading import work_name
from scanhook.registry.mintstore import OpenMint
from tests.registry.codes import AT

WAS, RULES = Normalisation(), Normalisation.parse("trim,check")
FRAME = Product(id=b"productx", account="main", key_standard="qrcode", key_str="frame")
CODE = "C1"
HANDOVER = Handover(path="/shelf/spring.csv", taken_by="Mr Li", recipient="age1x", sha256="abc", at=int(AT))
MINT = OpenMint(
    import_id=1, path=Path("/shelf/spring.csv"), folder="7-9", sha256="abc", is_shown=True, is_changed=False
)


def bring(registry: RegistryStore, kind: Kind, *, batch: str = "spring", until: str = "shown") -> int:
    """Bring a code, as far as it shall get: begun, ready, promised or shown."""
    options = {"path": "/shelf/spring.csv", "folder": "7-9"}
    import_id = registry.start_import(ImportPlan(kind=kind, file="f", who="Ann", why="tea", options=options))
    if until == "begun":
        return import_id
    product = registry.find_product("main", "qrcode", "frame")
    assert product
    pile = Pile(product=product, batch=batch, state=State.ISSUED, codes=1, last=1)
    registry.ready_import(import_id, [pile], digest=b"", total=1, report={})
    if until == "ready":
        return import_id
    registry.promise_handover(import_id, HANDOVER)
    if until == "promised":
        return import_id
    tag = registry.look_up("main", "qrcode", "frame", batch[0].upper() + CODE).tag
    assert tag
    with registry.loading(import_id) as loader:
        loader.store([(tag, 1, 0, 1)], loaded=1, done=1)
    registry.finish_import(import_id, [1], report={})
    return import_id


@pytest.fixture
def product(registry: RegistryStore) -> Product:
    return registry.add_product(FRAME, who="Ann", why="tea")


def is_known(registry: RegistryStore) -> bool:
    return registry.look_up("main", "qrcode", "frame", "S" + CODE).code is not None


def rules(registry: RegistryStore) -> Normalisation:
    found = registry.find_product("main", "qrcode", "frame")
    assert found
    return found.normalisation


def note(registry: RegistryStore, import_id: int) -> bool:
    return registry.note_handover(import_id, was=WAS, rules=RULES)


def handovers(registry: RegistryStore) -> tuple[Handover, ...]:
    batch = registry.find_batch(FRAME, "spring")
    return batch.handovers if batch else ()


@pytest.mark.usefixtures("product")
@pytest.mark.parametrize("until", ["begun", "ready", "promised", "shown"])
def test_a_mint_is_open_until_its_file_is_noted(registry: RegistryStore, another: RegistryStore, until: str) -> None:
    import_id = bring(registry, Kind.MINT, until=until)

    (found,) = another.open_mints()
    assert (found.import_id, found.path, found.folder) == (import_id, MINT.path, "7-9")
    assert found.sha256 == ("abc" if until in {"promised", "shown"} else "")
    assert (found.is_shown, found.is_changed) == (until == "shown", False)


@pytest.mark.usefixtures("product")
def test_an_import_is_no_open_mint(registry: RegistryStore) -> None:
    bring(registry, Kind.IMPORT, until="ready")
    assert list(registry.open_mints()) == []


@pytest.mark.usefixtures("product")
def test_a_handover_counts_once_it_is_noted(registry: RegistryStore, another: RegistryStore) -> None:
    import_id = bring(registry, Kind.MINT)
    assert is_known(another)
    assert handovers(another) == ()
    note(registry, import_id)

    assert handovers(another) == (HANDOVER,)
    assert list(another.open_mints()) == []


def test_a_fresh_product_gets_rules_with_the_note(registry: RegistryStore, product: Product) -> None:
    import_id = bring(registry, Kind.MINT)
    assert rules(registry) == WAS
    assert note(registry, import_id)

    assert rules(registry) == RULES
    change = registry.changes()[0]
    assert (change.action, change.who, change.why, change.product) == ("set", "Ann", "tea", _with_rules(product))
    assert change.details == {"normalisation": "trim,check"}
    assert not note(registry, import_id)


def _with_rules(product: Product) -> Product:
    return Product(
        id=product.id, account="main", key_standard="qrcode", key_str="frame", normalisation=RULES, mark=product.mark
    )


@pytest.mark.usefixtures("product")
@pytest.mark.parametrize("until", ["ready", "shown"])
def test_rules_that_an_import_relies_on_stay(registry: RegistryStore, until: str) -> None:
    bring(registry, Kind.IMPORT, batch="other", until=until)
    assert not note(registry, bring(registry, Kind.MINT))
    assert rules(registry) == WAS


@pytest.mark.usefixtures("product")
def test_what_another_mint_has_brought_does_not_keep_the_rules(registry: RegistryStore) -> None:
    bring(registry, Kind.MINT, batch="other")
    assert note(registry, bring(registry, Kind.MINT))


def test_other_rules_stay(registry: RegistryStore, product: Product) -> None:
    registry.save_product(_with_rules(product), was=product)
    assert not note(registry, bring(registry, Kind.MINT))
    assert rules(registry) == RULES


@pytest.mark.usefixtures("product")
def test_a_hidden_mint_is_invisible_and_the_history_says_so(registry: RegistryStore, another: RegistryStore) -> None:
    import_id = bring(registry, Kind.MINT)
    assert is_known(another)
    assert registry.hide_mint(import_id)

    assert not is_known(another)
    assert another.find_batch(FRAME, "spring") is None
    undo, minted, _added = another.changes()
    assert (undo.action, undo.undoes, minted.action, minted.undone_by) == ("undo", minted.id, "mint", undo.id)
    assert minted.details["batch"] == "spring"
    (found,) = another.open_mints()
    assert (found.sha256, found.is_shown) == ("", False)
    assert registry.hide_mint(import_id)


@pytest.mark.usefixtures("product")
def test_a_noted_mint_cannot_be_hidden(registry: RegistryStore) -> None:
    import_id = bring(registry, Kind.MINT)
    note(registry, import_id)
    assert not registry.hide_mint(import_id)
    assert is_known(registry)
    assert handovers(registry) == (HANDOVER,)


@pytest.mark.parametrize("level", ["product", "batch", "range", "code"])
@pytest.mark.parametrize("undone", [False, True], ids=["", "undone"])
def test_what_somebody_has_changed_cannot_be_hidden(
    registry: RegistryStore, product: Product, level: str, *, undone: bool
) -> None:
    import_id = bring(registry, Kind.MINT)
    tag = registry.look_up("main", "qrcode", "frame", "S" + CODE).tag
    assert tag
    scope = {
        "product": Scope(product=product),
        "batch": Scope(product=product, batch="spring"),
        "range": Scope(product=product, batch="spring", first=1, last=1),
        "code": Scope(tags=(tag,)),
    }[level]
    change = registry.change(Order(action=Action.STOLEN, scopes=(scope,), who="Ann", why="stolen"))
    if undone:
        registry.undo(change.id, who="Ann", why="it was not")

    assert [mint.is_changed for mint in registry.open_mints()] == [True]
    assert not registry.hide_mint(import_id)
    assert is_known(registry)
    note(registry, import_id)
    assert handovers(registry) == (HANDOVER,)


def test_what_was_changed_before_or_beside_it_does_not_matter(registry: RegistryStore, product: Product) -> None:
    bring(registry, Kind.IMPORT, batch="other")
    registry.change(Order(action=Action.SUSPEND, scopes=(Scope(product=product),), who="Ann", why="not sold"))
    mint = bring(registry, Kind.MINT)
    tag = registry.look_up("main", "qrcode", "frame", "O" + CODE).tag
    assert tag
    for scope in (Scope(product=product, batch="other"), Scope(tags=(tag,))):
        registry.change(Order(action=Action.STOLEN, scopes=(scope,), who="Ann", why="stolen"))

    assert [found.is_changed for found in registry.open_mints()] == [False]
    assert registry.hide_mint(mint)


@pytest.mark.usefixtures("product")
def test_a_dropped_mint_is_open_while_its_rows_can_be_found(registry: RegistryStore) -> None:
    import_id = bring(registry, Kind.MINT, until="ready")
    registry.note_progress(import_id, phase=Phase.DROPPED, done=0, total=1)
    assert list(registry.open_mints()) == []

    (registry.folder / work_name(import_id)).mkdir(parents=True)
    assert [mint.import_id for mint in registry.open_mints()] == [import_id]
    registry.close_import(import_id, phase=Phase.DROPPED, report={})
    assert list(registry.open_mints()) == []
