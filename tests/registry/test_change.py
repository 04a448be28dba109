from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scanhook.errors import Refused
from scanhook.registry.change import SCOPES_MAX, TAGS_MAX, Batch, Load, Order, Scope, check_words
from scanhook.registry.life import Action, Level, Mark, State
from scanhook.registry.product import Product

AT = 1_760_000_000
PRODUCT = Product(id=b"\x01" * 8, account="main", key_standard="ean13", key_str="6900873042720")
BATCH = Scope(product=PRODUCT, batch="B-7")


def order(*scopes: Scope, who: str = "mei", why: str = "shipped") -> Order:
    return Order(action=Action.ACTIVATE, scopes=scopes, who=who, why=why)


@pytest.mark.parametrize(
    ("scope", "level"),
    [
        (Scope(product=PRODUCT), "product"),
        (Scope(product=PRODUCT, batch=None), "product"),
        (Scope(product=PRODUCT, batch="B-7"), "batch"),
        (Scope(product=PRODUCT, batch="B-7", first=1, last=1), "range"),
        (Scope(product=PRODUCT, tags=(b"0123456789",)), "code"),
        (Scope(tags=(b"0123456789",)), "code"),
        (Scope(product=PRODUCT, batch="B-7", tags=(b"0123456789",)), "code"),
    ],
)
def test_a_scope_knows_its_level(scope: Scope, level: str) -> None:
    assert scope.level == level
    assert order(scope).level == level


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"batch": "B-7"},
        {"product": PRODUCT, "first": 1, "last": 2},
        {"product": PRODUCT, "batch": "B-7", "first": 1},
        {"product": PRODUCT, "batch": "B-7", "last": 1},
        {"product": PRODUCT, "batch": None, "first": 1, "last": 2},
    ],
    ids=str,
)
def test_half_a_scope_cannot_be_built(part: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"a range has a batch|only single codes can be of several products"):
        Scope(**part)


