from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from pyrage import x25519

from scanhook.cli.common import storage_of
from scanhook.settings import House
from tests.cli.conftest import run, run_json

PREFIX = "http://p.url.cn/5g0B4A90aqc"
SPRING = ("--product", "qrcode/frame", "--batch", "spring", "--for", "Mr Li")


@pytest.fixture
def file(tmp_path: Path, shop: House) -> Path:
    """Return where the printer's file shall lie; the shop has a product to mint for."""
    run("products", "add", "qrcode", "frame", "--qr-prefix", PREFIX)
    return tmp_path / "spring.csv"


def serials(file: Path) -> list[str]:
    return [row["serial"] for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines())]


def checked(serial: str) -> Any:
    return run_json("codes", "check", f"qrcode/frame/{serial}")


def test_codes_are_minted_for_the_printer(file: Path) -> None:
    said = run("codes", "mint", "25", *SPRING, "--to", file)

    assert (
        "The normalisation of qrcode/frame was the default, trim,width; it is now trim,width,upper,look-alikes,check"
        in said.stdout
    )
    assert f"25 codes are minted in 0.0 s, and stand in {file}" in said.stdout.replace("0.1 s", "0.0 s")
    assert "taken by Mr Li; SHA-256 " in said.stdout
    assert "no command makes it again" in said.stdout
    assert "scanhook batches activate spring --product qrcode/frame --why …" in said.stdout
    assert "whoever reads this file can print genuine codes" in said.stderr
    assert len(serials(file)) == 25
    assert (file.stat().st_mode & 0o777) == 0o600


def test_minted_codes_are_not_active_yet_and_slips_are_unreadable(file: Path) -> None:
    run("codes", "mint", "5", *SPRING, "--to", file)
    serial = serials(file)[1]

    found = checked(serial.lower())
    assert (found["verdict"], found["batch"], found["position"], found["state"]) == (
        "not_active",
        "spring",
        2,
        "issued",
    )
    slip = checked(serial[:3] + ("0" if serial[3] != "0" else "1") + serial[4:])
    assert (slip["verdict"], slip["reason"]) == ("fake", "unreadable")
    near = slip["nearest"]
    assert (near["batch"], near["position"], near["edit"], near["place"]) == ("spring", 2, "changed", 4)
    assert near["cause"] == "misprint"


def test_programs_read_what_was_minted(file: Path) -> None:
    run("products", "set", "qrcode", "frame", "--normalise", "trim,upper")
    minted = run_json("codes", "mint", "5", *SPRING, "--to", file, "--by", "Ann", "--why", "spring tea")

    assert len(minted.pop("sha256")) == 64
    assert minted.pop("change") > 0
    assert minted == {
        "account": "main",
        "keystandard": "qrcode",
        "keystr": "frame",
        "batch": "spring",
        "codes": 5,
        "file": str(file),
        "taken_by": "Mr Li",
        "encrypted_to": None,
        "normalisation": "trim,upper",
        "normalisation_set": False,
        "slips_recognised": False,
    }


def test_the_history_names_who_minted(file: Path, shop: House) -> None:
    run("codes", "mint", "5", *SPRING, "--to", file, "--by", "Ann", "--why", "spring tea")
    with storage_of(shop) as storage:
        rules, change = storage.registry.changes(limit=2)
        assert (change.action, change.who, change.why, change.batch) == ("mint", "Ann", "spring tea", "spring")
        assert (rules.action, rules.who, rules.why) == ("set", "Ann", "spring tea")
        assert rules.details == {"normalisation": "trim,width,upper,look-alikes,check"}


def test_a_weak_normalisation_is_warned_of(file: Path) -> None:
    run("products", "set", "qrcode", "frame", "--normalise", "trim,upper")
    said = run("codes", "mint", "5", *SPRING, "--to", file)
    assert "qrcode/frame has the normalisation trim,upper, without `check`: a mistyped code is then" in said.stderr
    assert "The normalisation of" not in said.stdout


def test_a_product_without_prefix_is_refused_with_the_remedy(file: Path) -> None:
    run("products", "set", "qrcode", "frame", "--qr-prefix", "")
    said = run("codes", "mint", "5", *SPRING, "--to", file, code=1)
    assert "`scanhook products set qrcode frame --qr-prefix …`" in said.stderr
    assert not file.exists()


