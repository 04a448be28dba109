from __future__ import annotations

import csv
import json
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner

from scanhook.cli import main
from scanhook.settings import House
from tests.cli.conftest import AT, Scanner, run, run_json
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
    "source",
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
    assert first["source"] is None
    assert OPENID not in str(first)


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (("--product", "qrcode/moment-frame"), [1, 2, 3, 4]),
        (("--product", "qrcode/other"), [5]),
        (("--product", "ean13/moment-frame"), []),
        (("--batch", "autumn"), [1, 2]),
        (("--reason", "unknown_code"), [4]),
        (("--verdict", "success"), [5]),
        (("--verdict", "real", "--batch", "autumn"), [1, 2]),
        (("--verdict", "fake", "--batch", "autumn"), []),
    ],
)
def test_scans_are_chosen_by_product_batch_reason_and_verdict(
    scanner: Scanner, options: tuple[str, ...], numbers: list[int]
) -> None:
    scanner.scan("GENUINE0001", "GENUINE0002", "PRINTED0003", "COPIED99999")
    scanner.scan("X", KeyStr="other", at=AT + 9)
    shown = lines_of(run("scans", "tail", "--json", *options).stdout)
    exported = lines_of(run("scans", "export", "--format", "jsonl", *options).stdout)
    assert [line["number"] for line in shown] == [line["number"] for line in exported] == numbers


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--product", "moment-frame"), "`moment-frame` is no product: write KEYSTANDARD/KEYSTR"),
        (("--product", "/x"), "`/x` is no product"),
        (("--verdict", "genuine"), "'genuine' is not one of 'real', 'fake', 'not_active', 'success'"),
        (("--reason", "luck"), "'luck' is not one of 'active'"),
    ],
)
@pytest.mark.parametrize("command", ["tail", "export"])
def test_what_cannot_be_chosen_is_a_usage_error(shop: House, command: str, options: tuple[str, ...], said: str) -> None:
    assert said in " ".join(run("scans", command, *options, code=2).stderr.split())


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


def kept_of(openid: str) -> list[dict[str, object]]:
    return lines_of(run("scans", "export", "--openid", openid, "--format", "jsonl").stdout)


def test_what_is_kept_of_a_person_is_exported(scanner: Scanner, tmp_path: Path) -> None:
    scanner.scan("GENUINE0001", "COPIED99999")
    scanner.scan("GENUINE0001", FromUserName="somebody-else", at=AT + 5)
    first, second = kept_of(OPENID)
    assert (first["kind"], first["batch"], first["needantifake"], first["openid"]) == ("scan", "autumn", True, None)
    assert (second["verdict"], second["extinfo"]) == ("fake", "COPIED99999")
    result = run("scans", "export", tmp_path / "person.csv", "--openid", OPENID)
    assert result.stderr == "2 lines are written. They are personal data: hand them over, and keep no copy.\n"
    header, *rows = csv.reader(StringIO((tmp_path / "person.csv").read_text("utf-8-sig"), newline=""))
    assert header == ["kind", *COLUMNS, "needantifake", "openid", "event", "fields"]
    assert [row[:2] for row in rows] == [["scan", "1"], ["scan", "2"]]
    assert stat.S_IMODE((tmp_path / "person.csv").stat().st_mode) == 0o600


@pytest.mark.parametrize("option", [("--since", "2026-11-22"), ("--batch", "autumn"), ("--verdict", "real")])
def test_everything_of_a_person_is_exported_or_nothing(shop: House, option: tuple[str, str]) -> None:
    said = run("scans", "export", "--openid", OPENID, *option, code=2).stderr
    assert "leave the other options out" in " ".join(said.split())


def test_a_person_is_erased(scanner: Scanner) -> None:
    scanner.scan("GENUINE0001", "GENUINE0002")
    scanner.scan("GENUINE0001", FromUserName="somebody-else", at=AT + 5)
    before = run_json("codes", "check", "qrcode/moment-frame/GENUINE0001")

    result = run("scans", "erase", "--openid", OPENID, "--yes")

    erasures = scanner.house.base / "data" / "erasures"
    assert result.stdout == "The person is erased; 2 scans were concerned.\n"
    assert "follows in an hour, by the service or `scanhook housekeeper`." in result.stderr
    assert f"Keep a copy of {erasures} with your backups" in result.stderr
    assert kept_of(OPENID) == []
    assert len(kept_of("somebody-else")) == 1
    assert run_json("codes", "check", "qrcode/moment-frame/GENUINE0001") == before
    assert (before["scans"], before["persons"]) == (2, 2)
    assert stat.S_IMODE(erasures.stat().st_mode) == 0o600
    assert len(erasures.read_text().splitlines()) == 1
    assert run_json("scans", "erase", "--openid", OPENID, "--yes") == {"scans": 0}


