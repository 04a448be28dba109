from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from scanhook.errors import Refused
from scanhook.registry import CodeRecord, Product, RegistryStore, Scope, open_registry
from scanhook.storage import Pepper
from tests.contract.engines import Place, crossed
from tests.contract.life import (
    AS_LOADED,
    TEA,
    batch,
    change,
    codes,
    own,
    positions,
    product,
    states,
    tag,
    undo,
    whole,
)
from tests.registry.codes import AT, CLOCK, EAN, HEADER, ean_lines, load

SOON = int(AT) + 100
Scopes = Callable[[RegistryStore], tuple[Scope, ...]]

BY_CODE: Scopes = lambda registry: (codes(registry, "A2"),)  # noqa: E731
BY_LIST: Scopes = lambda registry: (codes(registry, "A1", "I5", "C2"),)  # noqa: E731
BY_BATCH: Scopes = lambda registry: (batch(registry),)  # noqa: E731
BY_RANGE: Scopes = lambda registry: (positions(registry, 3, 6),)  # noqa: E731
BY_PRODUCT: Scopes = lambda registry: (whole(registry),)  # noqa: E731
BY_BATCHES: Scopes = lambda registry: (batch(registry), batch(registry, "B-2"))  # noqa: E731
BY_RANGES: Scopes = lambda registry: (positions(registry, 1, 2), positions(registry, 8, 8))  # noqa: E731
OVER_PRODUCTS: Scopes = lambda registry: (codes(registry, "A1"), codes(registry, "T2", name=TEA))  # noqa: E731
LETTERS = {"suspend": "S", "recall": "R", "stolen": "T", "void": "V", "expire": "E"}
LEVELS = (
    pytest.param(BY_CODE, "ASAA IIII AA AA", id="code"),
    pytest.param(BY_LIST, "SAAA SIII AS AA", id="list"),
    pytest.param(OVER_PRODUCTS, "SAAA IIII AA AS", id="codes of two products"),
    pytest.param(BY_BATCH, "SSSS SSSS AA AA", id="batch"),
    pytest.param(BY_BATCHES, "SSSS SSSS SS AA", id="batches"),
    pytest.param(BY_RANGE, "AASS SSII AA AA", id="range"),
    pytest.param(BY_RANGES, "SSAA IIIS AA AA", id="ranges"),
    pytest.param(BY_PRODUCT, "SSSS SSSS SS AA", id="product"),
)
EACH_LEVEL = pytest.mark.parametrize(("scopes", "after"), LEVELS)


@pytest.fixture
def place(stocked_place: Place) -> Place:
    return stocked_place


def everything(registry: RegistryStore) -> list[tuple[bytes, Product, CodeRecord]]:
    """Return every code with all its marks, as the registry lists them."""
    return list(registry.codes())


def test_codes_stand_as_their_file_said(registry: RegistryStore, another: RegistryStore) -> None:
    assert states(registry) == states(another) == AS_LOADED
    assert own(registry.changes()) == []


@EACH_LEVEL
def test_a_change_holds_at_once_in_every_worker_and_thread(
    registry: RegistryStore, another: RegistryStore, scopes: Scopes, after: str
) -> None:
    with ThreadPoolExecutor(1) as thread:
        seen = [states(registry), states(another), thread.submit(states, registry).result()]
        assert seen == [AS_LOADED] * 3

        done = change(registry, "suspend", *scopes(registry))
        assert [states(registry), states(another), thread.submit(states, registry).result()] == [after] * 3

        undo(another, done.id)
        assert [states(registry), states(another), thread.submit(states, registry).result()] == [AS_LOADED] * 3


@EACH_LEVEL
def test_a_change_is_there_after_the_registry_was_closed(
    registry: RegistryStore, place: Place, pepper: Pepper, scopes: Scopes, after: str
) -> None:
    change(registry, "suspend", *scopes(registry))
    before, history = everything(registry), registry.changes()
    registry.close()

    again = open_registry(place.storage, pepper=pepper, clock=CLOCK)

    assert states(again) == after
    assert (everything(again), again.changes()) == (before, history)
    again.close()


