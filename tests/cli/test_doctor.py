from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import apsw
import pytest

from scanhook.clock import SystemClock
from scanhook.settings import House
from scanhook.storage import Pepper
from tests.cli.conftest import Scanner, run, run_json
from tests.conftest import stock
from tests.serving import brand_service, forget_batches, unfinish_imports


def faults(*, code: int = 1) -> dict[str, str]:
    """Run the doctor and return what it finds wrong."""
    return {check["check"]: check["fault"] for check in run_json("doctor", code=code) if check["fault"]}


def rewrite(house: House, before: str, after: str) -> None:
    text = house.path.read_text()
    assert before in text
    house.path.write_text(text.replace(before, after))


def test_a_good_house_is_good(shop: House) -> None:
    lines = run("doctor").stdout.splitlines()
    bind = shop.settings.service.bind
    assert lines[:6] == ["✓ settings", "✓ file modes", "✓ pepper", "✓ registry", "✓ journal", "✓ clock"]
    assert lines[6] == "✓ office"
    assert lines[7].startswith("✓ durability (SQLite 3.")
    assert lines[7].endswith("journal_mode wal, synchronous 2 (2 is FULL))")
    assert lines[8:-1] == [
        *("✓ batches", "✓ imports", "✓ housekeeper"),
        "– scan right of main (not asked: [accounts.main] has no app_secret, and WeChat gives no access token without: "
        f"the file {shop.base / 'secrets' / 'main.app_secret'} is empty: put the secret into it; the console has it "
        '(开发者密码 AppSecret). Where a platform holds the tokens, write token_source = "command" instead)',
        *("✓ catalog", f"✓ port {bind}"),
    ]
    assert lines[-1:] == ["✓ public_url https://scan.example.com"]


def test_programs_read_the_same_as_people(shop: House) -> None:
    checks = run_json("doctor")
    names = [check["check"].split()[0] for check in checks]
    assert names == [
        *("settings", "file", "pepper", "registry", "journal", "clock", "office", "durability", "batches", "imports"),
        *("housekeeper", "scan", "catalog", "port", "public_url"),
    ]
    assert {check["fault"] for check in checks} == {None}
    assert [check["check"].split()[0] for check in checks if not check["asked"]] == ["scan"]


def test_settings_that_cannot_be_read_are_a_fault(shop: House) -> None:
    rewrite(shop, "[verifier]", "[verifyer]")
    assert faults() == {
        "settings": f"{shop.path}, line 19: verifyer: there is no such setting; the README lists them all"
    }
    assert run("doctor", code=1).stdout.startswith("✗ settings: ")


