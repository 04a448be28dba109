from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
from pathlib import Path

import apsw
import pytest

from scanhook.errors import PepperMismatch, Refused, StorageError
from scanhook.storage import Pepper, rows_of
from scanhook.storage.backup import make_backup
from tests.storage.old import AT, make_old_storage

OTHER_PEPPER = Pepper(secret=bytes(range(1, 33)))
NAME = "scanhook-backup-20261122T020000Z"
DATABASES = ("journal.db", "office.db", "registry.db")
BALLAST_BYTES = 3_000_000


def silent(_what: str, _done: int, _of: int) -> None:
    pass


@pytest.fixture
def storage(tmp_path: Path, empty_storage: Path) -> Path:
    return Path(shutil.copytree(empty_storage, tmp_path / "data"))


def run(path: Path, statement: str, *bindings: object) -> None:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(1000)
    connection.execute(statement, bindings)
    connection.close()


def kept(path: Path) -> set[str]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    rows = rows_of(connection, "SELECT name FROM meta WHERE name NOT LIKE 'pepper_%'")
    connection.close()
    return {name for (name,) in rows}


def test_a_backup_is_one_private_folder_with_all_that_is_needed(storage: Path, tmp_path: Path, pepper: Pepper) -> None:
    (storage / "erasures").write_bytes(b"somebody\n")

    made, manifest = make_backup(storage, tmp_path / "backups", pepper=pepper, now=AT, tell=silent)

    assert made == tmp_path / "backups" / NAME
    assert {path.name for path in made.iterdir()} == {"erasures", "manifest.json", *DATABASES}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.iterdir()} == {0o600}
    assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(made.parent.stat().st_mode) == 0o700
    assert list(made.parent.iterdir()) == [made]
    written = json.loads((made / "manifest.json").read_text())
    assert written["made_at"] == "2026-11-22T02:00:00+00:00"
    for name, file in manifest.files.items():
        content = (made / name).read_bytes()
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert written["files"][name]["sha256"] == file.sha256


def test_the_pepper_is_in_no_file_of_it(storage: Path, tmp_path: Path, pepper: Pepper) -> None:
    made, _ = make_backup(storage, tmp_path, pepper=pepper, now=AT, tell=silent)

    for path in made.iterdir():
        content = path.read_bytes()
        assert pepper.secret not in content
        assert pepper.secret.hex().encode() not in content


def test_a_storage_of_an_older_version_is_backed_up_before_it_is_upgraded(tmp_path: Path, pepper: Pepper) -> None:
    make_old_storage(tmp_path / "data", pepper)

    made, manifest = make_backup(tmp_path / "data", tmp_path, pepper=pepper, now=AT, tell=silent)

    assert {name: file.schema for name, file in manifest.files.items()} == {"journal.db": 1, "registry.db": 1}
    assert manifest.counts == {"scans": 2, "events": 0, "products": 1, "batches": 2, "codes": 3}
    assert not (made / "office.db").exists()


def test_what_is_written_meanwhile_neither_waits_nor_lets_it_begin_again(
    storage: Path, tmp_path: Path, pepper: Pepper
) -> None:
    journal = storage / "journal.db"
    run(journal, "INSERT INTO meta VALUES ('ballast', randomblob(?))", BALLAST_BYTES)
    steps: list[int] = []

    def scan(what: str, done: int, _of: int) -> None:
        if what == "copying journal.db":
            steps.append(done)
            run(journal, "INSERT INTO meta VALUES (?, 1)", f"scan {len(steps)}")

    made, _ = make_backup(storage, tmp_path, pepper=pepper, now=AT, tell=scan)

    assert len(steps) > 1
    assert steps == sorted(set(steps))
    assert kept(made / "journal.db") == {"ballast"}
    assert kept(journal) == {"ballast", *(f"scan {number + 1}" for number in range(len(steps)))}