@pytest.mark.parametrize(
    ("stocked_place", "scopes", "action"),
    crossed(
        {"code": BY_CODE, "batch": BY_BATCH, "range": BY_RANGE, "product": BY_PRODUCT},
        {action: action for action in LETTERS},
    ),
    indirect=["stocked_place"],
)
def test_every_action_is_kept_at_every_level(
    registry: RegistryStore, another: RegistryStore, scopes: Scopes, action: str
) -> None:
    change(registry, "suspend", *scopes(registry))
    touched = states(another)

    change(registry, action, *scopes(registry))

    # What is suspended and expired stays suspended, for it is the stricter.
    assert states(another) == (touched if action == "expire" else touched.replace("S", LETTERS[action]))


# Activation.


@pytest.mark.parametrize(
    ("scopes", "after"),
    [
        (lambda registry: (codes(registry, "I5", "I8"),), "AAAA AIIA AA AA"),
        (lambda registry: (positions(registry, 4, 6),), "AAAA AAII AA AA"),
        (lambda registry: (batch(registry),), "AAAA AAAA AA AA"),
        (lambda registry: (batch(registry, "B-2"),), AS_LOADED),
        (lambda registry: (whole(registry),), AS_LOADED),
    ],
    ids=["codes", "range", "batch", "another batch", "product"],
)
def test_issued_codes_are_activated_by_code_range_or_batch(
    registry: RegistryStore, another: RegistryStore, scopes: Scopes, after: str
) -> None:
    change(registry, "activate", *scopes(registry))

    assert states(another) == after


def test_codes_loaded_into_an_activated_batch_stay_issued(
    registry: RegistryStore, another: RegistryStore, tmp_path: Path, pepper: Pepper
) -> None:
    change(registry, "activate", batch(registry))
    lines = [*ean_lines("J9", status="inactive"), *ean_lines("J10")]
    load(registry, tmp_path / "more.csv", pepper, *(f"{line},B-1" for line in lines), header=f"{HEADER},batch")

    def found() -> list[str]:
        looked = [another.look_up("main", *EAN, code).code for code in ("I5", "J9", "J10")]
        return [code.state_at(AT) if code else "?" for code in looked]

    assert found() == ["active", "issued", "active"]
    (loaded,) = another.batches(product(another), name="B-1")
    assert loaded.states_at(AT) == {"active": 9, "issued": 1}
    change(registry, "activate", positions(registry, 9, 9))
    assert found() == ["active", "active", "active"]
    (ranged,) = another.batches(product(another), name="B-1")
    assert (loaded.ranged, ranged.ranged) == (False, True)


def test_a_new_activation_of_the_batch_lifts_what_came_later(
    registry: RegistryStore, tmp_path: Path, pepper: Pepper
) -> None:
    change(registry, "activate", batch(registry))
    lines = [f"{line},B-1" for line in ean_lines("J9", status="inactive")]
    load(registry, tmp_path / "more.csv", pepper, *lines, header=f"{HEADER},batch")
    again = change(registry, "activate", batch(registry))

    code = registry.look_up("main", *EAN, "J9").code
    assert code is not None
    assert code.state_at(AT) == "active"
    undo(registry, again.id)
    code = registry.look_up("main", *EAN, "J9").code
    assert code is not None
    assert code.state_at(AT) == "issued"


@pytest.mark.parametrize(
    ("scopes", "after"),
    [
        (lambda registry: (codes(registry, "A2", "I6"),), "AAAA IAII AA AA"),
        (BY_RANGE, "AAAA AAII AA AA"),
        (BY_BATCH, "AAAA AAAA AA AA"),
        (BY_BATCHES, "AAAA AAAA AA AA"),
    ],
    ids=["codes", "range", "batch", "batches"],
)
def test_an_activation_waits_for_its_second_and_takes_nothing_away_until_then(
    registry: RegistryStore, another: RegistryStore, scopes: Scopes, after: str
) -> None:
    done = change(registry, "activate", *scopes(registry), at=SOON)

    assert done.details["takes_effect_at"] == SOON
    assert [states(another, now) for now in (SOON - 0.5, SOON)] == [AS_LOADED, after]
    later = change(registry, "activate", *scopes(registry), at=SOON + 50)
    assert [states(another, now) for now in (SOON, SOON + 49.5, SOON + 50)] == [AS_LOADED, AS_LOADED, after]
    now = change(registry, "activate", *scopes(registry))
    assert states(another) == after
    undo(registry, now.id)
    undo(registry, later.id)
    assert [states(another, now) for now in (SOON - 0.5, SOON)] == [AS_LOADED, after]


