from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from scanhook.clock import FixedClock
from scanhook.registry import RegistryStore
from scanhook.registry.importstore import ImportPlan, Kind, Phase
from scanhook.settings import House
from scanhook.wire.service import open_storage
from tests.cli.conftest import AT, run, run_json
from tests.machines import Machines

LINES = """\
keystandard,keystr,extinfo,status
qrcode,moment-frame,GENUINE0001,active
qrcode,moment-frame,GENUINE0002,active
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a code file that is good."""
    path = tmp_path / "spring.csv"
    path.write_text(LINES)
    return path


@pytest.fixture
def stopped(file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a code file whose import was stopped before it was shown."""

    def stop(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("scanhook.registry.sqlite.SqliteRegistry.finish_import", stop)
        with pytest.raises(RuntimeError):
            run("codes", "import", file)
    return file


def cells(text: str) -> list[list[str]]:
    return [line.replace("│", " ").split() for line in text.splitlines()]


def test_a_registry_without_imports_says_how_to_begin() -> None:
    assert run("imports", "list").stdout == ("Nothing was imported yet: begin with `scanhook codes import FILE.csv`.\n")


def test_imports_are_listed_the_newest_first(file: Path) -> None:
    run("codes", "import", file)
    run("codes", "import", file, "--batch", "again", code=1)
    assert [(each["import"], each["file"], each["phase"]) for each in run_json("imports", "list")] == [
        (2, "spring.csv", "refused"),
        (1, "spring.csv", "done"),
    ]
    said = run("imports", "list").stdout
    assert "spring.csv" in said
    assert "machine" not in said
    assert run_json("imports", "list", "--limit", "1")[0]["import"] == 2


def test_an_import_is_shown_with_its_audit(file: Path) -> None:
    run("codes", "import", file, "--why", "delivery of May")
    said = run("imports", "show", "1")
    for row in (["import", "1"], ["state", "done"], ["why", "delivery", "of", "May"], ["codes", "2"], ["lines", "2"]):
        assert row in cells(said.stdout)
    assert "warning: the codes can be guessed" in said.stderr
    shown = run_json("imports", "show", "1")
    assert (shown["options"], shown["done"], shown["total"]) == (
        {"account": "main", "batch": "spring", "skip_bad": False},
        2,
        2,
    )


def test_an_import_that_is_not_finished_is_shown_with_its_share(stopped: Path) -> None:
    assert ["state", "loading,", "100%"] in cells(run("imports", "show", "1").stdout)


def test_an_import_that_is_not_finished_can_be_given_up(stopped: Path) -> None:
    assert run("imports", "drop", "1").stdout == "The import 1 is given up.\n"
    assert run_json("imports", "show", "1")["phase"] == "dropped"
    assert run_json("products", "list") == []
    assert run_json("codes", "import", stopped)["went_on_at"] is None


def test_an_import_whose_tags_are_lost_is_given_up_as_far_as_that_goes(stopped: Path, tmp_path: Path) -> None:
    (manifest,) = tmp_path.rglob("manifest.json")
    manifest.unlink()
    assert "Its folder is gone, so its rows could not be found" in run("imports", "drop", "1").stdout


@pytest.fixture
def registry(shop: House) -> Iterator[RegistryStore]:
    """Return the registry that the commands work on."""
    storage = open_storage(shop, clock=FixedClock(AT))
    yield storage.registry
    storage.close()


def test_the_codes_of_an_import_are_shown_once_they_are_counted(registry: RegistryStore) -> None:
    plan = ImportPlan(kind=Kind.IMPORT, file="spring.csv", who="lin", why="")
    registry.note_progress(registry.start_import(plan), phase=Phase.READING, done=1_000, total=4_000)
    begun = "2026-11-22"
    assert ["1", "import", "spring.csv", "reading,", "25%", begun] in cells(run("imports", "list").stdout)


def test_an_import_that_waits_can_be_given_up_while_another_runs(registry: RegistryStore) -> None:
    plan = ImportPlan(kind=Kind.IMPORT, file="spring.csv", who="lin", why="")
    registry.start_import(plan, phase=Phase.QUEUED)
    registry.start_import(plan)
    with registry.importing():
        assert run("imports", "drop", "1").stdout == "The import 1 is given up.\n"
        assert "another import is running" in run("imports", "drop", "2", code=1).stderr
    assert [each["phase"] for each in run_json("imports", "list")] == ["reading", "dropped"]


def test_a_finished_import_is_not_given_up(file: Path) -> None:
    run("codes", "import", file)
    said = run("imports", "drop", "1", code=1).stderr
    assert "error: the import 1 is done: only one that is not finished can be dropped\n" in said


@pytest.mark.parametrize("command", ["show", "drop"])
def test_an_import_that_is_not_there_is_told(command: str) -> None:
    said = run("imports", command, "7", code=1).stderr
    assert said == "error: there is no import 7: see `scanhook imports list`\n"


@pytest.fixture
def stopped_on_web_1(machines: Machines, file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a code file whose import was stopped on one of several machines before it was shown."""

    def stop(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("scanhook.registry.postgres.PostgresRegistry.finish_import", stop)
        with pytest.raises(RuntimeError):
            run("codes", "import", file)
    return file


def test_where_several_machines_import_the_list_names_them(
    machines: Machines, stopped_on_web_1: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.on("web-2")
    monkeypatch.setattr("scanhook.cli.common.console", Console(width=160))
    listed = [[cell.strip() for cell in line.split("│")[1:6]] for line in run("imports", "list").stdout.splitlines()]
    assert ["1", "import", "spring.csv", "web-1", "loading, 100%"] in listed


def test_a_stopped_import_goes_on_only_on_the_machine_that_has_it(machines: Machines, stopped_on_web_1: Path) -> None:
    machines.on("web-2")
    assert "web-1" in run("imports", "list").stdout
    shown = cells(run("imports", "show", "1").stdout)
    assert ["machine", "web-1"] in shown
    assert ["state", "loading", "on", "web-1,", "100%"] in shown
    assert run_json("imports", "show", "1")["machine"] == "web-1"
    assert run("codes", "import", stopped_on_web_1, code=1).stderr.endswith(
        "error: this file was read already, as import 1, and its sorted codes lie on the machine web-1: run the same "
        "command there to go on, or give the import up with `scanhook imports drop 1`\n"
    )

    machines.on("web-1")
    assert run_json("codes", "import", stopped_on_web_1)["went_on_at"] == 1

    machines.on("web-2")
    assert ["state", "done"] in cells(run("imports", "show", "1").stdout)
    assert "was imported already" in run("codes", "import", stopped_on_web_1, code=1).stderr


def test_an_import_is_given_up_from_another_machine_as_far_as_that_goes(
    machines: Machines, stopped_on_web_1: Path
) -> None:
    machines.on("web-2")
    said = run("imports", "drop", "1").stdout
    assert said == (
        "The import 1 is given up.\n"
        "Its sorted codes lie on the machine web-1, and without them its rows cannot be found: run the same command "
        "there, which deletes them. Until then, or until the same codes are imported again, they stay in the registry, "
        "where nobody sees them.\n"
    )
    assert run_json("codes", "import", stopped_on_web_1)["codes"] == 2

    machines.on("web-1")
    assert run("imports", "drop", "1").stdout == "The import 1 is given up.\n"
    assert [each["codes"] for each in run_json("batches", "list")] == [2]


def test_an_import_that_waits_on_another_machine_is_left_alone_until_it_is_given_up(
    machines: Machines, file: Path
) -> None:
    storage = open_storage(machines.on("web-1"), clock=FixedClock(AT))
    plan = ImportPlan(kind=Kind.IMPORT, file="summer.csv", who="lin", why="")
    waits = storage.registry.start_import(plan, phase=Phase.QUEUED)
    storage.close()

    machines.on("web-2")
    assert run_json("codes", "import", file)["codes"] == 2
    assert [(each["phase"], each["machine"]) for each in run_json("imports", "list")] == [
        ("done", "web-2"),
        ("queued", "web-1"),
    ]
    assert run("imports", "drop", str(waits)).stdout == f"The import {waits} is given up.\n"
    assert run_json("imports", "show", str(waits))["phase"] == "dropped"