def test_what_is_imported_while_the_journal_is_copied_is_in_it(storage: Path, tmp_path: Path, pepper: Pepper) -> None:
    """Or a scan in the journal's copy could speak of a code that the registry's copy does not know."""

    def load(what: str, done: int, _of: int) -> None:
        if (what, done) == ("checking journal.db", 0):
            run(storage / "registry.db", "INSERT INTO meta VALUES ('imported', 1)")
            with (storage / "erasures").open("a") as list_:
                list_.write("somebody\n")

    made, _ = make_backup(storage, tmp_path, pepper=pepper, now=AT, tell=load)

    assert kept(made / "registry.db") == {"imported"}
    assert (made / "erasures").read_text() == "somebody\n"


@pytest.mark.parametrize("when", ["copying journal.db", "checking office.db", "checking registry.db"])
def test_an_interrupted_backup_leaves_nothing(storage: Path, tmp_path: Path, pepper: Pepper, when: str) -> None:
    run(storage / "journal.db", "INSERT INTO meta VALUES ('ballast', randomblob(?))", BALLAST_BYTES)

    def interrupt(what: str, _done: int, _of: int) -> None:
        if what == when:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_backup(storage, tmp_path / "backups", pepper=pepper, now=AT, tell=interrupt)

    assert list((tmp_path / "backups").iterdir()) == []
    make_backup(storage, tmp_path / "backups", pepper=pepper, now=AT, tell=silent)


def test_what_a_killed_backup_has_left_is_swept_and_one_that_runs_is_left_alone(
    storage: Path, tmp_path: Path, pepper: Pepper
) -> None:
    killed, running = (tmp_path / f"scanhook-backup-2026112{day}T000000Z.unfinished" for day in (0, 1))
    for folder in (killed, running):
        folder.mkdir()
        (folder / "registry.db").touch()
    descriptor = os.open(running, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    make_backup(storage, tmp_path, pepper=pepper, now=AT, tell=silent)

    os.close(descriptor)
    assert (killed.exists(), running.exists()) == (False, True)


def test_two_backups_of_one_second_do_not_mix(storage: Path, tmp_path: Path, pepper: Pepper) -> None:
    make_backup(storage, tmp_path, pepper=pepper, now=AT, tell=silent)

    with pytest.raises(Refused, match=f"{NAME} is there already: wait a second, and run this again"):
        make_backup(storage, tmp_path, pepper=pepper, now=AT, tell=silent)


def test_a_disk_without_room_is_told_before_anything_is_written(
    storage: Path, tmp_path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1000))

    with pytest.raises(Refused, match=r"and .* has 1,000 free: make room, or name another disk"):
        make_backup(storage, tmp_path / "backups", pepper=pepper, now=AT, tell=silent)

    assert list((tmp_path / "backups").iterdir()) == []


def test_another_pepper_makes_no_backup(storage: Path, tmp_path: Path) -> None:
    with pytest.raises(PepperMismatch, match="put back the pepper that belongs to this storage"):
        make_backup(storage, tmp_path / "backups", pepper=OTHER_PEPPER, now=AT, tell=silent)

    assert list((tmp_path / "backups").iterdir()) == []


def test_a_newer_storage_makes_no_backup(storage: Path, tmp_path: Path, pepper: Pepper) -> None:
    run(storage / "registry.db", "PRAGMA user_version = 99")

    with pytest.raises(StorageError, match=r"made by a newer version of scanhook \(schema 99, here .\): use that"):
        make_backup(storage, tmp_path, pepper=pepper, now=AT, tell=silent)


def test_a_damaged_storage_makes_no_backup_that_looks_good(storage: Path, tmp_path: Path, pepper: Pepper) -> None:
    run(storage / "registry.db", "INSERT INTO meta VALUES ('ballast', randomblob(100000))")
    with (storage / "registry.db").open("r+b") as file:
        file.seek(4096 * 4)
        file.write(b"\xff" * 4096)

    with pytest.raises(StorageError, match=r"registry\.db"):
        make_backup(storage, tmp_path / "backups", pepper=pepper, now=AT, tell=silent)

    assert list((tmp_path / "backups").iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(storage: Path, tmp_path: Path, pepper: Pepper) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match=r"file/backups: Not a directory"):
        make_backup(storage, tmp_path / "file" / "backups", pepper=pepper, now=AT, tell=silent)
