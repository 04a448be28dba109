from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanhook.errors import Refused
from scanhook.registry import CodeRecord, LookUp, Product, RegistryStore, Scope
from scanhook.storage import Pepper
from tests.contract.engines import Place
from tests.contract.life import CODES, TEA, batch, change, codes, positions, whole
from tests.registry.codes import AT, EAN

Asked = tuple[str, str, str, str]

CHANGES: dict[str, Callable[[RegistryStore], Scope]] = {
    "code": lambda registry: codes(registry, "A2"),
    "range": lambda registry: positions(registry, 3, 6),
    "batch": batch,
    "other batch": lambda registry: batch(registry, "B-2"),
    "product": whole,
    "other product": lambda registry: whole(registry, TEA),
}
NAMES = (EAN, TEA, ("qrcode", "nobody's"), ("qrcode", "a\x00b"), ("", ""))
EXT_INFOS = (*dict.fromkeys(code for _, code in CODES), "", " A1", "Ａ１ ", "a1", "UNKNOWN", "A\x00", "\ud800")
ASKED = st.tuples(st.sampled_from(("main", "second")), st.sampled_from(NAMES), st.sampled_from(EXT_INFOS)).map(
    lambda drawn: (drawn[0], *drawn[1], drawn[2])
)
ACTIONS = st.tuples(st.sampled_from(sorted(CHANGES)), st.sampled_from(("activate", "suspend")))


@pytest.fixture
def place(stocked_place: Place) -> Place:
    return stocked_place


def expected(registry: RegistryStore, pepper: Pepper, asked: Sequence[Asked]) -> list[LookUp]:
    """Say what is to be found, from what the registry lists of its products and codes."""
    listed = {tag: code for tag, _, code in registry.codes()}
    products = {(found.account, found.key_standard, found.key_str): found for found in registry.products()}
    return [_expected(products.get(one[:3]), one[3], pepper, listed) for one in asked]


def _expected(product: Product | None, ext_info: str, pepper: Pepper, listed: dict[bytes, CodeRecord]) -> LookUp:
    if product is None:
        return LookUp()
    normal = product.normalisation.apply(ext_info)
    tag = None if normal == "\ud800" else pepper.tag(product.id, normal)
    return LookUp(product=product, tag=tag, normal=normal, code=listed.get(tag) if tag else None)


@given(steps=st.lists(st.tuples(ACTIONS, st.lists(ASKED, max_size=12)), min_size=1, max_size=3))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_group_finds_what_each_would_find_alone_whoever_changes_states_between_groups(
    registry: RegistryStore,
    another: RegistryStore,
    pepper: Pepper,
    steps: list[tuple[tuple[str, str], list[Asked]]],
) -> None:
    for (scope, action), asked in steps:
        try:
            change(another, action, CHANGES[scope](another))
        except Refused:
            continue
        found = registry.look_up_all(asked)
        assert found == [registry.look_up(*one) for one in asked]
        assert found == expected(another, pepper, asked)


def test_nobody_asks_and_nothing_is_found(registry: RegistryStore) -> None:
    assert registry.look_up_all([]) == []


def test_who_asks_for_what_is_no_text_does_not_fail_the_others(registry: RegistryStore) -> None:
    asked = [("main", *EAN, code) for code in ("A1", "\ud800", "C2")]

    first, broken, last = registry.look_up_all(asked)

    assert (broken.normal, broken.tag, broken.code) == ("\ud800", None, None)
    assert broken.product == registry.find_product("main", *EAN)
    assert [found.code.batch if found.code else None for found in (first, last)] == ["B-1", "B-2"]


def test_a_group_of_one_code_finds_it_each_time(registry: RegistryStore) -> None:
    found = registry.look_up_all([("main", *EAN, "A1")] * 40)

    assert [look_up.code.state_at(AT) if look_up.code else None for look_up in found] == ["active"] * 40


def test_a_product_that_gets_other_rules_or_goes_is_seen_in_the_next_group(
    registry: RegistryStore, another: RegistryStore, place: Place
) -> None:
    asked = [("main", *EAN, " a1 "), ("main", *TEA, "t2")]

    def normals() -> list[tuple[str, bool]]:
        return [(found.normal, found.code is not None) for found in registry.look_up_all(asked)]

    assert normals() == [("a1", False), ("t2", False)]
    place.registry_sql("UPDATE products SET normalisation = 'trim,upper' WHERE key_str = 'tea'")
    assert normals() == [("a1", False), ("T2", True)]
    place.registry_sql("UPDATE products SET normalisation = 'upper' WHERE key_str <> 'tea'")
    assert normals() == [(" A1 ", False), ("T2", True)]
    place.registry_sql("UPDATE products SET shown = 0 WHERE key_str = 'tea'")
    assert normals() == [(" A1 ", False), ("", False)]
    assert another.look_up_all(asked)[1] == LookUp()