def test_an_openid_is_read_from_standard_input(scanner: Scanner) -> None:
    scanner.scan("GENUINE0001")
    for command in (["export", "--format", "jsonl"], ["erase", "--yes"]):
        result = CliRunner().invoke(main, ["scans", *command, "--openid", "-"], input=f"{OPENID}\r\n")
        assert result.exit_code == 0, result.output
    assert result.stdout == "The person is erased; 1 scans were concerned.\n"


def test_nobody_is_erased_unasked(scanner: Scanner) -> None:
    scanner.scan("GENUINE0001")
    result = run("scans", "erase", "--openid", OPENID, code=1)
    assert result.stderr == ("error: an erasure cannot be undone, and nobody is there to ask: confirm it with --yes\n")
    assert len(kept_of(OPENID)) == 1
    assert not (scanner.house.base / "data" / "erasures").exists()


@pytest.mark.parametrize(("answer", "left"), [("y", 0), ("n", 1)])
def test_whoever_sits_there_is_asked(scanner: Scanner, monkeypatch: pytest.MonkeyPatch, answer: str, left: int) -> None:
    scanner.scan("GENUINE0001")
    monkeypatch.setattr("scanhook.cli.scans_people._asks", lambda: True)
    result = CliRunner().invoke(main, ["scans", "erase", "--openid", OPENID], input=f"{answer}\n")
    assert "Erase this person for ever? [y/N]" in result.stderr
    assert result.exit_code == left
    assert len(kept_of(OPENID)) == left


@pytest.mark.parametrize("name", ["Frau Müller (21)", "微信", " o ", "名" * 128])
def test_a_person_whom_a_caller_of_the_api_has_named_is_exported_and_erased(scanner: Scanner, name: str) -> None:
    scanner.scan("GENUINE0001", FromUserName=name)
    assert len(kept_of(name)) == 1
    result = CliRunner().invoke(main, ["scans", "erase", "--yes", "--openid", "-"], input=f"{name}\n")
    assert result.stdout == "The person is erased; 1 scans were concerned.\n"
    assert kept_of(name) == []


@pytest.mark.parametrize("openid", ["", "o" * 129, "two\nlines", "o\x00"])
def test_what_is_no_openid_is_not_repeated(shop: House, openid: str) -> None:
    said = run("scans", "erase", "--yes", "--openid", openid, code=2).stderr
    assert "that is no openid" in said
    assert not openid or openid not in said


def retain(house: House, *, scans: int, openids: int) -> None:
    house.path.write_text(
        house.path.read_text() + f"\n[journal]\nkeep_scans_days = {scans}\nkeep_openid_days = {openids}\n"
    )


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_is_old_is_deleted(scanner: Scanner, *, dry_run: bool) -> None:
    retain(scanner.house, scans=30, openids=0)
    scanner.scan("GENUINE0001", at=int(time.time()) - 31 * 86_400)
    scanner.scan("GENUINE0002", at=int(time.time()) - 29 * 86_400)
    options = ("--dry-run",) if dry_run else ()

    result = run("scans", "prune", *options)

    said = "would be" if dry_run else "are"
    assert result.stdout == f"1 scans, 0 other events and 0 openids {said} deleted.\n"
    assert len(kept_of(OPENID)) == 2
    assert [line["kind"] for line in kept_of(OPENID)] == (["scan"] * 2 if dry_run else ["scan", "counted"])
    assert run_json("scans", "prune", "--dry-run") == {
        "scans": int(dry_run),
        "events": 0,
        "openids": 0,
        "dry_run": True,
    }


def test_without_a_setting_scans_are_kept_for_ever(scanner: Scanner) -> None:
    scanner.scan("GENUINE0001", at=86_400)
    assert run("scans", "prune").stdout == (
        "Scans are kept for ever: [journal] keep_scans_days is 0.\n0 scans, 0 other events and 0 openids are deleted.\n"
    )
    assert len(kept_of(OPENID)) == 1


def test_an_erasure_of_nobody_says_so() -> None:
    assert run("scans", "erase", "--openid", "oNobody", "--yes").stdout == (
        "No scan of such a person was found: is the openid right? The erasure is noted all the same.\n"
    )