def test_one_level_is_activated_whichever_other_waits(registry: RegistryStore, another: RegistryStore) -> None:
    change(registry, "activate", batch(registry), at=SOON)
    change(registry, "activate", positions(registry, 5, 6))
    change(registry, "activate", positions(registry, 7, 7), at=SOON + 50)
    change(registry, "activate", codes(registry, "I5"), at=SOON + 50)
    change(registry, "activate", codes(registry, "I8"))

    assert [states(another, now) for now in (AT, SOON)] == ["AAAA AAIA AA AA", "AAAA AAAA AA AA"]


@pytest.mark.parametrize("action", ["suspend", "recall", "stolen", "void", "expire"])
def test_what_became_active_while_something_else_was_said_of_it_stays_so_after_the_undo(
    registry: RegistryStore, action: str
) -> None:
    change(registry, "activate", positions(registry, 5, 8))
    done = change(registry, action, positions(registry, 5, 8))
    found = registry.look_up("main", *EAN, "I5").code
    assert found is not None
    assert not found.is_issued_at(AT)

    undo(registry, done.id)

    assert states(registry) == "AAAA AAAA AA AA"


ALREADY = (
    "it is activated already, and would not be until that time: for codes that came in later, name their range of "
    "positions"
)


@pytest.mark.parametrize(
    ("scopes", "sentence"),
    [
        (lambda registry: (codes(registry, "I7", "I6"),), ALREADY),
        (lambda registry: (positions(registry, 5, 7),), f"positions 6-6: {ALREADY}"),
        (lambda registry: (batch(registry, "B-2"), batch(registry)), ALREADY),
    ],
    ids=["codes", "range", "batches"],
)
def test_what_is_activated_is_not_activated_later(registry: RegistryStore, scopes: Scopes, sentence: str) -> None:
    change(registry, "activate", codes(registry, "I6"))
    change(registry, "activate", positions(registry, 6, 6))
    change(registry, "activate", batch(registry))

    assert refused(registry, "activate", *scopes(registry), at=SOON) == sentence


def test_codes_that_came_in_later_are_activated_at_a_time_by_their_range(
    registry: RegistryStore, another: RegistryStore, tmp_path: Path, pepper: Pepper
) -> None:
    change(registry, "activate", batch(registry))
    lines = [f"{line},B-1" for line in ean_lines("J9", status="inactive")]
    load(registry, tmp_path / "more.csv", pepper, *lines, header=f"{HEADER},batch")
    assert refused(registry, "activate", batch(registry), at=SOON) == ALREADY

    change(registry, "activate", positions(registry, 1, 9), at=SOON)

    code = another.look_up("main", *EAN, "J9").code
    assert code is not None
    assert [code.state_at(now) for now in (SOON - 0.5, SOON)] == ["issued", "active"]
    assert [states(another, now) for now in (SOON - 0.5, SOON)] == ["AAAA AAAA AA AA"] * 2


def test_a_product_is_never_activated_later(registry: RegistryStore) -> None:
    assert refused(registry, "activate", whole(registry), at=SOON) == (
        "a product can only be activated now: set the time for its batches"
    )


@pytest.mark.parametrize(
    ("scopes", "after"),
    [
        (BY_CODE, "AEAA IIII AA AA"),
        (BY_RANGE, "AAEE EEII AA AA"),
        (BY_BATCH, "EEEE EEEE AA AA"),
        (BY_PRODUCT, "EEEE EEEE EE AA"),
    ],
    ids=["code", "range", "batch", "product"],
)
def test_an_expiry_comes_at_its_second_and_can_be_set_later(
    registry: RegistryStore, scopes: Scopes, after: str
) -> None:
    change(registry, "expire", *scopes(registry), at=SOON)
    assert states(registry, SOON - 0.5) == AS_LOADED
    assert states(registry, SOON) == after

    change(registry, "expire", *scopes(registry), at=SOON + 50)
    assert states(registry, SOON + 49.5) == AS_LOADED
    assert states(registry, SOON + 50) == after

    change(registry, "expire", *scopes(registry))
    assert states(registry) == after


