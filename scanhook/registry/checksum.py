"""The check character: catches every single slip and every swap of neighbours in a minted code.

A code's characters are taken as elements of GF(32), the field with 32 elements, and weighted by the powers of its
generator. A weight is never 0 and differs from its neighbour's, so one changed character and one swap of two different
neighbours each change the sum (up to 31 characters, where the weights begin again).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

__all__ = ["ALPHABET", "CHECKED_CHARS_MAX", "check_character", "has_right_check", "right_checks"]

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, which are read as others."""

CHECKED_CHARS_MAX = 30
_POLYNOMIAL = 0b100101  # x⁵ + x² + 1, primitive: x generates all 31 elements that are not 0
_VALUES = {character: value for value, character in enumerate(ALPHABET)}


def _times_x(element: int) -> int:
    doubled = element << 1
    return doubled ^ _POLYNOMIAL if doubled & 0b100000 else doubled


def _times(element: int, factor: int) -> int:
    product = 0
    while factor:
        if factor & 1:
            product ^= element
        element, factor = _times_x(element), factor >> 1
    return product


def _powers_of_x() -> list[int]:
    powers = [1]
    while len(powers) < 31:
        powers.append(_times_x(powers[-1]))
    return powers


_WEIGHTS = _powers_of_x()


def check_character(body: str) -> str:
    """Return the character that makes the weighted sum of ``body`` and itself zero.

    :param body: 1 to 30 characters of ``ALPHABET``.
    :raises ValueError: when it is anything else. The message does not repeat it.
    """
    if not 0 < len(body) <= CHECKED_CHARS_MAX or not all(character in _VALUES for character in body):
        raise ValueError(f"a checked code is 1 to {CHECKED_CHARS_MAX} characters of the base-32 alphabet")
    total = 0
    # The check character has the weight 1, its left neighbour the next, and so on.
    for weight, character in zip(_WEIGHTS[1:], reversed(body), strict=False):
        total ^= _times(_VALUES[character], weight)
    return ALPHABET[total]


def has_right_check(code: str) -> bool:
    """Tell whether a code's last character is the check character of those before it."""
    body, last = code[:-1], code[-1:]
    try:
        return check_character(body) == last
    except ValueError:
        return False


def right_checks(codes: Sequence[str]) -> list[bool]:
    """Return what :func:`has_right_check` returns for each of many codes; far faster where all are equally long."""
    length = len(codes[0]) if codes else 0
    text = "".join(codes)
    if (
        not 2 <= length <= CHECKED_CHARS_MAX + 1
        or set(map(len, codes)) != {length}
        or not text.isascii()
        or text.encode("ascii").translate(None, ALPHABET.encode("ascii"))
    ):
        return [has_right_check(code) for code in codes]
    sums, columns = 0, text.encode("ascii")
    for place in range(length):
        sums ^= int.from_bytes(columns[place::length].translate(_terms(length - 1 - place)), "big")
    return [not total for total in sums.to_bytes(len(codes), "big")]


@cache
def _terms(power: int) -> bytes:
    """Return what each character adds to the sum, where its weight is that power of the generator."""
    terms = bytearray(256)
    for character, value in _VALUES.items():
        terms[ord(character)] = _times(value, _WEIGHTS[power])
    return bytes(terms)
