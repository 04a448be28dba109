from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from scanhook.errors import Refused, StorageError
from scanhook.storage import Pepper, SqliteDatabase, StorageUrl
from scanhook.storage.lock import alone_with, settle, use_files, use_storage

IN_USE = "the service or a command has .* open: stop the service, wait for imports, and run this again"


def hold_alone(folder: Path) -> None:
    with alone_with(folder):
        pass


def test_many_use_a_storage_at_once_and_nobody_exchanges_its_files_meanwhile(tmp_path: Path) -> None:
    first, second = use_files(tmp_path), use_files(tmp_path)
    for one in (first, second):
        with pytest.raises(Refused, match=IN_USE):
            hold_alone(tmp_path)
        one.close()

    hold_alone(tmp_path)


def test_nobody_uses_a_storage_whose_files_are_being_exchanged(tmp_path: Path) -> None:
    with alone_with(tmp_path):
        with pytest.raises(Refused, match="is being restored or upgraded: try again when that has ended"):
            use_files(tmp_path)
        with pytest.raises(Refused, match=IN_USE):
            hold_alone(tmp_path)

    use_files(tmp_path).close()


def test_a_worker_holds_the_storage_after_its_master_has_gone(tmp_path: Path) -> None:
    master = use_files(tmp_path)
    held = master._descriptor
    assert held is not None
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=(held,)) as worker:
        master.close()
        with pytest.raises(Refused, match=IN_USE):
            hold_alone(tmp_path)
        worker.communicate()

    hold_alone(tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"storage\.lock: No such file or directory"):
        use_files(tmp_path / "gone")


def test_the_lock_is_private(tmp_path: Path) -> None:
    use_files(tmp_path).close()

    assert (tmp_path / "storage.lock").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_settled_needs_no_other(tmp_path: Path, pepper: Pepper) -> None:
    path = tmp_path / "journal.db"
    holder = SqliteDatabase(path, package="scanhook.journal", pepper=pepper)
    with holder.writing() as connection:
        connection.execute("INSERT INTO meta VALUES ('a', 1)")
    assert path.with_name("journal.db-wal").exists()
    holder.close()

    settle(path)

    assert [file.name for file in tmp_path.iterdir()] == ["journal.db"]
    assert path.read_bytes()[18:20] == b"\x01\x01"  # not WAL


def test_who_takes_no_lock_and_has_a_file_open_is_found(tmp_path: Path, pepper: Pepper) -> None:
    path = tmp_path / "journal.db"
    SqliteDatabase(path, package="scanhook.journal", pepper=pepper).close()
    old_service = apsw.Connection(str(path))
    old_service.execute("SELECT * FROM meta").fetchall()

    with pytest.raises(Refused, match=IN_USE):
        settle(path)

    old_service.close()
    settle(path)


def test_a_file_that_cannot_be_settled_is_told(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"keystandard," * 1000)

    with pytest.raises(StorageError, match="it is not a database"):
        settle(tmp_path / "journal.db")


def test_a_storage_in_files_is_held_by_its_url(tmp_path: Path) -> None:
    held = use_storage(StorageUrl(engine="sqlite", folder=tmp_path))
    with pytest.raises(Refused, match=IN_USE):
        hold_alone(tmp_path)

    held.close()

    hold_alone(tmp_path)


def test_a_storage_on_a_server_has_nothing_to_hold_but_a_private_folder_here(tmp_path: Path) -> None:
    use_storage(StorageUrl.parse("postgresql://scanhook@db.example/scanhook", base=tmp_path / "house")).close()

    assert [path.name for path in (tmp_path / "house").iterdir()] == ["data"]
    assert (tmp_path / "house" / "data").stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "house" / "data").iterdir()) == []


def test_a_folder_on_this_machine_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "house").write_text("not a folder")

    with pytest.raises(StorageError, match="house/data: Not a directory"):
        use_storage(StorageUrl.parse("postgresql://scanhook@db.example/scanhook", base=tmp_path / "house"))