# Ranges.


def test_ranges_split_join_and_overlap(registry: RegistryStore, another: RegistryStore) -> None:
    seen = []
    for action, first, last in (
        ("suspend", 2, 7),
        ("activate", 4, 5),
        ("recall", 1, 4),
        ("suspend", 5, 8),
        ("void", 6, 6),
        ("void", 1, 8),
    ):
        change(registry, action, positions(registry, first, last))
        seen.append(states(another))

    assert seen == [
        "ASSS SSSI AA AA",
        "ASSA ASSI AA AA",
        "RRRR ASSI AA AA",
        "RRRR SSSS AA AA",
        "RRRR SVSS AA AA",
        "VVVV VVVV AA AA",
    ]


def test_overlapping_ranges_are_undone_one_by_one(registry: RegistryStore, another: RegistryStore) -> None:
    seen, made, kept = [], [], []
    for action, first, last in (("suspend", 2, 7), ("activate", 4, 5), ("recall", 1, 4), ("void", 6, 6)):
        seen.append(states(another))
        kept.append(everything(registry))
        made.append(change(registry, action, positions(registry, first, last)).id)

    for change_id in reversed(made):
        undo(registry, change_id)
        assert states(another) == seen.pop()
        assert everything(another) == kept.pop()


def test_ranges_of_one_batch_say_nothing_of_another(registry: RegistryStore) -> None:
    change(registry, "void", positions(registry, 1, 1, "B-2"))
    assert states(registry) == "AAAA IIII VA AA"
    change(registry, "void", positions(registry, 8, 8))
    assert states(registry) == "AAAA IIIV VA AA"


def test_the_strictest_level_is_in_force_whatever_came_last(registry: RegistryStore) -> None:
    change(registry, "stolen", codes(registry, "A1"))
    change(registry, "recall", positions(registry, 1, 3))
    change(registry, "activate", batch(registry))
    change(registry, "suspend", whole(registry))

    assert states(registry) == "TRRS SSSS SS AA"
    change(registry, "activate", whole(registry))
    assert states(registry) == "TRRA AAAA AA AA"


# All or nothing.


def refused(registry: RegistryStore, action: str, *scopes: Scope, at: int | None = None) -> str:
    """Return the sentence of a change that must be refused, and that must leave nothing behind."""
    before, history, batches = everything(registry), registry.changes(), registry.batches()
    with pytest.raises(Refused) as error:
        change(registry, action, *scopes, at=at)
    assert everything(registry) == before
    assert (registry.changes(), registry.batches()) == (history, batches)
    return str(error.value)


@pytest.mark.parametrize("order", [("A1", "A2", "A3"), ("A2", "A1", "A3"), ("A1", "A3", "A2")])
def test_a_refused_code_anywhere_in_a_list_changes_nothing(registry: RegistryStore, order: tuple[str, ...]) -> None:
    change(registry, "void", codes(registry, "A2"))

    assert refused(registry, "activate", codes(registry, *order)) == (
        "what is void cannot be changed by activate: if that was a mistake, undo the change that made it void, see "
        "`scanhook batches history`"
    )
    assert states(registry) == "AVAA IIII AA AA"


@pytest.mark.parametrize("order", [("A1", "Z9"), ("Z9", "A1")])
def test_an_unknown_code_anywhere_in_a_list_changes_nothing(registry: RegistryStore, order: tuple[str, ...]) -> None:
    assert refused(registry, "void", codes(registry, *order)) == (
        "one of the codes is not registered: see `scanhook codes check`"
    )


