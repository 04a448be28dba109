from __future__ import annotations

import json
import re
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import apsw
import click
import pytest

from scanhook.clock import FixedClock
from scanhook.journal import open_journal
from scanhook.journal.people import erase_person, erasures_path
from scanhook.office import KeyScope, open_office
from scanhook.settings import House
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.lock import use_files
from tests.cli.conftest import AT, Scanner, run, run_json
from tests.conftest import OPENID
from tests.storage.old import make_old_storage

NAMES = ("journal.db", "office.db", "registry.db")
GENUINE = "qrcode/moment-frame/GENUINE0001"


def folder_of(shop: House) -> Path:
    return shop.base / "data"


def pepper_of(shop: House) -> Pepper:
    return Pepper.load(shop.pepper_path)


def back_up(shop: House, into: str = "backups") -> Path:
    return Path(run_json("storage", "backup", shop.base / into)["folder"])


def sql(path: Path, statement: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    connection.close()


def test_a_backup_says_what_is_in_it_and_that_the_pepper_must_be_kept_apart(stocked: House) -> None:
    told = run("storage", "backup", stocked.base / "backups").stdout

    (made,) = (stocked.base / "backups").iterdir()
    first, second = told.splitlines()
    assert first.startswith(f"{made} is made: ")
    assert first.endswith(" bytes; 0 api keys, 2 batches, 3 codes, 0 events, 1 product, 0 scans.")
    assert second == (
        f"The pepper {pepper_of(stocked).id} ({stocked.pepper_path}) is not in it. Keep a copy of the pepper apart "
        "from the backups: without it this backup is worthless, and whoever has both can try out guesses of codes."
    )


def test_a_program_reads_where_the_backup_is(stocked: House) -> None:
    made = run_json("storage", "backup", stocked.base / "backups")

    assert Path(made["folder"]).parent == stocked.base / "backups"
    assert made["counts"]["codes"] == 3
    assert set(made["files"]) == set(NAMES)


def test_a_backup_is_made_while_the_service_runs(stocked: House) -> None:
    service = use_files(folder_of(stocked))

    back_up(stocked)

    service.close()


def test_a_restore_brings_back_scans_and_codes_and_says_what_is_lost(scanner: Scanner) -> None:
    house = scanner.house
    scanner.scan("GENUINE0001")
    made = back_up(house)
    at = json.loads((made / "manifest.json").read_text())["made_at"]
    scanner.scan("GENUINE0001", "GENUINE0002", at=AT + 60)

    told = run("storage", "restore", made, "--yes").stdout

    assert f"The storage is again as it was at {at}.\n" in told
    assert "Whoever is erased from now on is still in it." in told
    assert f"What came after {at} is not in it: scans, imports, recalls" in told
    assert run_json("codes", "check", GENUINE)["scans"] == 1
    assert run_json("codes", "check", "qrcode/moment-frame/GENUINE0002")["scans"] == 0
    (aside,) = folder_of(house).glob("before-restore-*")
    assert set(NAMES) <= {path.name for path in aside.iterdir()}
    assert run_json("storage", "check")["ok"]


def test_whoever_was_erased_stays_erased_after_a_restore(scanner: Scanner) -> None:
    house = scanner.house
    pepper, url = pepper_of(house), StorageUrl(engine="sqlite", folder=folder_of(house))
    scanner.scan("GENUINE0001")
    made = back_up(house)
    journal = open_journal(url, pepper=pepper)
    assert erase_person(journal, OPENID, pepper=pepper, erasures=erasures_path(url), now=AT + 7200) == 1
    journal.close()

    run("storage", "restore", made, "--yes")

    journal = open_journal(url, pepper=pepper)
    assert list(journal.scans_of(pepper.person(OPENID))) == []
    assert [entry.reason for entry in journal.tail(10)] == ["active"]
    journal.close()
    assert run_json("storage", "check")["ok"]


def test_a_key_that_was_made_before_the_backup_is_good_after_the_restore(stocked: House) -> None:
    url = StorageUrl(engine="sqlite", folder=folder_of(stocked))
    presented = run("apikeys", "add", "erp", "--scope", "read").stdout.strip()
    made = back_up(stocked)
    run("apikeys", "revoke", "erp")

    run("storage", "restore", made, "--yes")

    office = open_office(url, pepper=pepper_of(stocked), clock=FixedClock(AT))
    key = office.find_key(presented)
    office.close()
    assert key
    assert key.may(KeyScope.READ)


def test_nobody_restores_by_accident(stocked: House) -> None:
    made = back_up(stocked)

    assert run("storage", "restore", made, code=1).stderr == (
        "error: a restore puts a backup in the place of the databases: say --yes if that is what you want\n"
    )


@pytest.mark.parametrize("answer", [True, False])
def test_on_a_terminal_staff_are_asked(stocked: House, monkeypatch: pytest.MonkeyPatch, *, answer: bool) -> None:
    made = back_up(stocked)
    asked: list[str] = []

    def confirm(question: str, *, err: bool) -> bool:
        assert err
        asked.append(question)
        return answer

    monkeypatch.setattr("scanhook.cli.storage.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setattr(click, "confirm", confirm)

    result = run("storage", "restore", made, code=0 if answer else 1)

    assert asked == [f"Put {made} in the place of the databases in {folder_of(stocked)}?"]
    assert result.stderr.endswith("error: nothing was changed\n") is not answer
    assert bool(list(folder_of(stocked).glob("before-restore-*"))) is answer


def test_a_restore_waits_for_nobody(stocked: House) -> None:
    made = back_up(stocked)
    service = use_files(folder_of(stocked))

    assert (
        "stop the service, wait for imports, and run this again"
        in run("storage", "restore", made, "--yes", code=1).stderr
    )

    service.close()


def test_an_old_storage_is_backed_up_upgraded_and_used(shop: House) -> None:
    shutil.rmtree(folder_of(shop))
    make_old_storage(folder_of(shop), pepper_of(shop))
    assert "run `scanhook storage upgrade`" in run("codes", "check", GENUINE, code=1).stderr
    assert "run `scanhook storage upgrade`" in run("storage", "check", code=1).stderr
    made = back_up(shop)

    told = run("storage", "upgrade").stdout

    assert told.splitlines()[:3] == [
        "journal.db: schema 1 is now 3",
        "office.db: made, schema 1",
        "registry.db: schema 1 is now 2",
    ]
    assert "An older one must not be started again on this storage" in told
    assert run_json("codes", "check", GENUINE)["verdict"] == "real"
    assert run_json("codes", "check", "qrcode/moment-frame/PRINTED0003")["verdict"] == "not_active"
    assert run_json("codes", "check", "qrcode/moment-frame/COPIED99999")["verdict"] == "fake"
    assert run_json("storage", "check")["ok"]
    run("storage", "restore", made, "--yes")
    assert run_json("codes", "check", GENUINE)["scans"] == 2


def test_an_upgrade_of_what_is_up_to_date_does_nothing(shop: House) -> None:
    assert run("storage", "upgrade").stdout == (
        "journal.db: schema 3, up to date\noffice.db: schema 1, up to date\nregistry.db: schema 2, up to date\n"
    )
    assert run_json("storage", "upgrade") == {
        "journal.db": {"before": 3, "after": 3},
        "office.db": {"before": 1, "after": 1},
        "registry.db": {"before": 2, "after": 2},
    }


def test_a_check_of_a_good_storage_counts_what_is_in_it(scanner: Scanner) -> None:
    scanner.scan("GENUINE0001")

    found = run_json("storage", "check")

    assert found["ok"]
    assert [check["check"] for check in found["checks"]] == [
        *(f"{name}: {look}" for name in NAMES for look in ("pepper", "schema", "integrity", "rows")),
        "free disk space",
    ]
    assert found["counts"] == {"api_keys": 0, "batches": 2, "codes": 3, "events": 0, "products": 1, "scans": 1}
    assert found["unfinished_imports"] == []
    assert set(found["bytes"]) >= set(NAMES)
    assert found["free_bytes"] > 0
    lines = run("storage", "check", "--quick").stdout.splitlines()
    assert lines[0] == "✓ journal.db: pepper"
    assert lines[-2] == "0 api keys, 2 batches, 3 codes, 0 events, 1 product, 1 scan"


def test_a_check_finds_codes_that_are_lost_unless_it_must_be_quick(stocked: House) -> None:
    sql(folder_of(stocked) / "registry.db", "DELETE FROM codes WHERE tag = (SELECT min(tag) FROM codes)")

    result = run("storage", "check", code=1)

    assert "✗ registry.db: rows: " in result.stdout
    assert "codes are noted" in result.stdout
    assert not run_json("storage", "check", code=1)["ok"]
    run("storage", "check", "--quick")


def test_a_check_names_imports_that_are_not_finished(stocked: House) -> None:
    for kind in ("import", "mint"):
        sql(
            folder_of(stocked) / "registry.db",
            f"INSERT INTO imports (file, started_at, shown, kind, phase) VALUES ('b.csv', 1, 0, '{kind}', 'loading')",
        )

    found = run_json("storage", "check")["unfinished_imports"]

    assert [(one["kind"], one["file"], one["phase"]) for one in found] == [
        ("import", "b.csv", "loading"),
        ("mint", "b.csv", "loading"),
    ]
    assert "import the same file again: it goes on where it was" in found[0]["remedy"]
    assert "of b.csv is not finished: if it does not run any more" in run("storage", "check").stdout


def test_a_disk_that_is_nearly_full_is_a_fault(stocked: House, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(stocked.base)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1000))

    told = run("storage", "check", code=1).stdout

    assert "✗ free disk space: " in told
    assert "has 1,000 bytes free: make room; when the disk is full, no scan is answered any more" in told


# What staff call most, in a storage that cannot be used: each ends with a sentence, and changes nothing.

CALLS: dict[str, tuple[str, ...]] = {
    "codes check": ("codes", "check", GENUINE),
    "codes suspend": ("codes", "suspend", GENUINE, "--why", "test"),
    "batches list": ("batches", "list"),
    "batches recall": ("batches", "recall", "autumn", "--why", "test", "--yes"),
    "codes import": ("codes", "import", "new.csv"),
    "products list": ("products", "list"),
    "scans tail": ("scans", "tail"),
    "storage check": ("storage", "check"),
    "storage backup": ("storage", "backup", "backups"),
    "storage upgrade": ("storage", "upgrade"),
}


def _not_a_database(path: Path) -> None:
    path.write_bytes(b"keystandard,keystr,extinfo,status\n" * 1000)


def _older(path: Path) -> None:
    sql(path, "PRAGMA user_version = 1")


def _newer(path: Path) -> None:
    sql(path, "PRAGMA user_version = 99")


def _anothers(path: Path) -> None:
    sql(path, "UPDATE meta SET value = '0badcafe' WHERE name = 'pepper_id'")


def _foreign(path: Path) -> None:
    path.unlink()
    sql(path, "CREATE TABLE bills (number)")


def _read_only(path: Path) -> None:
    sql(path, "PRAGMA journal_mode = DELETE")
    with path.open("r+b") as file:
        file.seek(18)  # the version that a writer must understand; root may write to any file, but not to this one
        file.write(b"\x03")


SPOILS: dict[str, tuple[Callable[[Path], None], str]] = {
    "not a database": (_not_a_database, "it is not a database: restore it from a backup, or move it out of the way"),
    "newer": (_newer, "schema 99, here"),
    "another pepper": (_anothers, "put back the pepper that belongs to this storage"),
    "foreign": (_foreign, "is a database, but not one of scanhook's: move it out of the way"),
    "lost": (Path.unlink, "is missing: is the disk mounted? Put the file back from a backup"),
    "read-only": (_read_only, "cannot be written: give it to the user that scanhook runs as"),
}


@pytest.mark.parametrize(("spoil", "remedy"), SPOILS.values(), ids=SPOILS)
@pytest.mark.parametrize("name", ["registry.db", "journal.db"])
def test_a_storage_that_cannot_be_used_ends_every_command_with_a_remedy(
    stocked: House, spoil: Callable[[Path], None], remedy: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stocked.base)
    Path("new.csv").write_text("keystandard,keystr,extinfo,status\nqrcode,moment-frame,NEW000000001,active\n")
    path = folder_of(stocked) / name
    spoil(path)
    before = path.read_bytes() if path.exists() else None

    told = {call: run(*arguments, code=1) for call, arguments in CALLS.items()}

    assert [call for call, result in told.items() if remedy not in result.stdout + result.stderr] == []
    assert (path.read_bytes() if path.exists() else None) == before
    assert not Path("backups").exists() or not list(Path("backups").iterdir())


@pytest.mark.parametrize("call", [CALLS["codes import"], ("products", "add", "qrcode", "new")])
def test_a_storage_that_somebody_holds_ends_what_would_write_with_a_sentence(
    stocked: House, call: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stocked.base)
    monkeypatch.setattr("scanhook.storage.sqlite_connection.BUSY_WAIT_S", 0.02)
    Path("new.csv").write_text("keystandard,keystr,extinfo,status\nqrcode,moment-frame,NEW000000001,active\n")
    holder = apsw.Connection(str(folder_of(stocked) / "registry.db"))
    holder.execute("BEGIN IMMEDIATE")

    assert "registry.db: another process held it for more than" in run(*call, code=1).stderr

    holder.execute("ROLLBACK")
    holder.close()
    assert run_json("codes", "check", "qrcode/moment-frame/NEW000000001")["verdict"] == "fake"
    assert run_json("storage", "check")["ok"]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (CALLS["codes import"], r"the codes cannot be sorted in .*: make room there"),
        (CALLS["storage backup"], "the disk gave an error: look into the system's log"),
    ],
)
def test_a_disk_that_takes_no_more_ends_what_would_write_with_a_sentence_and_nothing_half_done(
    stocked: House, call: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stocked.base)
    rows = "".join(f"qrcode,moment-frame,NEW{number:09},active\n" for number in range(5000))
    Path("new.csv").write_text(f"keystandard,keystr,extinfo,status\n{rows}")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    try:
        result = run(*call, code=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert re.search(sentence, result.stderr)
    assert run_json("codes", "check", "qrcode/moment-frame/NEW000000001")["verdict"] == "fake"
    assert not Path("backups").exists() or not list(Path("backups").iterdir())
    assert run_json("storage", "check")["ok"]
