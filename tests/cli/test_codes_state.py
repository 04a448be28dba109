from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scanhook.cli import main
from scanhook.settings import House
from tests.cli.conftest import run, run_json
from tests.cli.test_batches import FRAME, changed, spring, state, states

__all__ = ["spring"]


def test_single_codes_are_changed(spring: House) -> None:
    made = changed("codes", "void", f"{FRAME}/ITEM01", f"{FRAME}/ITEM03")
    assert (made["level"], made["codes"]) == ("code", 2)
    assert states() == ["void", "issued", "void"] + ["issued"] * 7


def test_a_code_of_an_issued_batch_can_be_activated_alone(spring: House) -> None:
    changed("codes", "activate", f"{FRAME}/ITEM02")
    assert states() == ["issued", "active"] + ["issued"] * 8


def test_the_state_of_a_code_outlives_that_of_its_batch(spring: House) -> None:
    changed("codes", "stolen", f"{FRAME}/ITEM02")
    changed("batches", "activate", "spring")
    assert state("ITEM02") == "stolen"


def test_codes_are_changed_from_one_to_another(spring: House) -> None:
    made = changed("codes", "activate", "--from", f"{FRAME}/ITEM03", "--to", f"{FRAME}/ITEM05")
    assert (made["level"], made["details"]) == ("range", {"ranges": [[3, 5]]})
    assert states() == ["issued"] * 2 + ["active"] * 3 + ["issued"] * 5


@pytest.mark.parametrize(
    "text",
    [
        "qrcode/moment-frame/ITEM01\n\nqrcode/moment-frame/ITEM02\n",
        "keystandard,keystr,extinfo\nqrcode,moment-frame,ITEM01\nqrcode,moment-frame,ITEM02\n",
        "keystandard,keystr,extinfo,status,batch\nqrcode,moment-frame,ITEM01,active,x\nqrcode,moment-frame,ITEM02,active,\n",
        "\ufeffqrcode/moment-frame/ITEM01\nqrcode/moment-frame/ITEM02\nqrcode/moment-frame/ITEM02",
    ],
)
def test_a_list_of_codes_is_changed(spring: House, tmp_path: Path, text: str) -> None:
    file = tmp_path / "list.txt"
    file.write_text(text, encoding="utf-8")
    assert changed("codes", "recall", "--list", str(file))["codes"] == 2
    assert states() == ["recalled"] * 2 + ["issued"] * 8


def test_a_list_may_be_a_printers_file(spring: House, tmp_path: Path) -> None:
    file = tmp_path / "printed.csv"
    file.write_text(
        "position,serial,content,batch\n9,ITEM09,http://x/ITEM09,spring\n10,ITEM10,http://x/ITEM10,spring\n"
    )
    said = run("codes", "stolen", "--list", file, "--why", "x", code=1).stderr
    assert "this is a printer's file: say with --product" in said
    changed("codes", "stolen", "--list", str(file), "--product", FRAME)
    assert states() == ["issued"] * 8 + ["stolen"] * 2


def test_counts_say_how_many_codes_were_changed_apart(spring: House) -> None:
    changed("batches", "suspend", "spring", "--range", "2-4")
    stolen = str(changed("codes", "stolen", f"{FRAME}/ITEM01", f"{FRAME}/ITEM02")["change"])

    assert "5 of them changed by range or code" in run("batches", "show", "spring").stdout
    assert run_json("batches", "list")[0]["changed_apart"] == 5
    assert run_json("codes", "stats")[0]["changed_apart"] == 5
    changed("batches", "undo", stolen)
    assert run_json("batches", "list")[0]["changed_apart"] == 3


