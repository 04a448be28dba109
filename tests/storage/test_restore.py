from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from scanhook.errors import PepperMismatch, Refused, StorageError
from scanhook.storage import Pepper, StorageUrl, rows_of
from scanhook.storage.backup import make_backup
from scanhook.storage.lock import use_files
from scanhook.storage.restore import Restored, restore_backup
from tests.storage.old import AT, make_old_storage

OTHER_PEPPER = Pepper(secret=bytes(range(1, 33)))
FILES = ("registry.db", "journal.db", "office.db")
LATER = AT + 3600
ASIDE = "before-restore-20261122T030000Z"


def silent(_what: str, _done: int, _of: int) -> None:
    pass


def mark(folder: Path, name: str) -> None:
    """Write into every file of a storage."""
    for file in FILES:
        connection = apsw.Connection(str(folder / file))
        connection.execute("INSERT INTO meta VALUES (?, 1)", (name,))
        connection.close()


def marks(folder: Path) -> list[set[str]]:
    """Return what was written into each file."""
    found = []
    for file in FILES:
        connection = apsw.Connection(str(folder / file), flags=apsw.SQLITE_OPEN_READONLY)
        rows = rows_of(connection, "SELECT name FROM meta WHERE name NOT LIKE 'pepper_%'")
        found.append({name for (name,) in rows})
        connection.close()
    return found


def restore(backup: Path, folder: Path, pepper: Pepper, *, reapply: Callable[[Path], None] | None = None) -> Restored:
    return restore_backup(
        backup, folder, pepper=pepper, now=LATER, reapply=reapply or (lambda _ready: None), tell=silent
    )


@pytest.fixture
def storage(tmp_path: Path, empty_storage: Path) -> Path:
    folder = Path(shutil.copytree(empty_storage, tmp_path / "data"))
    mark(folder, "before")
    return folder


@pytest.fixture
def backup(storage: Path, tmp_path: Path, pepper: Pepper) -> Path:
    made, _ = make_backup(storage, tmp_path / "backups", pepper=pepper, now=AT, tell=silent)
    mark(storage, "after")
    return made


def test_a_storage_is_again_as_it_was(storage: Path, backup: Path, pepper: Pepper) -> None:
    done = restore(backup, storage, pepper)

    assert done == Restored(made_at="2026-11-22T02:00:00+00:00", aside=storage / ASIDE)
    assert marks(storage) == [{"before"}] * 3
    StorageUrl(engine="sqlite", folder=storage).check_made()
    assert {path.name for path in storage.iterdir()} == {*FILES, "storage.lock", ASIDE}


def test_what_was_there_is_moved_aside_with_everything_in_it(storage: Path, backup: Path, pepper: Pepper) -> None:
    done = restore(backup, storage, pepper)

    assert done.aside
    assert marks(done.aside) == [{"before", "after"}] * 3
    assert stat.S_IMODE(done.aside.stat().st_mode) == 0o700


def test_the_restored_files_are_private(storage: Path, backup: Path, pepper: Pepper) -> None:
    backup.chmod(0o755)
    for path in backup.iterdir():
        path.chmod(0o644)

    restore(backup, storage, pepper)

    assert {stat.S_IMODE((storage / name).stat().st_mode) for name in FILES} == {0o600}


def test_a_backup_can_be_restored_twice_in_one_second(storage: Path, backup: Path, pepper: Pepper) -> None:
    asides = []
    for _ in range(2):
        done = restore(backup, storage, pepper)
        assert done.aside
        asides.append(marks(done.aside))
        assert marks(storage) == [{"before"}] * 3

    assert asides == [[{"before", "after"}] * 3, [{"before"}] * 3]


def test_a_storage_that_is_lost_is_made_again(storage: Path, backup: Path, pepper: Pepper) -> None:
    shutil.rmtree(storage)

    done = restore(backup, storage, pepper)

    assert done.aside is None
    assert marks(storage) == [{"before"}] * 3
    assert stat.S_IMODE(storage.stat().st_mode) == 0o700


