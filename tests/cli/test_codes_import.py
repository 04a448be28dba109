from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from scanhook.settings import House
from tests.cli.conftest import run, run_json

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
    report = run_json("codes", "import", file)
    audit = report.pop("audit")
    assert report == {
        "finished": True,
        "dry_run": False,
        "import": 1,
        "went_on_at": None,
        "codes": 3,
        "refused": 0,
        "rejects": None,
        "batches": [{**product, "state": "active", "codes": 2}, {**product, "state": "issued", "codes": 1}],
    }
    assert (audit["lines"], audit["lengths"]) == (3, {"min": 11, "max": 11, "counts": {"11": 3}})
    assert audit == run_json("imports", "show", "1")["report"]


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
    del report["audit"]
    assert report == {
        "finished": False,
        "dry_run": False,
        "import": 1,
        "went_on_at": None,
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


def test_codes_that_can_be_guessed_are_warned_of(file: Path) -> None:
    said = run("codes", "import", file)
    assert "warning: the codes can be guessed: of a forger's guesses, one in " in said.stderr
    assert (
        "the law allows at most one in 10,000: mint codes that nobody can guess with `scanhook codes mint`"
        in said.stderr
    )
    assert ["running", "numbers", "100.0%"] in [line.replace("│", " ").split() for line in said.stdout.splitlines()]


@pytest.mark.parametrize(("content", "code"), [(GOOD, 0), (MIXED, 1)])
def test_a_dry_run_says_what_would_come_of_it(file: Path, content: str, code: int) -> None:
    file.write_text(content)
    said = run("codes", "import", file, "--dry-run", code=code)
    assert said.stdout.startswith("3 codes would be imported; nothing was stored:")
    assert run_json("codes", "stats") == []
    assert run_json("imports", "list") == []


def test_a_dry_run_with_skip_bad_passes(file: Path) -> None:
    file.write_text(MIXED)
    report = run_json("codes", "import", file, "--dry-run", "--skip-bad")
    assert (report["dry_run"], report["finished"], report["codes"], report["refused"]) == (True, False, 3, 2)


def test_the_history_keeps_who_and_why(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "lin")
    run("codes", "import", file, "--why", "delivery of May")
    shown = run_json("imports", "show", "1")
    assert (shown["who"], shown["why"], shown["change"]) == ("lin", "delivery of May", 1)


def test_an_import_that_was_stopped_says_where_it_goes_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("scanhook.registry.importing.load_stacks", stop)
        with pytest.raises(RuntimeError):
            run("codes", "import", file)
    assert run_json("imports", "list")[0]["phase"] == "loading"

    said = run("codes", "import", file)
    assert "going on with import 1, 0% were loaded\n" in said.stderr
    assert said.stdout.startswith("3 codes are imported in ")


def test_ctrl_c_says_how_to_go_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("scanhook.registry.importing.load_stacks", stop)
    said = run("codes", "import", file, code=1).stderr
    assert f"error: stopped: nothing of {file} is visible; run the same command again to go on\n" in said