@pytest.mark.parametrize(("first", "last"), [(1, 8), (5, 5), (4, 6), (1, 5)])
def test_a_refused_piece_of_a_range_changes_nothing(registry: RegistryStore, first: int, last: int) -> None:
    change(registry, "suspend", positions(registry, 2, 3))
    change(registry, "stolen", positions(registry, 5, 5))

    assert refused(registry, "recall", positions(registry, first, last)) == (
        "positions 5-5: what is stolen cannot be changed by recall: if that was a mistake, undo the change that made "
        "it stolen, see `scanhook batches history`"
    )


def test_a_refused_range_among_several_changes_nothing(registry: RegistryStore) -> None:
    sentence = refused(registry, "void", positions(registry, 1, 2), positions(registry, 2, 9))

    assert sentence == "the range 2-9 goes beyond the batch B-1, which has the positions 1-8"


def test_a_refused_batch_among_several_changes_nothing(registry: RegistryStore) -> None:
    assert refused(registry, "void", batch(registry), batch(registry, "B-9")) == (
        "there is no batch `B-9` of that product: see `scanhook batches list`"
    )
    change(registry, "void", batch(registry, "B-2"))
    assert "what is void cannot be changed by recall" in refused(
        registry, "recall", batch(registry), batch(registry, "B-2")
    )


@pytest.mark.parametrize("name", ["B-9", "b-1", "B-1 ", "x" * 500])
def test_a_batch_that_is_not_there_is_refused(registry: RegistryStore, name: str) -> None:
    assert refused(registry, "void", batch(registry, name)).startswith(f"there is no batch `{name}`")
    with pytest.raises(Refused, match="there is no batch"):
        registry.size_of([batch(registry, name)])


def test_a_batch_of_another_product_is_refused(registry: RegistryStore) -> None:
    assert refused(registry, "void", batch(registry, "B-2", TEA)).startswith("there is no batch `B-2`")


def test_a_range_beyond_its_batch_is_refused(registry: RegistryStore) -> None:
    change(registry, "void", positions(registry, 8, 8))
    for first, last in ((9, 9), (1, 9), (8, 10**15)):
        sentence = f"the range {first}-{last} goes beyond the batch B-1, which has the positions 1-8"
        assert refused(registry, "void", positions(registry, first, last)) == sentence
        with pytest.raises(Refused, match="goes beyond the batch"):
            registry.size_of([positions(registry, first, last)])


@pytest.mark.parametrize("scopes", [BY_CODE, BY_RANGE, BY_BATCH, BY_PRODUCT], ids=["code", "range", "batch", "product"])
def test_a_time_in_the_past_is_refused_at_every_level(registry: RegistryStore, scopes: Scopes) -> None:
    for action in ("activate", "expire"):
        if (action, scopes) != ("activate", BY_PRODUCT):
            sentence = refused(registry, action, *scopes(registry), at=int(AT))
            assert sentence.endswith("the time is in the past: leave it out to change the state now")


def test_a_product_that_is_not_there_is_refused(registry: RegistryStore) -> None:
    gone = replace(product(registry), id=bytes(8))

    assert refused(registry, "void", Scope(product=gone)) == "the product is not there any more"
    assert refused(registry, "void", Scope(product=gone, batch="B-1")).startswith("there is no batch `B-1`")


def test_a_change_is_counted_before_it_is_made(registry: RegistryStore) -> None:
    sizes = {
        8: (batch(registry),),
        10: (batch(registry), batch(registry, "B-2")),
        4: (positions(registry, 3, 6),),
        3: (codes(registry, "A1", "A2"), codes(registry, "A1", name=TEA)),
        2: (whole(registry, TEA),),
    }

    assert {size: registry.size_of(scopes) for size, scopes in sizes.items()} == {size: size for size in sizes}
    assert registry.size_of([whole(registry)]) == 10
    for size, scopes in sizes.items():
        assert change(registry, "suspend", *scopes).codes == size


# Undo.