def test_a_storage_that_is_damaged_is_moved_aside_as_it_is(storage: Path, backup: Path, pepper: Pepper) -> None:
    (storage / "registry.db").write_bytes(b"not a database " * 1000)
    (storage / "journal.db-wal").write_bytes(b"left over")

    done = restore(backup, storage, pepper)

    assert done.aside
    assert (done.aside / "registry.db").read_bytes() == b"not a database " * 1000
    assert marks(storage) == [{"before"}] * 3


def test_a_backup_of_an_older_version_is_upgraded(tmp_path: Path, storage: Path, pepper: Pepper) -> None:
    make_old_storage(tmp_path / "old", pepper)
    made, _ = make_backup(tmp_path / "old", tmp_path / "backups", pepper=pepper, now=AT, tell=silent)

    restore(made, storage, pepper)

    connection = apsw.Connection(str(storage / "registry.db"))
    assert connection.pragma("user_version") == 2
    assert rows_of(connection, "SELECT count(*) FROM codes WHERE marked IS NULL") == [(3,)]
    connection.close()


def test_whoever_was_erased_is_erased_again_before_the_files_change_places(
    storage: Path, backup: Path, pepper: Pepper
) -> None:
    seen = []

    def reapply(ready: Path) -> None:
        seen.append((marks(ready), marks(storage)))
        mark(ready, "erased again")

    restore(backup, storage, pepper, reapply=reapply)

    assert seen == [([{"before"}] * 3, [{"before", "after"}] * 3)]
    assert marks(storage) == [{"before", "erased again"}] * 3


def test_a_list_of_erasures_takes_its_place_too(storage: Path, backup: Path, pepper: Pepper) -> None:
    (storage / "erasures").write_text("old\n")

    def reapply(ready: Path) -> None:
        (ready / "erasures").write_text("old\nnew\n")

    done = restore(backup, storage, pepper, reapply=reapply)

    assert (storage / "erasures").read_text() == "old\nnew\n"
    assert done.aside
    assert (done.aside / "erasures").read_text() == "old\n"


def test_what_an_import_has_sorted_does_not_meet_another_registry(storage: Path, backup: Path, pepper: Pepper) -> None:
    (storage / "import-7").mkdir()
    (storage / "import-7" / "tags").write_text("sorted")

    done = restore(backup, storage, pepper)

    assert not list(storage.glob("import-*"))
    assert done.aside
    assert (done.aside / "import-7" / "tags").read_text() == "sorted"


def test_an_upload_does_not_meet_another_import_of_its_number(storage: Path, backup: Path, pepper: Pepper) -> None:
    (storage / "uploads").mkdir()
    for name in ("7.csv", "7.lock", "7.rejects.csv"):
        (storage / "uploads" / name).write_text("of another")

    done = restore(backup, storage, pepper)

    assert not (storage / "uploads").exists()
    assert done.aside
    assert len(list((done.aside / "uploads").iterdir())) == 3


class Killed(BaseException):
    """What no code catches."""


