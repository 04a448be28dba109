from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from scanhook.storage import Pepper, Session
from scanhook.storage.checking import Finding, check_file
from scanhook.storage.files import STORE_FILES, Telling

OTHER_PEPPER = Pepper(secret=bytes(range(1, 33)))
REGISTRY = next(file for file in STORE_FILES if file.name == "registry.db")


@pytest.fixture
def storage(tmp_path: Path, empty_storage: Path) -> Path:
    return Path(shutil.copytree(empty_storage, tmp_path / "data"))


def nothing_wrong(session: Session, /, *, quick: bool, tell: Telling) -> Iterator[str]:
    return iter(())


def two_things_wrong(session: Session, /, *, quick: bool, tell: Telling) -> Iterator[str]:
    return iter(("ghosts: 1", f"quick: {quick}"))


def look(storage: Path, pepper: Pepper, *, wrong: bool = False, quick: bool = False) -> list[Finding]:
    contradictions = two_things_wrong if wrong else nothing_wrong
    return list(
        check_file(
            REGISTRY,
            storage,
            pepper=pepper,
            quick=quick,
            contradictions=contradictions,
            one_state=True,
            tell=lambda _w, _d, _o: None,
        )
    )


def run(path: Path, statement: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("quick", [True, False])
def test_a_good_file_has_no_fault(storage: Path, pepper: Pepper, *, quick: bool) -> None:
    assert look(storage, pepper, quick=quick) == [
        Finding(name="registry.db: pepper"),
        Finding(name="registry.db: schema"),
        Finding(name="registry.db: integrity"),
        Finding(name="registry.db: rows"),
    ]


def test_another_pepper_is_a_fault(storage: Path) -> None:
    faults = {finding.name: finding.fault for finding in look(storage, OTHER_PEPPER) if finding.fault}

    assert faults == {
        "registry.db: pepper": f"{storage}/registry.db was made with the pepper 7df72aa8, and `pepper_file` holds "
        f"{OTHER_PEPPER.id}: put back the pepper that belongs to this storage"
    }


@pytest.mark.parametrize(
    ("version", "remedy"), [(1, "run `scanhook storage upgrade`"), (99, "install the version that made it")]
)
def test_another_schema_is_a_fault(storage: Path, pepper: Pepper, version: int, remedy: str) -> None:
    run(storage / "registry.db", f"PRAGMA user_version = {version}")

    found = look(storage, pepper)

    assert [finding.name for finding in found] == ["registry.db: pepper", "registry.db: schema"]
    assert found[1].fault == f"{storage}/registry.db has the schema {version}, here it is 2: {remedy}"


@pytest.mark.parametrize("quick", [True, False])
def test_a_damaged_file_is_a_fault(storage: Path, pepper: Pepper, *, quick: bool) -> None:
    run(storage / "registry.db", "CREATE TABLE ballast AS SELECT randomblob(20000)")
    size = (storage / "registry.db").stat().st_size
    with (storage / "registry.db").open("r+b") as file:
        file.seek(size - 4096)
        file.write(b"\xff" * 4)  # where the last overflow page's chain goes on

    found = look(storage, pepper, quick=quick)

    assert found[-1].name == "registry.db: integrity"
    assert found[-1].fault
    assert found[-1].fault.endswith("restore the newest backup that is good")


def test_what_contradicts_itself_is_a_fault(storage: Path, pepper: Pepper) -> None:
    found = look(storage, pepper, wrong=True)

    assert found[-1].fault == f"{storage}/registry.db contradicts itself: ghosts: 1; quick: False"


def test_a_file_that_cannot_be_opened_is_a_fault(storage: Path, pepper: Pepper) -> None:
    (storage / "registry.db").write_bytes(b"keystandard," * 1000)

    assert look(storage, pepper) == [
        Finding(
            name="registry.db",
            fault=f"{storage}/registry.db: it is not a database: restore it from a backup, or move it out of the way",
        )
    ]


@pytest.mark.parametrize("one_state", [True, False])
def test_rows_are_looked_at_as_they_were_at_one_moment_where_that_is_asked(
    storage: Path, pepper: Pepper, *, one_state: bool
) -> None:
    counts: list[int] = []

    def count_twice(session: Session, /, *, quick: bool, tell: Telling) -> Iterator[str]:
        for _ in range(2):
            counts.append(session.value("SELECT count(*) FROM changes"))
            run(
                storage / REGISTRY.name,
                "INSERT INTO changes (at, who, why, action, level, codes) VALUES (1, 'ann', '', 'recall', 'batch', 0)",
            )
        yield from ()

    list(
        check_file(
            REGISTRY,
            storage,
            pepper=pepper,
            quick=False,
            contradictions=count_twice,
            one_state=one_state,
            tell=lambda _w, _d, _o: None,
        )
    )
    assert counts == ([0, 0] if one_state else [0, 1])
