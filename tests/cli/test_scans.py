from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from scanhook.settings import House
from tests.cli.conftest import AT, Scanner, run
from tests.conftest import OPENID
from tests.serving import environment

COLUMNS = [
    "number",
    "received_at",
    "account",
    "keystandard",
    "keystr",
    "verdict",
    "reason",
    "verifier",
    "batch",
    "position",
    "extinfo",
    "code",
    "person",
]


@pytest.fixture
def _in_shanghai(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def lines_of(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_journal_without_scans_says_so(shop: House) -> None:
    result = run("scans", "tail")
    assert (result.stdout, result.stderr) == ("", "There is no scan yet.\n")
    result = run("scans", "tail", "--json")
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.usefixtures("_in_shanghai")
def test_the_newest_scans_are_shown_in_their_order_in_local_time(scanner: Scanner) -> None:
    scanner.scan("GENUINE0001", "PRINTED0003", "COPIED99999", "")
    shown = [line.split() for line in run("scans", "tail").stdout.splitlines()]
    assert shown == [
        ["2026-11-22", "10:00:00", "real", "active", "qrcode/moment-frame", "autumn", "#1"],
        ["2026-11-22", "10:00:01", "not_active", "not_active", "qrcode/moment-frame", "winter", "#1"],
        ["2026-11-22", "10:00:02", "fake", "unknown_code", "qrcode/moment-frame"],
        ["2026-11-22", "10:00:03", "success", "no_code", "qrcode/moment-frame"],
    ]
    assert len(run("scans", "tail", "-n", "1").stdout.splitlines()) == 1
    assert run("scans", "tail", "-n", "0").stdout == ""


def test_programs_read_scans_as_json_lines(scanner: Scanner) -> None:
    scanner.scan("GENUINE0001", "COPIED99999")
    first, second = lines_of(run("scans", "tail", "--json").stdout)
    assert list(first) == COLUMNS
    assert {name: first[name] for name in COLUMNS[:11]} == {
        "number": 1,
        "received_at": "2026-11-22T02:00:00.000+00:00",
        "account": "main",
        "keystandard": "qrcode",
        "keystr": "moment-frame",
        "verdict": "real",
        "reason": "active",
        "verifier": "registry",
        "batch": "autumn",
        "position": 1,
        "extinfo": None,
    }
    assert (second["verdict"], second["extinfo"]) == ("fake", "COPIED99999")
    assert first["person"] == second["person"]
    assert len(str(first["person"])) == 32
    assert OPENID not in str(first)


def test_a_name_with_brackets_is_shown_whole(scanner: Scanner) -> None:
    scanner.scan("X", KeyStr="frame[a][/]")
    assert "qrcode/frame[a][/]" in run("scans", "tail").stdout


def test_scans_are_exported_for_a_spreadsheet(scanner: Scanner, tmp_path: Path) -> None:
    scanner.scan("GENUINE0001", '=HYPERLINK("http://x")', "+1", "-1", "@x", "a,b\nc")
    result = run("scans", "export", tmp_path / "scans.csv")
    assert (result.stdout, result.stderr) == ("", "6 scans are written.\n")
    raw = (tmp_path / "scans.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfnumber,received_at,")
    header, first, *others = list(csv.reader(StringIO(raw.decode("utf-8-sig"), newline="")))
    assert header == COLUMNS
    assert first[1:11] == [
        "2026-11-22T02:00:00.000+00:00",
        "main",
        "qrcode",
        "moment-frame",
        "real",
        "active",
        "registry",
        "autumn",
        "1",
        "",
    ]
    assert [row[10] for row in others] == ['\'=HYPERLINK("http://x")', "'+1", "'-1", "'@x", "a,b\nc"]


@pytest.mark.parametrize(
    ("name", "option", "format_"),
    [
        ("scans.jsonl", (), "jsonl"),
        ("scans.txt", ("--format", "jsonl"), "jsonl"),
        ("scans.jsonl", ("--format", "csv"), "csv"),
        ("scans.txt", (), "csv"),
    ],
)
def test_the_format_is_the_one_given_or_the_files_own(
    scanner: Scanner, tmp_path: Path, name: str, option: tuple[str, ...], format_: str
) -> None:
    scanner.scan("COPIED品")
    run("scans", "export", tmp_path / name, *option)
    text = (tmp_path / name).read_text(encoding="utf-8")
    if format_ == "csv":
        assert text.startswith("\ufeffnumber,")
    else:
        assert lines_of(text)[0]["extinfo"] == "COPIED品"
        assert "COPIED品" in text


def test_scans_go_to_standard_output_unless_a_file_is_named(scanner: Scanner) -> None:
    scanner.scan("GENUINE0001", "GENUINE0002")
    result = run("scans", "export", "--format", "jsonl")
    assert [line["position"] for line in lines_of(result.stdout)] == [1, 2]
    assert result.stderr == "2 scans are written.\n"
    assert run("scans", "export").stdout.startswith("\ufeffnumber,")


@pytest.mark.usefixtures("_in_shanghai")
@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ((), [1, 2, 3]),
        (("--since", "2026-11-22T02:00:01+00:00"), [2, 3]),
        (("--since", "2026-11-22T10:00:01+08:00"), [2, 3]),
        (("--since", "2026-11-22T10:00:01"), [2, 3]),
        (("--until", "2026-11-22T02:00:02Z"), [1, 2]),
        (("--since", "2026-11-22T02:00:01Z", "--until", "2026-11-22T02:00:02Z"), [2]),
        (("--since", "2026-11-22"), [1, 2, 3]),
        (("--since", "2026-11-23"), []),
        (("--until", "2026-11-22"), []),
    ],
)
def test_scans_are_exported_from_one_time_to_another(
    scanner: Scanner, options: tuple[str, ...], numbers: list[int]
) -> None:
    scanner.scan("GENUINE0001", "GENUINE0002", "PRINTED0003")
    exported = lines_of(run("scans", "export", "--format", "jsonl", *options).stdout)
    assert [line["number"] for line in exported] == numbers


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_what_is_no_time_is_a_usage_error(shop: House, option: str) -> None:
    said = run("scans", "export", option, "yesterday", code=2).stderr
    assert "`yesterday` is no time: write 2026-11-22 or 2026-11-22T08:00:00+08:00" in said


def test_a_file_that_cannot_be_written_is_refused(scanner: Scanner, tmp_path: Path) -> None:
    result = run("scans", "export", tmp_path / "nowhere" / "scans.csv", code=1)
    assert result.stderr == f"error: {tmp_path}/nowhere/scans.csv cannot be written: No such file or directory\n"


def test_scans_are_followed_as_they_come(scanner: Scanner, tmp_path: Path) -> None:
    scanner.scan("GENUINE0001")
    command = [sys.executable, "-m", "scanhook", "scans", "tail", "--follow", "--json", "-n", "1"]
    command += ["--config", str(scanner.house.path)]
    variables = environment(tmp_path / "home")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as following:
        assert following.stdout is not None
        shown = [json.loads(following.stdout.readline())]
        scanner.scan("PRINTED0003", "COPIED99999", at=AT + 9)
        shown += [json.loads(following.stdout.readline()) for _ in range(2)]
        following.terminate()
    assert [(line["number"], line["verdict"]) for line in shown] == [(1, "real"), (2, "not_active"), (3, "fake")]
