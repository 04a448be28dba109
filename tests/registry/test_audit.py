from __future__ import annotations

import random
from pathlib import Path

import pytest

from scanhook.registry import ALPHABET, import_codes
from scanhook.registry.audit import Audit, follows, observe, sampled
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.storage import Pepper
from tests.registry.codes import code_file, ean_lines

CHANCE = random.Random(20261122)


def random_codes(count: int, *, alphabet: str = ALPHABET, length: int = 16) -> list[str]:
    return ["".join(CHANCE.choices(alphabet, k=length)) for _ in range(count)]


def shuffled(codes: list[str]) -> list[str]:
    return CHANCE.sample(codes, len(codes))


RUNNING = [f"LOT7-{number:08}" for number in range(4_200_000, 4_203_000)]
SPARSE = [f"LOT7-{number * 37:08}" for number in range(3000)]


def audit_of(store: SqliteRegistry, path: Path, pepper: Pepper, codes: list[str]) -> dict[str, object]:
    report = import_codes(store, code_file(path, *ean_lines(*codes)), pepper=pepper, account="main", dry_run=True)
    return dict(report.audit)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (random_codes(3000), []),
        (random_codes(3000, length=17), []),
        (random_codes(120), []),
        (random_codes(30), []),
        (random_codes(3000, alphabet="0123456789", length=25), []),
        (random_codes(3000, length=10), ["about 50 random bits, and a service that anybody can ask needs 80"]),
        (random_codes(3000, alphabet="0123456789", length=6), ["the codes can be guessed", "random bits"]),
        (RUNNING, ["are running numbers (100.0% of", "one in 1 is a genuine code", "about 1"]),
        (shuffled(RUNNING), ["the codes can be guessed", "random bits"]),
        ([f"{code}{CHANCE.choice(ALPHABET)}" for code in RUNNING], ["are running numbers", "can be guessed", "random"]),
        (shuffled([f"{code}{CHANCE.choice('0123456789')}" for code in RUNNING]), ["can be guessed", "random bits"]),
        (shuffled(SPARSE), ["the codes can be guessed", "random bits"]),
        (
            [f"{number:X}" for number in range(0xA000000, 0xA000000 + 3000)],
            ["running numbers", "guessed", "random bits"],
        ),
    ],
    ids=[
        "random",
        "random with a check character",
        "few random",
        "very few random",
        "random digits",
        "short",
        "very short",
        "running",
        "running, shuffled",
        "running with a check character",
        "running with a check digit, shuffled",
        "every 37th",
        "hexadecimal",
    ],
)
def test_staff_are_warned_of_codes_that_can_be_guessed(
    store: SqliteRegistry, tmp_path: Path, pepper: Pepper, codes: list[str], words: list[str]
) -> None:
    audit = audit_of(store, tmp_path / "codes.csv", pepper, codes)

    warnings = audit["warnings"]
    assert isinstance(warnings, list)
    assert len(warnings) == len(words), warnings
    for warning, word in zip(warnings, words, strict=True):
        assert word in warning
        assert "`scanhook codes mint`" in warning


def test_staff_are_warned_of_what_a_spreadsheet_has_shortened(
    store: SqliteRegistry, tmp_path: Path, pepper: Pepper
) -> None:
    audit = audit_of(store, tmp_path / "codes.csv", pepper, ["6.90E+12"])

    assert audit["warnings"] == [
        "codes hold characters that WeChat's extinfo does not allow (+), so no scan can bring them: "
        "did a spreadsheet shorten numbers to something like 6.90E+12?"
    ]


def test_an_audit_says_what_the_file_is_like(store: SqliteRegistry, tmp_path: Path, pepper: Pepper) -> None:
    audit = audit_of(store, tmp_path / "codes.csv", pepper, ["AB", "A1", "AC", "AB", "A12", "茅B"])

    assert (audit["lines"], audit["codes"], audit["doubles"], audit["registered"]) == (6, 5, 1, 0)
    assert audit["lengths"] == {"min": 2, "max": 3, "counts": {"2": 5, "3": 1}}
    assert audit["alphabet"] == "12ABC茅"
    assert audit["sample"] == 6


def test_an_audit_shows_no_code() -> None:
    seen, audit = observe(["SECRET-1", "SECRET-2"], wanted=10), Audit()
    audit.add(seen)

    assert "SECRET" not in repr(seen) + repr(audit)
    assert "SECRET" not in str(audit.report())


@pytest.mark.parametrize(
    ("first", "second", "one_after_the_other"),
    [
        ("A1", "A2", True),
        ("A2", "A1", True),
        ("A19", "A20", True),
        ("0999", "1000", True),
        ("A1", "A3", False),
        ("A11", "B11", False),
        ("A1", "A1", False),
        ("A1", "A10", False),
        ("1F", "20", True),
        ("AZ", "B0", True),
        ("A1X", "A2K", True),
        ("6J5T9XQ2", "K1TB44Z0", False),
        ("茅1", "茅2", True),
        ("茅", "台", False),
        ("", "", False),
    ],
)
def test_neighbouring_numbers_are_known(first: str, second: str, *, one_after_the_other: bool) -> None:
    assert follows(first, second) is one_after_the_other


@pytest.mark.parametrize(
    ("count", "wanted", "codes", "stretches"), [(5, 1, 5, 1), (100, 100, 100, 1), (1000, 50, 50, 5)]
)
def test_a_sample_is_spread_in_stretches(count: int, wanted: int, codes: int, stretches: int) -> None:
    everything = [str(number) for number in range(count)]

    chosen = sampled(everything, wanted)

    assert (sum(map(len, chosen)), len(chosen)) == (codes, stretches)
    assert all(int(stretch[-1]) - int(stretch[0]) == len(stretch) - 1 for stretch in chosen)
