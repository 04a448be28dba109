from __future__ import annotations

import pytest

from scanhook.registry import Normalisation, check_character, has_right_check
from scanhook.registry.guessing import WAYS, guesses


def made(code: str, *others: str, rules: str = "none", seed: int = 1) -> dict[str, str]:
    sample = [code, *others]
    first = list(guesses(sample, Normalisation.parse(rules), seed=seed))
    return {WAYS[way]: guess for way, guess in reversed(first)}


@pytest.mark.parametrize(
    ("code", "more", "less"),
    [
        ("LOT-0041", "LOT-0042", "LOT-0040"),
        ("0999", "1000", "0998"),
        ("AB", "AC", "AA"),
        ("az", "aa", "ay"),
        ("99", None, "98"),
        ("00", "01", None),
        ("A-", None, None),
        ("茅", None, None),
    ],
)
def test_a_forger_counts_up_and_down(code: str, more: str | None, less: str | None) -> None:
    found = made(code)

    assert (found.get("one more"), found.get("one less")) == (more, less)


def test_a_forger_counts_before_a_check_character() -> None:
    found = {made("LOT-0041X", seed=seed)["one more with another check character"] for seed in range(40)}

    assert {guess[:-1] for guess in found} == {"LOT-0042"}
    assert {guess[-1] for guess in found} <= set("LOT-0041X")
    assert len(found) > 4


def test_a_forger_changes_one_character_to_one_that_occurs_there() -> None:
    found = {made("A1", "B1", "A2", seed=seed).get("one character changed") for seed in range(60)}

    assert found - {None} <= {"B1", "A2", "A1", "B2"}
    assert len(found) > 2


def test_a_forger_knows_the_rules_of_the_check_character() -> None:
    code = "6J5T9XQ2" + check_character("6J5T9XQ2")

    found = made(code, rules="upper,check")

    assert found["one more"] == "6J5T9XQ3" + check_character("6J5T9XQ3")
    assert all(has_right_check(guess) and guess != code for guess in found.values())


def test_guesses_are_in_their_normal_form_and_never_the_code_itself() -> None:
    for way, guess in guesses(["AZ", "A1"], Normalisation.parse("look-alikes"), seed=3):
        assert not set(guess) & set("OILoil"), WAYS[way]

    assert all(guess != "77" for seed in range(50) for guess in made("77", seed=seed).values())


def test_the_same_seed_makes_the_same_guesses() -> None:
    assert made("LOT-0041", "LOT-7", seed=5) == made("LOT-0041", "LOT-7", seed=5)
