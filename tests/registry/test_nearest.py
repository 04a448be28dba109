from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from scanhook.registry import ALPHABET, LookUp, Normalisation, Product, RegistryStore, check_character
from scanhook.registry.life import State
from scanhook.registry.nearest import Cause, Edit, Nearest, _neighbours, find_nearest
from scanhook.registry.store import CodeRecord
from scanhook.storage import Pepper

MINTED = "trim,width,upper,look-alikes,check"
BODY = "7K3MZ9QPX2WD5TBN"
CODE = BODY + check_character(BODY)


@dataclass
class Genuine:
    """A registry that knows these codes of one product."""

    pepper: Pepper
    product: Product
    codes: tuple[str, ...]
    asked: list[int] = field(default_factory=list)

    def find_tags(self, tags: Sequence[bytes]) -> dict[bytes, tuple[str, int]]:
        self.asked.append(len(tags))
        known = {self.pepper.tag(self.product.id, code): at for at, code in enumerate(self.codes, start=1)}
        return {tag: ("spring", known[tag]) for tag in tags if tag in known}

    def near(self, unknown: str) -> Nearest | None:
        normal = self.product.normalisation.apply(unknown)
        tag = self.pepper.tag(self.product.id, normal)
        found = LookUp(product=self.product, tag=tag, normal=normal)
        return find_nearest(cast("RegistryStore", self), found, pepper=self.pepper)


def genuine(pepper: Pepper, rules: str, *codes: str) -> Genuine:
    product = Product(
        id=b"productx", account="main", key_standard="qrcode", key_str="frame", normalisation=Normalisation.parse(rules)
    )
    return Genuine(pepper=pepper, product=product, codes=codes)


def swapped(text: str, place: int) -> str:
    return text[: place - 1] + text[place] + text[place - 1] + text[place + 1 :]


@pytest.mark.parametrize(
    ("unknown", "edit", "place"),
    [
        ("8" + CODE[1:], Edit.CHANGED, 1),
        (CODE[:8] + "0" + CODE[9:], Edit.CHANGED, 9),
        (BODY + ("0" if CODE[-1] != "0" else "1"), Edit.CHANGED, 17),
        (swapped(CODE, 1), Edit.SWAPPED, 1),
        (swapped(CODE, 16), Edit.SWAPPED, 16),
        (CODE[1:], Edit.LOST, 1),
        (CODE[:5] + CODE[6:], Edit.LOST, 6),
        (CODE[0] + CODE, Edit.DOUBLED, 2),
        (CODE[:4] + "0" + CODE[4:], Edit.ADDED, 5),
        (CODE + "1", Edit.ADDED, 18),
        (" " + CODE[1:].lower() + "\u3000", Edit.LOST, 1),
    ],
)
def test_a_slip_of_a_minted_code_is_named_a_misprint(pepper: Pepper, unknown: str, edit: Edit, place: int) -> None:
    near = genuine(pepper, MINTED, "0" * 17, CODE).near(unknown)

    assert near
    assert (near.batch, near.position, near.others) == ("spring", 2, 0)
    assert (near.edit, near.place, near.cause) == (edit, place, Cause.MISPRINT)
    assert "check character is wrong" in near.why


def test_every_edit_of_a_minted_code_is_found(pepper: Pepper) -> None:
    shop = genuine(pepper, MINTED, CODE)
    edits = {CODE[:place] + ALPHABET[place * 7 % 32] + CODE[place + 1 :] for place in range(17)}
    edits |= {CODE[:place] + CODE[place + 1 :] for place in range(17)}
    edits |= {CODE[:place] + ALPHABET[place * 5 % 32] + CODE[place:] for place in range(18)}
    edits |= {swapped(CODE, place) for place in range(1, 17)}

    assert [edit for edit in edits - {CODE} if shop.near(edit) is None] == []
    assert set(shop.asked) <= set(range(1000, 1400))


def test_a_code_two_edits_away_is_not_found(pepper: Pepper) -> None:
    shop = genuine(pepper, MINTED, CODE)
    assert shop.near("0" + CODE[1:8] + "0" + CODE[9:]) is None
    assert shop.near(swapped(swapped(CODE, 1), 5)) is None
    assert shop.near(CODE[2:]) is None
    assert shop.near("00" + CODE) is None


def test_a_lost_character_that_leaves_the_check_character_right_is_a_misprint_all_the_same(pepper: Pepper) -> None:
    # A nought at either end adds nothing to the sum.
    near = genuine(pepper, MINTED, "0" + CODE[:16] + check_character("0" + CODE[:16])).near(CODE)

    assert near
    assert (near.edit, near.place, near.cause) == (Edit.LOST, 1, Cause.MISPRINT)
    assert "one such slip in 32" in near.why


