from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scanhook.errors import StorageError
from scanhook.storage.machine import Machine, this_machine


@pytest.fixture(autouse=True)
def _named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "web-1")


def test_a_machine_has_an_id_that_stays(tmp_path: Path) -> None:
    first = this_machine(tmp_path / "data")

    assert first == this_machine(tmp_path / "data")
    assert first.name == "web-1"
    assert re.fullmatch(r"[0-9a-f]{16}", first.id)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["machine"]
    assert (tmp_path / "data" / "machine").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_another_folder_is_another_machine(tmp_path: Path) -> None:
    assert not this_machine(tmp_path / "a").is_same(this_machine(tmp_path / "b"))


def test_a_host_that_was_given_another_name_is_the_same_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = this_machine(tmp_path)
    monkeypatch.setattr("socket.gethostname", lambda: "web-7")

    assert this_machine(tmp_path).name == "web-7"
    assert this_machine(tmp_path).is_same(before)


def test_a_host_without_a_name_that_can_be_shown_is_unnamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "\n")

    assert this_machine(tmp_path).name == "unnamed"


def test_all_who_ask_first_at_once_get_the_same_id(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: this_machine(tmp_path).id, range(32)))

    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["machine"]


@pytest.mark.parametrize("name", ["web-1", "web/1", "网页"])
def test_what_is_written_of_a_machine_is_read_again(name: str) -> None:
    machine = Machine(name=name, id="0123456789abcdef")

    assert str(machine) == f"{name}/0123456789abcdef"
    assert Machine.of(str(machine)) == machine


@pytest.mark.parametrize("held", ["", "web-1\n", "0123456789ABCDEF\n", "\x00\xff"])
def test_a_file_that_holds_no_id_is_told(tmp_path: Path, held: str) -> None:
    (tmp_path / "machine").write_text(held)

    with pytest.raises(StorageError, match="machine holds no machine's id: delete it, unless imports wait on this"):
        this_machine(tmp_path)
