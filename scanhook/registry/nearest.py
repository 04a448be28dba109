"""For staff: the genuine code that an unknown one is one edit away from, and whether that is a misprint or a forgery.

The registry holds no codes, only tags; so the tags of every text one edit away are made and asked for. Consumers never
get this hint: it would tell a forger how close a guess was.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from scanhook.registry.checksum import ALPHABET, has_right_check
from scanhook.registry.codefile import EXT_INFO_MAX_CHARS, EXT_INFO_SIGNS
from scanhook.registry.normalise import Normalisation
from scanhook.registry.store import LookUp, RegistryStore
from scanhook.storage import Pepper

__all__ = ["Cause", "Edit", "Nearest", "find_nearest"]

# Characters that print, eye and camera take for each other, whatever their case.
_LOOK_ALIKES = ("0OQD", "1ILJ7T", "2Z7", "5S", "6GB", "8B3", "9GQ", "UVWY", "CG", "EF", "PR", "MN", "KX", "HN", "-_.")


class Edit(StrEnum):
    """What happened to the genuine code, seen from it."""

    CHANGED = "changed"
    SWAPPED = "swapped"
    LOST = "lost"
    DOUBLED = "doubled"
    ADDED = "added"
    CASE = "case"


class Cause(StrEnum):
    """Where an unknown code comes from, most likely."""

    MISPRINT = "misprint"
    """A genuine label, misprinted, damaged, misread or mistyped."""
    FORGERY = "forgery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """A genuine code close by.

    :param batch: the genuine code's batch.
    :param position: its place in the batch.
    :param edit: what makes the one of the other.
    :param place: where in the unknown code's normal form, counted from 1; 0 where the case of all letters differs.
    :param others: how many more genuine codes are one edit away.
    :param why: the reason for ``cause``, in words; it shows no character of either code.
    """

    batch: str
    position: int
    edit: Edit
    place: int
    cause: Cause
    why: str
    others: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Neighbour:
    text: str = field(repr=False)
    edit: Edit
    place: int
    alike: bool = False

    @property
    def is_slip(self) -> bool:
        """Tell whether a machine or a hand makes this by itself."""
        return self.alike or self.edit in {Edit.SWAPPED, Edit.LOST, Edit.DOUBLED, Edit.CASE}


def find_nearest(store: RegistryStore, found: LookUp, *, pepper: Pepper) -> Nearest | None:
    """Find the genuine code that is one edit away from an unknown one.

    :param found: what the registry found for it; a known code, or one of no product, has no nearest one.
    :raises StorageError: when the registry cannot be read.
    """
    product, normal = found.product, found.normal
    if product is None or found.code is not None or not 0 < len(normal) <= EXT_INFO_MAX_CHARS + 1:
        return None
    # Two edits may lead to one text; the likelier one comes last and stays.
    likelier_last = sorted(_neighbours(normal, product.normalisation), key=lambda neighbour: neighbour.is_slip)
    by_tag = {pepper.tag(product.id, neighbour.text): neighbour for neighbour in likelier_last}
    genuine = store.find_tags(list(by_tag))
    if not genuine:
        return None
    tag = max(genuine, key=lambda tag: (by_tag[tag].is_slip, tag))
    neighbour, others = by_tag[tag], len(genuine) - 1
    cause, why = _judge(neighbour, normal, checked=product.normalisation.check, others=others)
    batch, position = genuine[tag]
    return Nearest(
        batch=batch,
        position=position,
        edit=neighbour.edit,
        place=neighbour.place,
        cause=cause,
        why=why,
        others=others,
    )


def _judge(neighbour: _Neighbour, normal: str, *, checked: bool, others: int) -> tuple[Cause, str]:
    if checked and not has_right_check(normal):
        return Cause.MISPRINT, (
            "its check character is wrong: a slip makes it wrong nearly always, and who makes up codes and knows the "
            "rule makes it right"
        )
    if checked and neighbour.is_slip:
        return Cause.MISPRINT, f"{_SLIPS[neighbour.edit]}; one such slip in 32 leaves the check character right"
    if checked:
        return Cause.FORGERY, "it is well formed, and its check character is right, which a slip hardly ever leaves so"
    if others and not neighbour.alike:
        return Cause.FORGERY, (
            f"{others + 1} genuine codes are one edit away: this product's codes lie so close together that one can "
            "be made up from another; which item it was taken from cannot be said"
        )
    if neighbour.is_slip:
        return Cause.MISPRINT, _SLIPS[neighbour.edit]
    return Cause.FORGERY, (
        "it is well formed, and differs in a character that is not easily taken for the genuine one: this is how one "
        "makes up a code from a genuine one"
    )


_SLIPS = {
    Edit.CHANGED: "the two characters look alike, in print, to the eye and to a camera",
    Edit.SWAPPED: "two neighbours are swapped, as in typing",
    Edit.LOST: "a character is lost, as in damaged print or typing",
    Edit.DOUBLED: "a character is doubled, as in typing",
    Edit.CASE: "only capital and small letters differ: let the product's normalisation fold the case",
}


def _alphabet_of(rules: Normalisation) -> str:
    if rules.upper and rules.look_alikes:
        return ALPHABET
    letters = string.ascii_uppercase if rules.upper else string.ascii_letters
    return string.digits + letters + EXT_INFO_SIGNS


def _neighbours(text: str, rules: Normalisation) -> Iterator[_Neighbour]:
    alphabet = _alphabet_of(rules)
    for place, found in enumerate(text):
        before, after = text[:place], text[place + 1 :]
        for other in alphabet:
            if other != found:
                alike = _look_alike(found, other)
                yield _Neighbour(text=before + other + after, edit=Edit.CHANGED, place=place + 1, alike=alike)
        edit = Edit.DOUBLED if before[-1:] == found else Edit.ADDED
        yield _Neighbour(text=before + after, edit=edit, place=place + 1)
        if after and after[0] != found:
            yield _Neighbour(text=before + after[0] + found + after[1:], edit=Edit.SWAPPED, place=place + 1)
    for place in range(len(text) + 1):
        for lost in alphabet:
            yield _Neighbour(text=text[:place] + lost + text[place:], edit=Edit.LOST, place=place + 1)
    if not rules.upper:
        for other_case in {text.upper(), text.lower(), text.swapcase()} - {text}:
            yield _Neighbour(text=other_case, edit=Edit.CASE, place=0)


def _look_alike(one: str, other: str) -> bool:
    one, other = one.upper(), other.upper()
    return one == other or any(one in group and other in group for group in _LOOK_ALIKES)
