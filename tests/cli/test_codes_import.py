from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from scanhook.errors import StorageError
from scanhook.registry import import_codes
from scanhook.registry.workfolder import WorkFolder
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
    report = run_json("codes", "import", file, "--batch", "again", code=1)
    assert (report["finished"], report["refused"]) == (False, 3)


def test_a_file_that_was_imported_is_known_again(file: Path) -> None:
    run("codes", "import", file)
    said = run("codes", "import", file, code=1).stderr
    assert said.splitlines()[-1] == (
        "error: this file was imported already, as import 1: see `scanhook imports show 1`"
    )
    assert [each["import"] for each in run_json("imports", "list")] == [1]


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"\xb9\xfa.csv")
    file.write_text(MIXED)
    report = run_json("codes", "import", file, code=1)
    assert report["rejects"] == f"{tmp_path}/\ufffd\ufffd.csv.rejects.csv"
    said = run("codes", "import", file, "--skip-bad")
    assert "\ufffd\ufffd" in said.stdout
    assert run_json("imports", "show", "2")["file"] == "\ufffd\ufffd.csv"


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
    assert "warning: the codes can be guessed: of a forger's best guesses (one more), one in " in said.stderr
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

    with monkeypatch.context() as patched:
        patched.setattr("scanhook.registry.importing.load_stacks", _broken)
        said = run("codes", "import", file, code=1)
    assert "going on with import 1, 0% were loaded\n" in said.stderr
    said = run("codes", "import", file)
    assert said.stderr.count("going on with import 1, 0% were loaded\n") == 1
    assert said.stdout.startswith("3 codes are imported in ")


def test_another_file_of_the_name_of_a_stopped_one_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("scanhook.registry.importing.load_stacks", _broken)
        run("codes", "import", file, code=1)
    file.write_text(GOOD.replace("GENUINE", "SPRING"))
    said = run("codes", "import", file)
    assert "The import 1 of another file of this name is not finished: go on with it by importing that" in said.stderr
    assert [each["phase"] for each in run_json("imports", "list")] == ["done", "loading"]


def _broken(*_: object, **__: object) -> None:
    raise StorageError("the disk is full")


@pytest.mark.parametrize("where", ["registry.workfolder.WorkFolder.remove", "cli.codes_import.import_codes"])
def test_ctrl_c_when_all_is_visible_says_so(file: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def stop(*arguments: Any, **options: Any) -> None:
        if where.endswith("import_codes"):
            import_codes(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"scanhook.{where}", stop)
        patched.setattr("scanhook.registry.workfolder.WorkFolder.create", _created)
        said = run("codes", "import", file, code=1).stderr
    assert (
        f"error: stopped, but all of {file} is visible already, as import 1: there is nothing to go on with\n" in said
    )
    assert checked("qrcode/moment-frame/GENUINE0001")["verdict"] == "real"


def _created(storage: Path, name: str, *, stacks: int) -> WorkFolder:
    work = WorkFolder(path=storage / name, stacks=stacks)
    work.path.mkdir()
    return work


def test_ctrl_c_says_how_to_go_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("scanhook.registry.importing.load_stacks", stop)
    said = run("codes", "import", file, code=1).stderr
    assert f"error: stopped: nothing of {file} is visible; run the same command again to go on\n" in said