# Every step that another process could see: folders, copies and changes of name.
STEPS = range(24)


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return what lets the process die at a step."""

    def arm(number: int) -> None:
        left = [number]

        def dying(method: Any) -> Any:
            def step(*arguments: Any, **named: Any) -> Any:
                if not left[0]:
                    raise Killed
                left[0] -= 1
                return method(*arguments, **named)

            return step

        for owner, name in ((Path, "rename"), (Path, "replace"), (Path, "mkdir"), (Path, "unlink"), (os, "fsync")):
            monkeypatch.setattr(owner, name, dying(getattr(owner, name)))

    return arm


@pytest.mark.parametrize("number", STEPS)
def test_a_restore_that_is_killed_is_finished_by_the_next(
    storage: Path,
    backup: Path,
    pepper: Pepper,
    kill_at: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    kill_at(number)
    with pytest.raises(Killed):
        restore(backup, storage, pepper)
    monkeypatch.undo()

    url = StorageUrl(engine="sqlite", folder=storage)
    if (storage / "restore.json").exists():
        with pytest.raises(StorageError, match="run `scanhook storage restore` again"):
            url.check_made()
    else:
        url.check_made()
        assert marks(storage) in ([{"before", "after"}] * 3, [{"before"}] * 3)

    done = restore(backup, storage, pepper)

    assert marks(storage) == [{"before"}] * 3
    url.check_made()
    assert done.aside
    assert not list(storage.glob("restoring-*"))
    asides = [marks(aside) for aside in storage.glob("before-restore-*")]
    assert [{"before", "after"}] * 3 in asides


def test_the_last_of_the_steps_is_among_those_that_are_tried(
    storage: Path, backup: Path, pepper: Pepper, kill_at: Callable[[int], None]
) -> None:
    kill_at(STEPS[-1] + 1)

    restore(backup, storage, pepper)


def test_the_interrupted_restore_of_one_backup_is_finished_before_another_begins(
    storage: Path,
    backup: Path,
    pepper: Pepper,
    tmp_path: Path,
    kill_at: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newer, _ = make_backup(storage, tmp_path / "backups", pepper=pepper, now=AT + 60, tell=silent)
    kill_at(STEPS[-1] - 3)
    with pytest.raises(Killed):
        restore(backup, storage, pepper)
    monkeypatch.undo()
    assert (storage / "restore.json").exists()

    done = restore(newer, storage, pepper)

    assert done.made_at == "2026-11-22T02:01:00+00:00"
    assert marks(storage) == [{"before", "after"}] * 3


def test_a_storage_in_use_is_left_alone(storage: Path, backup: Path, pepper: Pepper) -> None:
    service = use_files(storage)
    with pytest.raises(Refused, match="stop the service, wait for imports, and run this again"):
        restore(backup, storage, pepper)
    service.close()
    old_service = apsw.Connection(str(storage / "office.db"))
    old_service.execute("SELECT * FROM meta").fetchall()
    with pytest.raises(Refused, match="stop the service, wait for imports, and run this again"):
        restore(backup, storage, pepper)
    old_service.close()

    assert marks(storage) == [{"before", "after"}] * 3
    assert [path.name for path in storage.iterdir() if path.is_dir()] == []


def test_another_pepper_restores_nothing(storage: Path, backup: Path) -> None:
    with pytest.raises(PepperMismatch, match="put back the pepper that was kept apart from it"):
        restore(backup, storage, OTHER_PEPPER)

    assert marks(storage) == [{"before", "after"}] * 3


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (Path.unlink, r"registry\.db is missing or not whole: take another backup"),
        (_cut, r"registry\.db is missing or not whole: take another backup"),
        (_spoil, r"registry\.db is damaged \(its SHA-256 is another\): take another backup"),
    ],
)
def test_a_backup_that_is_not_whole_is_refused(
    storage: Path, backup: Path, pepper: Pepper, damage: Callable[[Path], None], why: str
) -> None:
    damage(backup / "registry.db")

    with pytest.raises(Refused, match=why):
        restore(backup, storage, pepper)

    assert marks(storage) == [{"before", "after"}] * 3
    StorageUrl(engine="sqlite", folder=storage).check_made()


def test_a_backup_of_a_newer_version_is_refused(
    storage: Path, backup: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.storage.restore.schema_of", lambda _package: ["one"])

    with pytest.raises(Refused, match=r"schema 3 of journal\.db, here 1\): install that version, and restore with it"):
        restore(backup, storage, pepper)


def test_a_disk_without_room_is_told_before_anything_is_written(
    storage: Path, backup: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(storage)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1000))

    with pytest.raises(Refused, match="has 1,000 free: make room there"):
        restore(backup, storage, pepper)

    assert {path.name for path in storage.iterdir()} == {*FILES, "storage.lock"}