@pytest.mark.parametrize(
    ("stocked_place", "scopes", "action"),
    crossed(
        {str(level.id): level.values[0] for level in LEVELS},
        {action: action for action in ("activate", "suspend", "recall", "stolen", "void", "expire")},
    ),
    indirect=["stocked_place"],
)
def test_an_undo_puts_back_exactly_what_was_there(registry: RegistryStore, scopes: Scopes, action: str) -> None:
    change(registry, "activate", codes(registry, "A2", "I6"))
    change(registry, "suspend", positions(registry, 2, 4))
    change(registry, "activate", batch(registry), at=SOON)
    change(registry, "expire", whole(registry), at=SOON)
    before, batches, products = everything(registry), registry.batches(), list(registry.products())

    undone = undo(registry, change(registry, action, *scopes(registry)).id)

    assert undone.action == "undo"
    assert (everything(registry), list(registry.products())) == (before, products)
    assert [(each.name, each.mark) for each in registry.batches()] == [(each.name, each.mark) for each in batches]


@pytest.mark.parametrize(
    "scopes",
    [
        lambda registry: (codes(registry, "A1", "A1"),),
        lambda registry: (codes(registry, "A1"), codes(registry, "A2", "A1")),
        lambda registry: (positions(registry, 1, 4), positions(registry, 3, 6)),
        lambda registry: (batch(registry), batch(registry)),
        lambda registry: (whole(registry), whole(registry)),
    ],
    ids=["code", "codes", "ranges", "batch", "product"],
)
def test_what_is_named_twice_is_put_back_too(registry: RegistryStore, scopes: Scopes) -> None:
    before = everything(registry)
    done = change(registry, "void", *scopes(registry))
    assert states(registry) != AS_LOADED

    undo(registry, done.id)

    assert states(registry) == AS_LOADED
    assert everything(registry) == before
    change(registry, "suspend", *scopes(registry))
    assert "V" not in states(registry)


@EACH_LEVEL
def test_an_older_change_is_undone_after_the_newer_one(
    registry: RegistryStore, another: RegistryStore, scopes: Scopes, after: str
) -> None:
    older = change(registry, "suspend", *scopes(registry))
    newer = change(another, "void", *scopes(registry))
    history = registry.changes()

    with pytest.raises(Refused) as error:
        undo(registry, older.id)
    assert str(error.value) == (
        f"the newer change {newer.id} overlaps the change {older.id}: undo that one first, or make a new change"
    )
    assert states(registry) == after.replace("S", "V")
    assert registry.changes() == history

    undo(registry, newer.id)
    assert states(registry) == after
    undo(registry, older.id)
    assert states(registry) == AS_LOADED


def test_changes_that_do_not_overlap_are_undone_in_any_order(registry: RegistryStore) -> None:
    made = [
        change(registry, "suspend", positions(registry, 1, 2)),
        change(registry, "suspend", positions(registry, 3, 4)),
        change(registry, "suspend", codes(registry, "I5")),
        change(registry, "suspend", codes(registry, "I6")),
        change(registry, "suspend", batch(registry, "B-2")),
        change(registry, "suspend", batch(registry, name=TEA)),
    ]
    seen = []
    for done in made:
        undo(registry, done.id)
        seen.append(states(registry))

    assert seen == [
        "AASS SSII SS SS",
        "AAAA SSII SS SS",
        "AAAA ISII SS SS",
        "AAAA IIII SS SS",
        "AAAA IIII AA SS",
        AS_LOADED,
    ]


def test_a_change_of_one_level_does_not_hinder_the_undo_of_another(registry: RegistryStore) -> None:
    suspended = change(registry, "suspend", batch(registry))
    change(registry, "recall", codes(registry, "A1"))
    change(registry, "recall", positions(registry, 2, 2))
    change(registry, "expire", whole(registry))

    undo(registry, suspended.id)

    assert states(registry) == "RREE EEEE EE AA"


@pytest.mark.parametrize(("first", "last"), [(1, 1), (4, 4), (2, 3), (1, 8)])
def test_a_newer_range_that_overlaps_a_little_hinders_the_undo(registry: RegistryStore, first: int, last: int) -> None:
    older = change(registry, "suspend", positions(registry, 1, 4))
    newer = change(registry, "recall", positions(registry, first, last))

    with pytest.raises(Refused, match=f"the newer change {newer.id} overlaps the change {older.id}"):
        undo(registry, older.id)