@pytest.mark.parametrize("part", [{}, {"first": 1, "last": 2}, {"tags": (b"0123456789",)}], ids=str)
def test_an_empty_name_is_no_batch_and_not_the_product(part: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        Scope(product=PRODUCT, batch="", **part)
    assert str(refused.value) == "a batch has a name: see `scanhook batches list`"


@pytest.mark.parametrize(("first", "last"), [(2, 1), (0, 5), (-3, -1), (10**9, 1)])
def test_a_range_upside_down_or_below_one_is_refused(first: int, last: int) -> None:
    with pytest.raises(Refused) as refused:
        Scope(product=PRODUCT, batch="B-7", first=first, last=last)
    assert str(refused.value) == (
        f"the range {first}-{last} is none: positions count from 1, and the first comes first"
    )


def test_one_change_takes_so_many_codes_and_no_more() -> None:
    tag = b"0123456789"
    assert TAGS_MAX == 100_000
    with pytest.raises(Refused, match="at most 100,000 codes: split the list, or use a batch or a range"):
        Scope(tags=(tag,) * (TAGS_MAX + 1))


def test_one_change_takes_so_many_batches_and_no_more() -> None:
    assert SCOPES_MAX == 10_000
    with pytest.raises(Refused, match="at most 10,000 batches"):
        order(*(BATCH,) * (SCOPES_MAX + 1))


def test_an_order_is_of_one_level() -> None:
    for scopes in ((), (BATCH, Scope(product=PRODUCT)), (BATCH, replace(BATCH, first=1, last=2))):
        with pytest.raises(ValueError, match="all of one level"):
            order(*scopes)


def test_a_product_is_activated_now_or_not_at_all() -> None:
    whole, tag = Scope(product=PRODUCT), Scope(tags=(b"0123456789",))

    def at(scope: Scope, action: Action, time: int | None) -> int | None:
        return Order(action=action, scopes=(scope,), who="mei", why="shipped", at=time).at

    with pytest.raises(Refused) as refused:
        at(whole, Action.ACTIVATE, AT)
    assert str(refused.value) == "a product can only be activated now: set the time for its batches"
    assert at(whole, Action.ACTIVATE, None) is None
    assert at(whole, Action.EXPIRE, AT) == AT
    for scope in (BATCH, replace(BATCH, first=1, last=2), tag):
        assert at(scope, Action.ACTIVATE, AT) == AT


@pytest.mark.parametrize("text", ["", " ", "\t"])
@pytest.mark.parametrize("name", ["who", "why"])
def test_the_history_wants_who_and_why(name: str, text: str) -> None:
    with pytest.raises(Refused) as refused:
        order(BATCH, **{name: text})
    assert str(refused.value) == f"`{name}` is empty: the history keeps who changed what, and why"


@pytest.mark.parametrize(
    ("name", "text", "longest"),
    [
        ("who", "x" * 101, 100),
        ("why", "x" * 501, 500),
        ("who", "mei\nli", 100),
        ("why", "a\x00b", 500),
        ("why", "\x1b[31m", 500),
    ],
)
def test_who_and_why_can_be_printed_on_a_line(name: str, text: str, longest: int) -> None:
    with pytest.raises(Refused) as refused:
        order(BATCH, **{name: text})
    assert str(refused.value) == f"`{name}` is not up to {longest} printable characters"


def test_long_words_are_taken_up_to_their_limit() -> None:
    check_words("梅" * 100, "召" * 500)
    assert order(BATCH, who="梅" * 100, why="召" * 500).who == "梅" * 100


# Batches.

MINTED = Load(state=State.ISSUED, codes=40, loaded_by=3, at=AT, minted=True)


def batch(
    *loads: Load,
    mark: Mark | None = None,
    ranged: bool = False,
    ever_activated: bool = False,
    product: Product = PRODUCT,
) -> Batch:
    return Batch(
        id=1,
        product=product,
        name="B-7",
        loads=loads or (MINTED,),
        positions=100,
        mark=mark or Mark(),
        pepper_id="7df72aa8",
        ranged=ranged,
        ever_activated=ever_activated,
    )


def test_a_batch_counts_its_loads() -> None:
    both = batch(MINTED, replace(MINTED, state=State.ACTIVE, codes=2, at=AT - 60, minted=False))

    assert (both.codes, both.made_at) == (42, AT - 60)


@pytest.mark.parametrize(
    ("mark", "states"),
    [
        (Mark(), {"issued": 40, "active": 2}),
        (Mark(activated_by=4, change_id=4), {"active": 42}),
        (Mark(activated_by=2, change_id=2), {"issued": 40, "active": 2}),
        (Mark(activated_by=4, activates_at=AT + 1, change_id=4), {"issued": 40, "active": 2}),
        (Mark(activated_by=4, activates_at=AT, change_id=4), {"active": 42}),
        (Mark(expires_at=AT, change_id=4), {"expired": 42}),
        (Mark(state=State.RECALLED, change_id=4), {"recalled": 42}),
    ],
)
def test_a_batch_counts_its_codes_by_state(mark: Mark, states: dict[str, int]) -> None:
    both = batch(MINTED, replace(MINTED, state=State.ACTIVE, codes=2), mark=mark)

    assert both.states_at(AT) == states


def test_a_batch_counts_its_product_in() -> None:
    stolen = replace(PRODUCT, mark=Mark(state=State.STOLEN, change_id=9))

    assert batch(product=stolen).states_at(AT) == {"stolen": 40}


@pytest.mark.parametrize(
    ("changed", "forgotten"),
    [
        ({}, True),
        ({"ranged": True}, True),
        ({"ever_activated": True}, False),
        ({"ranged": True, "ever_activated": True}, False),
        ({"mark": Mark(activated_by=4, change_id=4), "ever_activated": True}, False),
        ({"mark": Mark(activated_by=2, change_id=2)}, True),
        ({"mark": Mark(activated_by=4, activates_at=AT + 9**9, change_id=4), "ever_activated": True}, False),
        ({"mark": Mark(expires_at=AT, change_id=4)}, False),
        ({"mark": Mark(state=State.SUSPENDED, change_id=4)}, False),
        ({"mark": Mark(state=State.VOID, change_id=4)}, False),
    ],
    ids=str,
)
def test_a_minted_batch_that_nobody_activated_is_forgotten(changed: dict[str, Any], *, forgotten: bool) -> None:
    assert batch(**changed).is_forgotten(AT + 72 * 3600, hours=72) is forgotten


@pytest.mark.parametrize(
    ("now", "forgotten"), [(AT, False), (AT + 72 * 3600 - 1, False), (AT + 72 * 3600, True), (AT + 9**12, True)]
)
def test_a_minted_batch_is_forgotten_after_so_many_hours(now: int, *, forgotten: bool) -> None:
    assert batch().is_forgotten(now, hours=72) is forgotten


def test_of_no_hours_no_batch_is_forgotten() -> None:
    assert not batch().is_forgotten(AT + 9**12, hours=0)


def test_a_batch_with_other_codes_that_are_active_is_not_forgotten() -> None:
    assert not batch(MINTED, replace(MINTED, state=State.ACTIVE, minted=False)).is_forgotten(AT + 9**12, hours=1)


def test_the_hours_count_from_its_first_minting() -> None:
    both = batch(replace(MINTED, at=AT + 3600), MINTED, replace(MINTED, minted=False, at=AT - 9**9))

    assert not both.is_forgotten(AT + 3599, hours=1)
    assert both.is_forgotten(AT + 3600, hours=1)


def test_an_imported_batch_is_never_forgotten() -> None:
    assert not batch(replace(MINTED, minted=False)).is_forgotten(AT + 9**12, hours=1)


def test_the_levels_are_these() -> None:
    assert list(Level) == ["product", "batch", "range", "code"]