def test_a_list_may_hold_the_codes_of_one_product_alone(spring: House, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("ITEM09\nITEM10\n")
    changed("codes", "recall", "--list", str(file), "--product", FRAME)
    assert states() == ["issued"] * 8 + ["recalled"] * 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("qrcode/moment-frame/ITEM01\nqrcode/moment-frame/NOBODYS\n", "1 of its codes are not registered (lines 2)"),
        ("ITEM01\n", "line 1: write KEYSTANDARD/KEYSTR/EXTINFO, or say --product"),
        ("a,b\n", "line 1: write one code on each line"),
        ("keystandard,keystr,extinfo\nqrcode,moment-frame\n", "line 2: write keystandard,keystr,extinfo"),
        ("", "holds no code"),
        ('"qrcode/moment-frame/ITEM01', "line 1: "),
        ("qrcode/nobody-knows/ITEM01\n", "has no product qrcode/nobody-knows"),
    ],
)
def test_a_bad_list_changes_nothing(spring: House, tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "list.txt"
    file.write_text(text)
    said = run("codes", "void", "--list", file, "--why", "x", code=1).stderr
    assert sentence in said
    assert "NOBODYS" not in said
    assert set(states()) == {"issued"}


def test_codes_need_not_stand_in_the_command(spring: House) -> None:
    said = CliRunner().invoke(main, ["codes", "void", "--list", "-", "--why", "x"], input=f"{FRAME}/ITEM02\n")
    assert said.exit_code == 0, said.output
    assert states() == ["issued", "void"] + ["issued"] * 8
    told = CliRunner().invoke(main, ["codes", "check", "-", "--json"], input=f"{FRAME}/ITEM02\n")
    assert json.loads(told.stdout)["state"] == "void"


def test_a_list_that_is_not_text_is_refused(spring: House, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read: it is not UTF-8" in run("codes", "void", "--list", file, "--why", "x", code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((f"{FRAME}/ITEM01", f"{FRAME}/NOBODYS"), "not registered: code 2 of those you named; nothing was changed"),
        (("--from", f"{FRAME}/ITEM05", "--to", f"{FRAME}/ITEM03"), "the range is upside down: --from is position 5"),
        (("--from", f"{FRAME}/NOBODYS", "--to", f"{FRAME}/ITEM03"), "the code of --from is not registered"),
        (("--from", f"{FRAME}/ITEM03", "--to", f"{FRAME}/NOBODYS"), "the code of --to is not registered"),
    ],
)
def test_codes_that_are_not_there_change_nothing(spring: House, arguments: tuple[str, ...], sentence: str) -> None:
    said = run("codes", "void", *arguments, "--why", "x", code=1).stderr
    assert sentence in said
    assert "NOBODYS" not in said
    assert set(states()) == {"issued"}


def test_a_range_lies_in_one_batch(stocked: House) -> None:
    ends = ("--from", f"{FRAME}/GENUINE0001", "--to", f"{FRAME}/PRINTED0003")
    assert "are not of one batch" in run("codes", "void", *ends, "--why", "x", code=1).stderr


@pytest.mark.parametrize(
    "arguments",
    [(), ("--from", f"{FRAME}/ITEM01"), (f"{FRAME}/ITEM01", "--from", f"{FRAME}/ITEM01", "--to", f"{FRAME}/ITEM02")],
)
def test_what_is_meant_must_be_plain(spring: House, arguments: tuple[str, ...]) -> None:
    run("codes", "void", *arguments, "--why", "x", code=2)


def test_a_check_tells_who_changed_the_code(spring: House) -> None:
    run("codes", "void", f"{FRAME}/ITEM01", "--why", "lost in the post", "--by", "Li Lei")
    told: dict[str, Any] = run_json("codes", "check", f"{FRAME}/ITEM01")
    assert [(each["who"], each["action"], each["why"]) for each in told["changes"]] == [
        ("Li Lei", "void", "lost in the post")
    ]
    assert "Li Lei: void (lost in the post)" in run("codes", "check", f"{FRAME}/ITEM01").stdout


def test_a_code_with_one_slip_names_the_genuine_one(stocked: House) -> None:
    near = run_json("codes", "check", f"{FRAME}/PR1NTED0003")["nearest"]
    assert (near["batch"], near["position"], near["edit"], near["place"], near["cause"]) == (
        "winter",
        1,
        "changed",
        3,
        "misprint",
    )
    assert "winter #1, changed at 3; rather a misprint" in run("codes", "check", f"{FRAME}/PR1NTED0003").stdout.replace(
        "\n", " "
    )
    assert run_json("codes", "check", f"{FRAME}/SOMETHINGELSE")["nearest"] is None


def test_codes_are_exported_without_being_told(spring: House, tmp_path: Path) -> None:
    changed("batches", "activate", "spring", "--range", "1-2")
    file = tmp_path / "out.csv"
    assert "10 codes are written." in run("codes", "export", file).stderr
    header, *rows = [line.split(",") for line in file.read_text().splitlines()]
    assert header == ["account", "keystandard", "keystr", "batch", "position", "state", "tag"]
    assert {row[4]: row[5] for row in rows}["2"] == "active"
    assert sorted(int(row[4]) for row in rows) == list(range(1, 11))
    assert [row[6] for row in rows] == sorted(row[6] for row in rows)
    assert {len(row[6]) for row in rows} == {20}
    assert "ITEM" not in file.read_text()


def test_one_batch_is_exported(stocked: House) -> None:
    said = run("codes", "export", "--product", FRAME, "--batch", "winter").stdout.splitlines()
    assert [line.split(",")[3] for line in said[1:]] == ["winter"]
    assert "there is no batch" in run("codes", "export", "--product", FRAME, "--batch", "x", code=1).stderr
    run("codes", "export", "--batch", "winter", code=2)
