from __future__ import annotations

import gzip
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
MIXED = GOOD + "qrcode,moment-frame,DAMAGED0004,broken\nqrcode,moment-frame,GENUINE0001,active\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a code file that is good."""
    path = tmp_path / "spring.csv"
    path.write_text(GOOD)
    return path


def checked(code: str, *more: str) -> dict[str, Any]:
    described: dict[str, Any] = run_json("codes", "check", code, *more)
    return described


def test_a_code_file_is_imported(file: Path) -> None:
    said = run("codes", "import", file)
    assert said.stdout.startswith("3 codes are imported in ")
    cells = [line.replace("│", " ").split() for line in said.stdout.splitlines()]
    assert ["qrcode", "moment-frame", "spring", "active", "2"] in cells
    assert ["qrcode", "moment-frame", "spring", "issued", "1"] in cells
    assert checked("qrcode/moment-frame/GENUINE0001")["verdict"] == "real"


def test_programs_read_what_was_imported(file: Path) -> None:
    result = run("codes", "import", file, "--json", "--batch", "first")
    assert result.stderr == ""
    assert run_json("codes", "stats") == [
        {
            "account": "main",
            "keystandard": "qrcode",
            "keystr": "moment-frame",
            "batch": "first",
            "active": 2,
            "issued": 1,
        }
    ]


def test_the_report_of_an_import_is_json(file: Path) -> None:
    product = {"keystandard": "qrcode", "keystr": "moment-frame", "batch": "spring"}
    assert run_json("codes", "import", file) == {
        "finished": True,
        "codes": 3,
        "refused": 0,
        "rejects": None,
        "batches": [{**product, "state": "active", "codes": 2}, {**product, "state": "issued", "codes": 1}],
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("codes.csv.gz", gzip.compress(GOOD.encode())),
        ("codes.csv", GOOD.replace("moment-frame", "相框").encode("gbk")),
        ("codes.csv", b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()),
    ],
    ids=["gzipped", "GBK", "from a spreadsheet"],
)
def test_a_code_file_comes_as_brands_have_it(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    report = run_json("codes", "import", tmp_path / name)
    assert (report["finished"], report["codes"], report["batches"][0]["batch"]) == (True, 3, "codes")


def test_one_refused_line_refuses_the_file(file: Path) -> None:
    file.write_text(MIXED)
    result = run("codes", "import", file, code=1)
    assert result.stdout == ""
    assert f"2 lines are refused; {file}.rejects.csv says which and why." in result.stderr
    assert f"error: nothing of {file} was imported: mend the refused lines, or take the others" in result.stderr
    assert Path(f"{file}.rejects.csv").read_text().splitlines() == [
        "line,reason",
        "5,its status is neither `active` nor `inactive`",
        "6,its code stands in line 2 already",
    ]
    assert run_json("codes", "stats") == []
    assert run_json("products", "list") == []


def test_programs_read_a_refusal_too(file: Path, tmp_path: Path) -> None:
    file.write_text(MIXED)
    report = run_json("codes", "import", file, "--rejects", tmp_path / "bad.csv", code=1)
    assert report == {
        "finished": False,
        "codes": 0,
        "refused": 2,
        "rejects": str(tmp_path / "bad.csv"),
        "batches": [],
    }


def test_the_good_lines_are_taken_if_one_says_so(file: Path) -> None:
    file.write_text(MIXED)
    result = run("codes", "import", file, "--skip-bad")
    assert result.stdout.startswith("3 codes are imported")
    assert "2 lines are refused" in result.stderr
    assert checked("qrcode/moment-frame/DAMAGED0004")["verdict"] == "fake"


def test_a_code_is_registered_once(file: Path) -> None:
    run("codes", "import", file)
    report = run_json("codes", "import", file, code=1)
    assert (report["finished"], report["refused"]) == (False, 3)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "line 1: the header must be `keystandard,keystr,extinfo,status`, with `,batch` behind it or not"),
        ("code\nA\n", "line 1: the header must be `keystandard,keystr,extinfo,status`"),
        ("keystandard,keystr,extinfo,status\n", "holds no code below its header"),
    ],
)
def test_what_is_no_code_file_is_refused(file: Path, content: str, sentence: str) -> None:
    file.write_text(content)
    result = run("codes", "import", file, code=1)
    assert result.stderr.splitlines()[-1].startswith(f"error: {file}")
    assert sentence in result.stderr


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    assert "does not exist" in run("codes", "import", tmp_path / "gone.csv", code=2).stderr


def test_codes_are_imported_for_another_account(shop: House, file: Path) -> None:
    text = shop.path.read_text()
    table = text[text.index("[accounts.main]") : text.index("[verifier]")]
    shop.path.write_text(text + table.replace("accounts.main", "accounts.second"))
    run("codes", "import", file, "--account", "second")
    assert checked("qrcode/moment-frame/GENUINE0001")["reason"] == "unknown_product"
    assert checked("qrcode/moment-frame/GENUINE0001", "--account", "second")["reason"] == "active"
    said = run("codes", "import", file, "--account", "third", code=1).stderr
    assert "error: the settings have no account `third`; they have main, second\n" in said


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