@pytest.mark.parametrize("codes", ["0", "100000001"])
def test_a_number_out_of_range_is_refused(file: Path, codes: str) -> None:
    assert "1 to 100,000,000 codes" in run("codes", "mint", codes, *SPRING, "--to", file, code=1).stderr


def test_a_product_that_is_not_there_is_refused(file: Path) -> None:
    said = run("codes", "mint", "5", "--product", "qrcode/x", "--batch", "b", "--for", "L", "--to", file, code=1)
    assert "has no product qrcode/x" in said.stderr


def test_a_second_mint_of_a_batch_or_a_file_is_refused(file: Path) -> None:
    run("codes", "mint", "5", *SPRING, "--to", file)
    assert "a batch is minted once" in run("codes", "mint", "5", *SPRING, "--to", f"{file}2", code=1).stderr
    other = ("--product", "qrcode/frame", "--batch", "summer", "--for", "Mr Li")
    assert "is there already" in run("codes", "mint", "5", *other, "--to", file, code=1).stderr
    assert len(serials(file)) == 5


def test_sheets_are_drawn_from_the_printers_file(file: Path, tmp_path: Path) -> None:
    run("codes", "mint", "50", *SPRING, "--to", file)
    said = run("codes", "sheets", file, tmp_path / "sheets", "--first", "5", "--last", "30", "--columns", "3")

    assert said.stdout.startswith("26 codes are drawn on 2 pages in ")
    first = (tmp_path / "sheets" / "sheet-0001.svg").read_text()
    assert [serial in first for serial in serials(file)[:30]] == [False] * 4 + [True] * 24 + [False] * 2
    assert "spring: 5 to 28" in first
    pages = run_json("codes", "sheets", file, tmp_path / "more")
    assert pages == {"codes": 50, "pages": [str(tmp_path / "more" / f"sheet-000{page}.svg") for page in (1, 2)]}


def test_an_encrypted_file_is_drawn_with_the_printers_key(file: Path, tmp_path: Path) -> None:
    printer = x25519.Identity.generate()
    (tmp_path / "printer.pub").write_text(f"{printer.to_public()}\n")
    (tmp_path / "printer.key").write_text(f"{printer}\n")
    sealed = tmp_path / "spring.csv.age"
    minted = run_json("codes", "mint", "5", *SPRING, "--to", sealed, "--age-key", f"@{tmp_path}/printer.pub")
    assert minted["encrypted_to"] == str(printer.to_public())

    assert "is encrypted: name the file" in run("codes", "sheets", sealed, tmp_path / "sheets", code=1).stderr
    said = run("codes", "sheets", sealed, tmp_path / "sheets", "--identity", tmp_path / "printer.key")
    assert said.stdout.startswith("5 codes are drawn on 1 pages")


def test_an_encrypted_file_has_its_suffix(file: Path) -> None:
    key = str(x25519.Identity.generate().to_public())
    said = run("codes", "mint", "5", *SPRING, "--to", file, "--age-key", key, code=1)
    assert "name it spring.csv.age" in said.stderr
    said = run("codes", "mint", "5", *SPRING, "--to", f"{file}.age", code=1)
    assert "give the printer's key with --age-key" in said.stderr
    assert not list(file.parent.glob("spring*"))


def test_a_bad_key_is_refused_before_anything_is_made(file: Path, shop: House) -> None:
    said = run("codes", "mint", "5", *SPRING, "--to", f"{file}.age", "--age-key", "age1nonsense", code=1)
    assert "this is no public age key" in said.stderr
    with storage_of(shop) as storage:
        assert storage.registry.imports() == []


@pytest.mark.parametrize("wanted", [("--first", "0"), ("--first", "5", "--last", "4")])
def test_a_range_of_no_positions_is_refused(file: Path, tmp_path: Path, wanted: tuple[str, ...]) -> None:
    run("codes", "mint", "5", *SPRING, "--to", file)
    assert "the range is none" in run("codes", "sheets", file, tmp_path / "sheets", *wanted, code=1).stderr
    assert "no code to draw" in run("codes", "sheets", file, tmp_path / "sheets", "--first", "6", code=1).stderr
