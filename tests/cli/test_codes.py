from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scanhook.settings import House
from tests.cli.conftest import AT, Scanner, run, run_json

GOOD = """\
keystandard,keystr,extinfo,status
qrcode,moment-frame,GENUINE0001,active
qrcode,moment-frame,GENUINE0002,active
qrcode,moment-frame,PRINTED0003,inactive
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a code file that is good."""
    path = tmp_path / "spring.csv"
    path.write_text(GOOD)
    return path


def checked(code: str, *more: str) -> dict[str, Any]:
    described: dict[str, Any] = run_json("codes", "check", code, *more)
    return described


@pytest.mark.parametrize(
    ("code", "verdict", "reason", "place"),
    [
        ("qrcode/moment-frame/GENUINE0002", "real", "active", ("autumn", 2, "active")),
        ("qrcode/moment-frame/ GENUINE0002 ", "real", "active", ("autumn", 2, "active")),
        ("qrcode/moment-frame/PRINTED0003", "not_active", "not_active", ("winter", 1, "issued")),
        ("qrcode/moment-frame/COPIED99999", "fake", "unknown_code", (None, None, None)),
        ("qrcode/moment-frame/a/b", "fake", "unknown_code", (None, None, None)),
        ("qrcode/moment-frame", "success", "no_code", (None, None, None)),
        ("qrcode/moment-frame/", "success", "no_code", (None, None, None)),
        ("ean13/6901481811083/X", "success", "unknown_product", (None, None, None)),
    ],
)
def test_a_code_is_looked_up(
    stocked: House, code: str, verdict: str, reason: str, place: tuple[str | None, int | None, str | None]
) -> None:
    batch, position, state = place
    assert checked(code) == {
        "account": "main",
        "verdict": verdict,
        "reason": reason,
        "batch": batch,
        "position": position,
        "state": state,
        "scans": 0,
        "persons": 0,
        "first_scan": None,
        "last_scan": None,
        "counts_reset": None,
        "nearest": None,
        "changes": [],
    }


@pytest.mark.parametrize("code", ["GENUINE0001", "COPIED99999"])
def test_a_code_is_shown_with_its_scans(scanner: Scanner, code: str) -> None:
    scanner.scan(code, code, at=AT)
    scanner.scan(code, at=AT + 3600, FromUserName="oSomebodyElse")
    described = checked(f"qrcode/moment-frame/{code}")
    assert {name: described[name] for name in ("scans", "persons", "first_scan", "last_scan")} == {
        "scans": 3,
        "persons": 2,
        "first_scan": "2026-11-22T02:00:00+00:00",
        "last_scan": "2026-11-22T03:00:00+00:00",
    }


def test_a_code_of_an_unknown_product_is_counted_too(scanner: Scanner) -> None:
    scanner.scan("X", at=AT, KeyStr="nobody-knows")
    assert checked("qrcode/nobody-knows/X")["scans"] == 1


def test_people_see_a_code_as_a_table(scanner: Scanner) -> None:
    scanner.scan("GENUINE0001", at=AT)
    cells = [
        line.replace("│", " ").split()
        for line in run("codes", "check", "qrcode/moment-frame/GENUINE0001").stdout.splitlines()
    ]
    for row in (["verdict", "real"], ["batch", "autumn"], ["position", "1"], ["scans", "1"]):
        assert row in cells


@pytest.mark.parametrize("code", ["GENUINE0001", "qrcode", "/x/y", "qrcode//x", ""])
def test_what_is_no_name_of_a_code_is_a_usage_error(code: str) -> None:
    said = run("codes", "check", code, code=2).stderr
    assert "write KEYSTANDARD/KEYSTR/EXTINFO, such as qrcode/moment-frame/A1B2C3" in said


def test_codes_are_counted_by_batch_and_state(stocked: House) -> None:
    rows = [line.replace("│", " ").split() for line in run("codes", "stats").stdout.splitlines()]
    assert ["main", "qrcode", "moment-frame", "autumn", "2", "0", "2"] in rows
    assert ["main", "qrcode", "moment-frame", "winter", "0", "1", "1"] in rows


def test_a_registry_without_codes_says_how_to_get_some() -> None:
    assert run("codes", "stats").stdout == (
        "There are no codes yet: import some with `scanhook codes import FILE.csv`.\n"
    )


@pytest.mark.parametrize("batch", ["autumn[a]", "[/]", "[red]"])
def test_a_batch_with_brackets_is_shown_whole(file: Path, batch: str) -> None:
    said = run("codes", "import", file, "--batch", batch).stdout
    assert f" {batch} " in said
    assert f" {batch} " in run("codes", "stats").stdout
    assert f" {batch} " in run("codes", "check", "qrcode/moment-frame/GENUINE0001").stdout
