from __future__ import annotations

import pytest

from scanhook.registry import ALPHABET, Normalisation, check_character, has_right_check
from scanhook.registry.serials import RANDOM_CHARS, SERIAL_CHARS, chance_of_a_hit, new_serials, with_checks


def cut(serials: bytes) -> list[str]:
    text = serials.decode("ascii")
    return [text[start : start + SERIAL_CHARS] for start in range(0, len(text), SERIAL_CHARS)]


@pytest.mark.parametrize(
    ("values", "serial"),
    [
        (bytes(16), "00000000000000000"),
        # The last value alone: its check is twice it in GF(32), as in the check characters' own golden table.
        (bytes(15) + b"\x01", "00000000000000012"),
        (bytes(15) + b"\x10", "000000000000000G5"),
        (bytes(14) + b"\x01\x01", "00000000000000116"),
        # Of each byte only the last five bits count.
        (bytes(14) + b"\xe1\x41", "00000000000000116"),
    ],
)
def test_serials_are_golden(values: bytes, serial: str) -> None:
    assert with_checks(values) == serial.encode()


def test_the_fast_check_is_the_slow_one_for_every_value_at_every_place() -> None:
    values = b"".join(
        bytes(place) + bytes([value]) + bytes(RANDOM_CHARS - place - 1) for place in range(16) for value in range(256)
    )
    made = cut(with_checks(values))
    assert len(made) == 16 * 256
    assert [serial[-1] for serial in made] == [check_character(serial[:-1]) for serial in made]


def test_the_fast_check_is_the_slow_one_for_random_serials() -> None:
    made = cut(new_serials(3000))
    assert len(made) == 3000
    assert [serial for serial in made if not has_right_check(serial)] == []


def test_serials_have_only_characters_of_the_alphabet_and_all_of_them_everywhere() -> None:
    made = cut(new_serials(3000))
    # That one of 32 characters is missing from a column of 3000 has a chance of 17·32·(31/32)³⁰⁰⁰, about 10⁻³⁸.
    assert [{serial[place] for serial in made} == set(ALPHABET) for place in range(SERIAL_CHARS)] == [True] * 17


def test_serials_do_not_come_twice() -> None:
    assert len(set(cut(new_serials(3000))) | set(cut(new_serials(3000)))) == 6000


def test_a_serial_is_its_own_normal_form_under_every_rule() -> None:
    rules = Normalisation.parse("trim,width,upper,look-alikes,check")
    assert [serial for serial in cut(new_serials(100)) if rules.apply(serial) != serial] == []


@pytest.mark.parametrize("length", [1, 15, 17])
def test_half_a_serial_is_none(length: int) -> None:
    with pytest.raises(ValueError, match="16 values each"):
        with_checks(bytes(length))


def test_no_serials_are_none() -> None:
    assert new_serials(0) == b""


@pytest.mark.parametrize(
    ("live", "knows_the_rules", "chance"),
    [
        # 10⁸ / 2⁸⁰ as a serial, and as much again as a tag.
        (10**8, True, 2 * 8.271806125530277e-17),
        # 10⁸ / 2⁸⁵ as a serial, since the check character is guessed too.
        (10**8, False, 2.584939414228212e-18 + 8.271806125530277e-17),
        (0, True, 0.0),
    ],
)
def test_the_chance_that_a_random_code_is_called_genuine(live: int, knows_the_rules: bool, chance: float) -> None:  # noqa: FBT001
    assert chance_of_a_hit(live, knows_the_rules=knows_the_rules) == pytest.approx(chance, rel=1e-9)