def test_settings_that_are_not_there_are_a_fault(tmp_path: Path) -> None:
    result: Any = run_json("doctor", "--config", tmp_path / "gone.toml", code=1)
    assert [check["check"] for check in result] == ["settings"]
    assert "make one with `scanhook init DIR`" in result[0]["fault"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
@pytest.mark.parametrize(
    "name",
    [
        *("scanhook.toml", "secrets/pepper", "secrets/main.app_secret"),
        *("data/registry.db", "data/office.db", "data/erasures", "data/uploads"),
    ],
)
def test_secrets_that_others_can_read_are_a_fault(shop: House, name: str, mode: int) -> None:
    if not (shop.base / name).exists():
        (shop.base / name).touch()
    (shop.base / name).chmod(mode)
    assert faults() == {"file modes": f"others can read or write secrets: chmod go-rwx {shop.base / name}"}


def test_a_missing_pepper_is_a_fault(shop: House) -> None:
    shop.pepper_path.unlink()
    ((name, fault),) = faults().items()
    assert name == "pepper, storage and verifiers"
    assert fault.startswith(f"the pepper {shop.pepper_path} is missing: put back the file")


def test_another_pepper_is_a_fault(shop: House) -> None:
    shop.pepper_path.unlink()
    Pepper.create(shop.pepper_path)
    ((name, fault),) = faults().items()
    assert name == "pepper, storage and verifiers"
    assert fault.endswith("put back the pepper that belongs to this storage")


@pytest.mark.parametrize("name", ["registry.db", "journal.db"])
def test_a_storage_that_is_no_database_is_a_fault(shop: House, name: str) -> None:
    (shop.base / "data" / name).write_bytes(b"nonsense" * 100)
    ((_, fault),) = faults().items()
    assert fault == (
        f"{shop.base / 'data' / name}: it is not a database: restore it from a backup, or move it out of the way"
    )


@pytest.mark.parametrize("url", ["sqlite:///data", "sqlite:////DATA"])
def test_the_files_of_a_storage_are_looked_at_wherever_it_lies(shop: House, tmp_path: Path, url: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    if "DATA" in url:
        (shop.base / "data").rename(elsewhere)
        rewrite(shop, "sqlite:///data", f"sqlite:///{elsewhere}")
    path = (elsewhere if "DATA" in url else shop.base / "data") / "journal.db"
    path.chmod(0o644)
    assert faults() == {"file modes": f"others can read or write secrets: chmod go-rwx {path}"}


def test_a_storage_that_no_engine_keeps_is_a_fault(shop: House) -> None:
    rewrite(shop, "sqlite:///data", "oracle:///data")
    ((name, fault),) = faults().items()
    assert name == "pepper, storage and verifiers"
    assert fault.startswith("storage.url starts with `oracle:`")


def test_an_office_that_is_missing_is_a_fault(shop: House) -> None:
    (shop.base / "data" / "office.db").unlink()
    ((_, fault),) = faults().items()
    assert fault == (
        f"{shop.base / 'data' / 'office.db'} is missing: an older version made this storage: "
        "run `scanhook storage upgrade`"
    )


def test_a_storage_of_another_version_is_a_fault(shop: House) -> None:
    connection = apsw.Connection(str(shop.base / "data" / "registry.db"))
    connection.pragma("user_version", 99)
    connection.close()
    ((_, fault),) = faults().items()
    assert "was made by a newer version of scanhook (schema 99, here " in fault


def test_a_forgotten_batch_is_a_fault(stocked: House) -> None:
    assert "✓ batches" in run("doctor").stdout
    forget_batches(stocked)
    assert faults() == {
        "batches": "minted more than 168 hours ago, and nothing of it was ever activated: winter; scans of it are "
        "answered `not_active`: activate what is for sale with `scanhook batches activate NAME …`, and call what was "
        "lost void with `scanhook batches void NAME …`"
    }
    stocked.path.write_text(stocked.path.read_text() + "\n[registry]\nunactivated_hours = 0\n")
    assert "✓ batches" in run("doctor").stdout


def test_of_many_forgotten_batches_three_are_named(shop: House) -> None:
    lines = [f"qrcode,moment-frame,PRINTED{number:04},inactive,b{number}" for number in range(1, 6)]
    stock(shop, codes="\n".join(["keystandard,keystr,extinfo,status,batch", *lines, ""]))
    forget_batches(shop)
    assert "nothing of it was ever activated: b1, b2, b3 and 2 more; scans" in faults()["batches"]


def test_an_import_that_never_came_to_its_end_is_a_fault(stocked: House) -> None:
    assert "✓ imports" in run("doctor").stdout
    unfinish_imports(stocked)
    assert faults() == {
        "imports": "begun more than a day ago and not at its end: 2 (spring.csv): what was uploaded goes on with "
        "`POST /api/v1/imports/NUMBER/resume`, the others when the same file is imported again; or give it up with "
        "`scanhook imports drop NUMBER`"
    }
    (stocked.base / "data" / "uploads").mkdir(mode=0o700)
    (stocked.base / "data" / "uploads" / "2.csv").touch(mode=0o600)
    assert "not at its end: 2 (spring.csv, uploaded): " in faults()["imports"]


NOBODY = (
    "no housekeeper {}, so that nothing is deleted for its age and no erasure completed: `scanhook serve` starts one "
    "within a minute; beside another server run `scanhook housekeeper`. Where one runs, the log says what fails"
)
FOR_11_MINUTES = NOBODY.format("has ended a round for 11 minutes")
NEVER = NOBODY.format("has ever ended a round here")


@pytest.mark.parametrize("days", ["keep_openid_days", "keep_scans_days"])
@pytest.mark.parametrize(
    ("rounds", "fault"), [(None, NEVER), (660, FOR_11_MINUTES), (590, None), (-660, FOR_11_MINUTES)]
)
def test_a_house_whose_scans_grow_old_needs_a_housekeeper(
    scanner: Scanner, days: str, rounds: int | None, fault: str | None
) -> None:
    house = scanner.house
    house.path.write_text(house.path.read_text() + f"\n[journal]\n{days} = 30\n")
    assert "✓ housekeeper" in run("doctor").stdout  # there is nothing yet that could grow old
    scanner.scan("GENUINE0001")
    if rounds is not None:
        (house.base / "data" / "housekeeper.lock").write_text(json.dumps({"round_at": time.time() - rounds}))
    assert faults(code=0 if fault is None else 1) == ({} if fault is None else {"housekeeper": fault})


def test_a_house_that_keeps_everything_needs_no_housekeeper_until_it_is_served(
    scanner: Scanner, service_url: str
) -> None:
    scanner.scan("GENUINE0001")
    assert "✓ housekeeper" in run("doctor").stdout
    rewrite(scanner.house, scanner.house.settings.service.bind, service_url.split("/")[2])
    assert faults() == {"housekeeper": NEVER}
    run("housekeeper", "--once")
    assert "✓ housekeeper" in run("doctor").stdout


def test_a_verifier_that_cannot_be_made_is_a_fault(shop: House) -> None:
    rewrite(shop, "registry://", "oracle://x")
    ((_, fault),) = faults().items()
    assert fault.startswith("verifier.chain: no verifier is called `oracle`")


def test_a_clock_that_is_behind_is_a_fault(shop: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _clock: 1447848568.0)
    ((name, fault),) = faults().items()
    assert name == "clock"
    assert fault.startswith("the clock says 2015-11-18 12:09:28 UTC, which is before this version's release")


def test_a_port_that_somebody_else_holds_is_a_fault(shop: House) -> None:
    bind = shop.settings.service.bind
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", int(bind.rpartition(":")[2])))
        ((name, fault),) = faults().items()
    assert name == "port"
    assert fault == f"{bind} cannot be listened on (Address already in use): choose another with --bind HOST:PORT"


def test_a_port_where_somebody_else_answers_is_a_fault(shop: House) -> None:
    with brand_service() as stranger:
        address = stranger.url.split("/")[2]
        rewrite(shop, shop.settings.service.bind, address)
        assert faults()["port"].startswith(f"{address} cannot be listened on (Address already in use)")


def test_a_port_that_scanhook_itself_holds_is_none(stocked: House, service_url: str) -> None:
    address = service_url.split("/")[2]
    rewrite(stocked, stocked.settings.service.bind, address)
    run("housekeeper", "--once")
    assert f"✓ port {address} (scanhook answers there)" in run("doctor").stdout


def test_an_empty_public_url_is_a_fault(shop: House) -> None:
    rewrite(shop, "https://scan.example.com", "")
    ((name, fault),) = faults().items()
    assert name == "public_url"
    assert fault.startswith(f"{shop.path}: service.public_url is empty: write the address that WeChat reaches")


def test_the_doctor_changes_nothing_not_even_a_storage_that_is_lost(shop: House) -> None:
    lost = shop.base / "lost"
    (shop.base / "data").rename(lost)
    before = sorted(shop.base.iterdir())
    assert any("data" in fault for fault in faults().values())
    assert sorted(shop.base.iterdir()) == before