def test_an_added_character_that_leaves_the_check_character_right_is_a_forgery(pepper: Pepper) -> None:
    near = genuine(pepper, MINTED, CODE).near("0" + CODE)

    assert near
    assert (near.edit, near.place, near.cause) == (Edit.ADDED, 1, Cause.FORGERY)
    assert "well formed" in near.why


@pytest.mark.parametrize(
    ("unknown", "edit", "cause", "why"),
    [
        ("A0B-4711", Edit.CHANGED, Cause.MISPRINT, "look alike"),  # an O became 0
        ("AOB-47l1", Edit.CHANGED, Cause.MISPRINT, "look alike"),
        ("AOb-4711", Edit.CASE, Cause.MISPRINT, "capital and small"),
        ("AOB_4711", Edit.CHANGED, Cause.MISPRINT, "look alike"),
        ("OAB-4711", Edit.SWAPPED, Cause.MISPRINT, "swapped"),
        ("AOB4711", Edit.LOST, Cause.MISPRINT, "lost"),
        ("AOB-47111", Edit.DOUBLED, Cause.MISPRINT, "doubled"),
        ("aob-4711", Edit.CASE, Cause.MISPRINT, "capital and small"),
        ("AOB-4719", Edit.CHANGED, Cause.FORGERY, "makes up"),
        ("AOB-4711X", Edit.ADDED, Cause.FORGERY, "makes up"),
        ("AOB-4711茅", Edit.ADDED, Cause.FORGERY, "makes up"),
    ],
)
def test_without_a_check_character_the_kind_of_edit_tells(
    pepper: Pepper, unknown: str, edit: Edit, cause: Cause, why: str
) -> None:
    near = genuine(pepper, "trim,width", "AOB-4711").near(unknown)

    assert near
    assert (near.edit, near.cause) == (edit, cause)
    assert why in near.why


def test_a_lost_sign_of_wechats_own_is_found(pepper: Pepper) -> None:
    shop = genuine(pepper, "trim,width", "A(1)*B.2_C-3")
    for place in range(12):
        near = shop.near("A(1)*B.2_C-3"[:place] + "A(1)*B.2_C-3"[place + 1 :])
        assert near
        assert near.edit is Edit.LOST


def test_running_numbers_are_told_as_what_they_are(pepper: Pepper) -> None:
    near = genuine(pepper, "trim,width", *(f"N{number:06}" for number in range(100, 110))).near("N00010X")

    assert near
    assert (near.cause, near.others) == (Cause.FORGERY, 9)
    assert "10 genuine codes are one edit away" in near.why


def test_of_two_neighbours_the_likelier_slip_is_named(pepper: Pepper) -> None:
    near = genuine(pepper, "trim,width", "AB9", "AB8").near("ABB")

    assert near
    assert (near.position, near.edit, near.cause, near.others) == (2, Edit.CHANGED, Cause.MISPRINT, 1)


def test_small_letters_are_not_tried_where_the_case_is_folded(pepper: Pepper) -> None:
    shop = genuine(pepper, "trim,width,upper", "AB1")
    near = shop.near("ab2")
    assert near
    assert near.edit is Edit.CHANGED
    # 10 digits, 26 letters and 6 signs: three places to change, four to fill (three fillings come twice), three
    # characters to take away and two pairs to swap.
    assert shop.asked == [3 * 41 + (4 * 42 - 3) + 3 + 2]


@pytest.mark.parametrize("normal", ["", "A" * 66])
def test_what_cannot_be_a_code_has_no_neighbour_and_costs_nothing(pepper: Pepper, normal: str) -> None:
    shop = genuine(pepper, "none", normal[:-1])
    assert shop.near(normal) is None
    assert shop.asked == []


def test_a_known_code_and_one_of_no_product_have_no_nearest(pepper: Pepper) -> None:
    shop = genuine(pepper, "none", "AB1")
    record = CodeRecord(batch="spring", position=1, loaded_as=State.ACTIVE)
    known = LookUp(product=shop.product, tag=b"t" * 10, normal="AB2", code=record)
    store = cast("RegistryStore", shop)
    assert find_nearest(store, known, pepper=pepper) is None
    assert find_nearest(store, LookUp(), pepper=pepper) is None


def test_the_reason_shows_neither_code(pepper: Pepper) -> None:
    near = genuine(pepper, "trim,width", "QQWWEE77").near("QQWWEE78")
    assert near
    assert "QQWWEE" not in repr(near)


def test_no_code_shows_in_what_is_tried() -> None:
    assert "S3CRET" not in repr(list(_neighbours("S3CRET", Normalisation())))