def test_a_change_is_undone_once(registry: RegistryStore, another: RegistryStore) -> None:
    done = change(registry, "void", batch(registry))
    undone = undo(another, done.id)

    for store in (registry, another):
        with pytest.raises(Refused) as error:
            undo(store, done.id)
        assert str(error.value) == f"the change {done.id} was undone by the change {undone.id} already"


def test_an_undo_is_not_undone(registry: RegistryStore) -> None:
    undone = undo(registry, change(registry, "void", batch(registry)).id)

    with pytest.raises(Refused) as error:
        undo(registry, undone.id)
    assert str(error.value) == (
        f"the change {undone.id} (undo) cannot be undone: make the change that it took back again"
    )


def test_settings_are_not_undone(registry: RegistryStore) -> None:
    read = product(registry)
    registry.save_product(replace(read, qr_prefix="http://p.url.cn/"), was=read, who="mei", why="printing")
    (done, *_) = registry.changes()

    with pytest.raises(Refused) as error:
        undo(registry, done.id)
    assert str(error.value) == (
        f"the change {done.id} (set) cannot be undone: set the product's settings again with `scanhook products set`"
    )


def test_an_import_is_not_undone(registry: RegistryStore) -> None:
    (done, *_) = (each for each in registry.changes() if each.action == "import")

    with pytest.raises(Refused) as error:
        undo(registry, done.id)
    assert str(error.value) == (
        f"the change {done.id} (import) cannot be undone: change its batch, for example with `scanhook batches void`"
    )


@pytest.mark.parametrize("change_id", [0, -1, 10**6, 2**62])
def test_a_change_that_is_not_there_is_not_undone(registry: RegistryStore, change_id: int) -> None:
    with pytest.raises(Refused) as error:
        undo(registry, change_id)
    assert str(error.value) == f"there is no change {change_id}: see `scanhook batches history`"
    assert registry.find_change(change_id) is None


@pytest.mark.parametrize(("who", "why"), [("", "x"), ("x", ""), ("x", "a\nb"), ("x" * 101, "x")])
def test_an_undo_has_its_who_and_why_too(registry: RegistryStore, who: str, why: str) -> None:
    done = change(registry, "void", batch(registry))

    with pytest.raises(Refused, match=r"`who`|`why`"):
        registry.undo(done.id, who=who, why=why)
    assert states(registry) == "VVVV VVVV AA AA"


# The history.


def test_the_history_says_who_when_why_and_what(registry: RegistryStore, another: RegistryStore) -> None:
    owner = product(registry)
    made = change(registry, "recall", positions(registry, 2, 3), who="mei", why="wrong cap")

    assert (made.who, made.why, made.at, made.action, made.level) == ("mei", "wrong cap", int(AT), "recall", "range")
    assert (made.product, made.batch, made.codes, made.details) == (owner, "B-1", 2, {"ranges": [[2, 3]]})
    assert (made.undoes, made.undone_by) == (None, None)
    assert another.find_change(made.id) == made == another.changes()[0]

    undone = another.undo(made.id, who="li", why="the cap was right")
    assert (undone.who, undone.why, undone.at, undone.action, undone.level) == (
        "li",
        "the cap was right",
        int(AT),
        "undo",
        "range",
    )
    assert (undone.product, undone.batch, undone.codes, undone.undoes) == (owner, "B-1", 2, made.id)
    assert registry.find_change(made.id) == replace(made, undone_by=undone.id)
    assert registry.changes(limit=2) == [undone, replace(made, undone_by=undone.id)]


@pytest.mark.parametrize(
    ("scopes", "batch_name", "count", "details"),
    [
        (BY_CODE, None, 1, {}),
        (BY_BATCH, "B-1", 8, {}),
        (BY_BATCHES, None, 10, {"batches": ["B-1", "B-2"]}),
        (BY_RANGES, "B-1", 3, {"ranges": [[1, 2], [8, 8]]}),
        (BY_PRODUCT, None, 10, {}),
    ],
    ids=["code", "batch", "batches", "ranges", "product"],
)
def test_the_history_names_what_a_change_was_about(
    registry: RegistryStore, scopes: Scopes, batch_name: str | None, count: int, details: dict[str, object]
) -> None:
    made = change(registry, "suspend", *scopes(registry))

    assert made.product is not None
    assert (made.product.id, made.batch, made.codes, made.details) == (
        product(registry).id,
        batch_name,
        count,
        details,
    )


