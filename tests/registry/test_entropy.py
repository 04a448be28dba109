from __future__ import annotations

import random

import pytest

from scanhook.registry.entropy import entropy_bits

CHANCE = random.Random(7)
BASE_32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def random_codes(count: int, alphabet: str, length: int) -> list[str]:
    return ["".join(CHANCE.choices(alphabet, k=length)) for _ in range(count)]


@pytest.mark.parametrize(
    ("sample", "bits", "slack"),
    [
        ([], 0, 0),
        (["A"] * 50, 0, 0),
        (random_codes(6000, BASE_32, 16), 80, 1.5),
        (random_codes(200, BASE_32, 16), 80, 2),
        (random_codes(6000, "01", 30), 30, 0.5),
        ([code + "FIXED" for code in random_codes(500, BASE_32, 4)], 20, 0.5),
        ([code + code for code in random_codes(6000, BASE_32, 4)], 20, 0.5),
        ([code + code[::-1] for code in random_codes(3000, "0123456789", 6)], 19.9, 0.5),
    ],
    ids=["none", "constant", "base 32", "few", "bits", "fixed end", "written twice", "mirrored"],
)
def test_bits_are_estimated(sample: list[str], bits: float, slack: float) -> None:
    assert entropy_bits(sample)[0] == pytest.approx(bits, abs=slack)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 31])
def test_no_more_is_claimed_than_the_sample_supports(count: int) -> None:
    bits, supported = entropy_bits(random_codes(count, BASE_32, 16))

    assert bits <= supported
    assert supported <= 16 * (count).bit_length()


def test_codes_of_the_most_common_length_are_looked_at() -> None:
    assert entropy_bits(["0", "1", "11111111"])[0] == pytest.approx(1, abs=0.01)
