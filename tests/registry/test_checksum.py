from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanhook.registry import ALPHABET, check_character, has_right_check
from scanhook.registry.checksum import CHECKED_CHARS_MAX, right_checks
from tests.fuzz.strategies import fuzzed

CODE_CHARS = 17
"""80 random bits in 16 characters, and the check character."""


def test_the_alphabet_is_crockfords() -> None:
    assert ALPHABET == "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def sum_of(code: str) -> int:
    """Return the weighted sum of a code of 17 characters; only codes with the sum 0 are right.

    ``check_character`` gives the sum of what stands before it, so the sum of all is that, changed by the last.
    """
    return ALPHABET.index(check_character(code[:-1])) ^ ALPHABET.index(code[-1])


# Column i of this table: what each element of the field adds to the sum when it stands at place i of the code. The
# table is taken from the code under test one character at a time; that sums are made of it is proven next.
TERMS = [
    [sum_of("0" * place + character + "0" * (CODE_CHARS - place - 1)) for character in ALPHABET]
    for place in range(CODE_CHARS)
]


def test_a_sum_is_the_sum_of_its_terms_for_every_pair_of_neighbours() -> None:
    for (first, left), (second, right) in pairwise(enumerate(TERMS)):
        for a in range(32):
            for b in range(32):
                code = ["0"] * CODE_CHARS
                code[first], code[second] = ALPHABET[a], ALPHABET[b]
                assert sum_of("".join(code)) == left[a] ^ right[b]


@fuzzed(100)
@given(st.text(alphabet=ALPHABET, min_size=CODE_CHARS, max_size=CODE_CHARS))
def test_a_sum_is_the_sum_of_its_terms_for_any_code(code: str) -> None:
    total = 0
    for terms, character in zip(TERMS, code, strict=True):
        total ^= terms[ALPHABET.index(character)]

    assert sum_of(code) == total
    assert has_right_check(code) == (total == 0)


def test_every_single_slip_is_caught() -> None:
    # The sum changes by the difference of two terms of one place, which is never 0: all 32 terms differ.
    for terms in TERMS:
        assert sorted(terms) == list(range(32))


def test_every_swap_of_two_different_neighbours_is_caught() -> None:
    # Swapping a and b changes the sum by (left[a] ^ right[b]) ^ (left[b] ^ right[a]).
    for left, right in pairwise(TERMS):
        for a, b in combinations(range(32), 2):
            assert left[a] ^ right[b] ^ left[b] ^ right[a]


def test_every_swap_of_two_different_characters_anywhere_is_caught() -> None:
    for left, right in combinations(TERMS, 2):
        for a, b in combinations(range(32), 2):
            assert left[a] ^ right[b] ^ left[b] ^ right[a]


@pytest.mark.parametrize(
    ("body", "check"),
    # Worked out apart from scanhook, in GF(32) with x⁵ = x² + 1: the check is 2·a₁ + 4·a₂ + 8·a₃ …, counted from the
    # right, where "1" is 1, "2" is x, "4" is x².
    [
        ("0", "0"),
        ("1", "2"),
        ("2", "4"),
        ("10", "4"),
        ("100", "8"),
        ("G", "5"),
        ("1000", "G"),
        ("10000", "5"),
        ("11", "6"),
    ],
)
def test_check_characters_are_golden(body: str, check: str) -> None:
    assert check_character(body) == check
    assert has_right_check(body + check)


def test_a_long_code_has_weights_that_do_not_repeat() -> None:
    checks = {check_character("0" * place + "1" + "0" * (29 - place)) for place in range(30)}

    assert len(checks) == CHECKED_CHARS_MAX


@pytest.mark.parametrize("body", ["", "0" * 31, "O", "I", "L", "U", "a", "0 1", "０", "茅"])
def test_what_cannot_be_checked_is_refused_without_showing_it(body: str) -> None:
    with pytest.raises(ValueError, match=r"^a checked code is 1 to 30 characters of the base-32 alphabet$"):
        check_character(body)


@pytest.mark.parametrize("code", ["", "0", "O0", "0O", "l1", "0" * 32, "00 ", "茅台"])
def test_what_cannot_be_checked_has_no_right_check(code: str) -> None:
    assert not has_right_check(code)


@pytest.mark.parametrize(
    "bodies",
    [
        [],
        ["6J5T9XQ2"],
        ["6J5T9XQ2", "6J5T9XQ3", "00000000", "ZZZZZZZZ"],
        ["6J5T9XQ2", "6J5"],
        ["0" * 30, "Z" * 30],
        ["A", "B"],
    ],
    ids=str,
)
def test_many_codes_are_checked_as_each_would_be(bodies: list[str]) -> None:
    right = [body + check_character(body) for body in bodies]
    wrong = [code[:-1] + ("1" if code[-1] == "0" else "0") for code in right]
    mixed = [code for pair in zip(right, wrong, strict=True) for code in pair]

    assert right_checks(right) == [True] * len(right)
    assert right_checks(wrong) == [False] * len(wrong)
    assert right_checks(mixed) == [True, False] * len(right)


@pytest.mark.parametrize("codes", [["", ""], ["0"], ["茅0"], ["a0", "00"], ["0" * 32], ["IL", "00"]])
def test_codes_beyond_the_rules_are_checked_as_each_would_be(codes: list[str]) -> None:
    assert right_checks(codes) == [has_right_check(code) for code in codes]