def test_settings_and_new_products_are_in_the_history(registry: RegistryStore) -> None:
    cups = replace(product(registry), id=b"\x09" * 8, key_str="cups", loading=True)
    registry.add_product(cups, who="mei", why="spring")
    registry.save_product(replace(cups, loading=False, qr_prefix="x"), was=cups, who="li", why="all in")
    registry.save_product(replace(cups, loading=False, qr_prefix="x"), was=cups, who="li", why="nothing new")

    changed, added = registry.changes(product=cups)

    assert (added.who, added.why, added.action, added.level) == ("mei", "spring", "set", "product")
    assert added.details["loading"] is True
    assert (changed.who, changed.why, changed.details) == ("li", "all in", {"loading": False, "qr_prefix": "x"})


def test_the_history_is_read_newest_first_and_in_pages(registry: RegistryStore) -> None:
    made = [change(registry, "suspend", batch(registry), why=f"{number}").id for number in range(7)]

    assert [each.id for each in registry.changes(limit=7)] == made[::-1]
    pages = [registry.changes(before=before, limit=3) for before in (None, made[4], made[1], made[0])]
    assert [[each.id for each in own(page)] for page in pages] == [made[6:3:-1], made[3:0:-1], made[:1], []]


def test_the_history_of_a_part_leaves_out_the_others(registry: RegistryStore) -> None:
    made = {
        "code": change(registry, "suspend", codes(registry, "A1")).id,
        "range": change(registry, "suspend", positions(registry, 2, 2)).id,
        "batch": change(registry, "suspend", batch(registry)).id,
        "batches": change(registry, "suspend", batch(registry), batch(registry, "B-2")).id,
        "other batch": change(registry, "suspend", batch(registry, "B-2")).id,
        "product": change(registry, "suspend", whole(registry)).id,
        "other code": change(registry, "suspend", codes(registry, "C1")).id,
        "tea": change(registry, "suspend", whole(registry, TEA)).id,
    }
    made["undo"] = undo(registry, made["code"]).id
    named = {change_id: name for name, change_id in made.items()}
    owner = product(registry)
    one, two = (registry.find_batch(owner, name) for name in ("B-1", "B-2"))

    def names(**wanted: object) -> list[str]:
        return [named[each.id] for each in own(registry.changes(**wanted))]  # type: ignore[arg-type]

    assert names() == list(made)[::-1]
    assert names(product=owner) == [
        "undo", "other code", "product", "other batch", "batches", "batch", "range", "code",
    ]  # fmt: skip
    assert names(product=product(registry, TEA)) == ["tea"]
    assert names(batch=one) == ["undo", "product", "batches", "batch", "range", "code"]
    assert names(batch=two) == ["other code", "product", "other batch", "batches"]
    assert names(tag=tag(registry, "A1")) == ["undo", "code"]
    assert names(tag=tag(registry, "C1")) == ["other code"]
    assert names(tag=tag(registry, "A2")) == []
    assert names(batch=one, before=made["batches"], limit=2) == ["batch", "range"]
    assert names(product=owner, tag=tag(registry, "C1")) == ["other code"]


def test_a_code_of_several_products_is_in_the_history_of_each(registry: RegistryStore) -> None:
    tags = (tag(registry, "A1"), tag(registry, "T2", TEA))
    made = change(registry, "suspend", Scope(tags=tags))

    assert (made.product, made.batch, made.codes) == (None, None, 2)
    for owner in (product(registry), product(registry, TEA)):
        assert [each.id for each in own(registry.changes(product=owner))] == [made.id]
        assert [each.id for each in own(registry.changes(batch=registry.find_batch(owner, "B-1")))] == [made.id]


def test_no_code_stands_in_the_history(registry: RegistryStore, place: Place) -> None:
    load_line = change(registry, "suspend", codes(registry, "A1", "I5"))

    assert load_line.details == {}
    assert place.registry_sql("SELECT count(*) FROM changes WHERE details LIKE '%A1%' OR why LIKE '%A1%'") == [(0,)]
