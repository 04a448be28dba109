from __future__ import annotations

import io
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scanhook.clock import SystemClock
from scanhook.errors import Refused, StorageError
from scanhook.registry import RegistryStore, open_registry
from scanhook.registry import import_codes as registry_import_codes
from scanhook.registry.importstore import Import, ImportPlan, Kind, Phase
from scanhook.registry.loading import drop_import
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.settings import House
from scanhook.storage import Pepper
from scanhook.wire import importer
from scanhook.wire.importer import run_import, start_import
from scanhook.wire.service import storage_url
from scanhook.wire.uploads import Uploads

FILE = b"keystandard,keystr,extinfo,status\nqrcode,moment-frame,UPLOADED001,active\n"


@contextmanager
def registry_of(house: House) -> Iterator[RegistryStore]:
    registry = open_registry(storage_url(house), pepper=Pepper.load(house.pepper_path), clock=SystemClock())
    try:
        yield registry
    finally:
        registry.close()


def queue(house: House, content: bytes = FILE, **options: object) -> int:
    """Queue an upload as the service does."""
    plan = ImportPlan(
        kind=Kind.IMPORT,
        file="new.csv",
        who="api:erp",
        why="new codes",
        options={"account": "main", "batch": "new", "skip_bad": False, **options},
    )
    with registry_of(house) as registry:
        import_id = registry.start_import(plan, phase=Phase.QUEUED)
        uploads = Uploads(registry.folder)
        with uploads.receiving(io.BytesIO(content).read) as received:
            uploads.adopt(received, import_id)
    return import_id


def found(house: House, import_id: int) -> Import:
    with registry_of(house) as registry:
        row = registry.find_import(import_id)
        assert row is not None
        return row


def knows(house: House) -> bool:
    with registry_of(house) as registry:
        return registry.look_up("main", "qrcode", "moment-frame", "UPLOADED001").code is not None


def is_here(house: House, import_id: int) -> bool:
    return Uploads(house.base / "data").is_here(import_id)


def test_a_queued_import_runs_to_its_end_and_its_file_is_gone(house: House) -> None:
    import_id = queue(house)
    run_import(house, import_id)
    row = found(house, import_id)
    assert (row.phase, row.plan.who, row.plan.why) == (Phase.DONE, "api:erp", "new codes")
    assert knows(house)
    assert not is_here(house, import_id)


def test_an_import_that_is_not_there_is_nothing(house: House) -> None:
    run_import(house, 99)


def test_one_that_was_stopped_while_its_codes_were_stored_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = queue(house)

    def cut_off(*_: object, **__: object) -> None:
        raise StorageError("the disk is full: make room on it")

    with monkeypatch.context() as patched:
        patched.setattr(SqliteRegistry, "finish_import", cut_off)
        with pytest.raises(StorageError):
            run_import(house, import_id)
    assert (found(house, import_id).phase, knows(house), is_here(house, import_id)) == (Phase.LOADING, False, True)
    run_import(house, import_id)
    assert (found(house, import_id).phase, knows(house), is_here(house, import_id)) == (Phase.DONE, True, False)
    with registry_of(house) as registry:
        assert [row.id for row in registry.imports()] == [import_id]


@pytest.mark.parametrize("options", [{}, {"dry_run": True}])
def test_one_that_failed_begins_again(house: House, monkeypatch: pytest.MonkeyPatch, options: dict[str, bool]) -> None:
    import_id = queue(house, FILE, **options)

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("UPLOADED001 was in my hands")

    with monkeypatch.context() as patched:
        patched.setattr(SqliteRegistry, "draft_product", broken)
        with pytest.raises(ZeroDivisionError):
            run_import(house, import_id)
    row = found(house, import_id)
    assert row.phase is Phase.FAILED
    assert "UPLOADED001" not in str(row.report)
    assert is_here(house, import_id)
    run_import(house, import_id)
    assert (found(house, import_id).phase, knows(house)) == (Phase.DONE, not options)


@pytest.mark.parametrize("options", [{}, {"dry_run": True}])
def test_a_file_that_is_refused_is_not_kept(house: House, options: dict[str, bool]) -> None:
    import_id = queue(house, b"a,b\n1,2\n", **options)
    with pytest.raises(Refused):
        run_import(house, import_id)
    row = found(house, import_id)
    assert row.phase is Phase.REFUSED
    assert row.report["why"]
    assert not is_here(house, import_id)


def test_it_waits_while_another_import_runs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    import_id = queue(house)
    waited: list[float] = []
    with registry_of(house) as registry:
        other: Any = registry.importing()
        other.__enter__()

        def pause(seconds: float) -> None:
            if seconds < 1:  # the engine's own, between two transactions
                return
            waited.append(seconds)
            assert found(house, import_id).phase is Phase.QUEUED
            if len(waited) == 3:
                other.__exit__(None, None, None)

        monkeypatch.setattr(time, "sleep", pause)
        run_import(house, import_id)
    assert waited == [1.0, 1.0, 1.0]
    assert found(house, import_id).phase is Phase.DONE


@pytest.mark.parametrize("options", [{}, {"dry_run": True}])
def test_one_that_is_given_up_while_it_waits_is_not_imported(
    house: House, monkeypatch: pytest.MonkeyPatch, options: dict[str, bool]
) -> None:
    import_id = queue(house, FILE, **options)
    with registry_of(house) as registry:
        other: Any = registry.importing()
        other.__enter__()

        def pause(seconds: float) -> None:
            if seconds < 1:
                return
            row = registry.find_import(import_id)
            assert row is not None
            other.__exit__(None, None, None)
            drop_import(registry, row, progress=lambda _what, _done, _total: None)

        monkeypatch.setattr(time, "sleep", pause)
        run_import(house, import_id)
    assert (found(house, import_id).phase, knows(house), is_here(house, import_id)) == (Phase.DROPPED, False, False)


@pytest.mark.parametrize("phase", [Phase.DONE, Phase.REFUSED, Phase.DROPPED])
def test_one_that_has_ended_is_never_begun_again(house: House, phase: Phase) -> None:
    import_id = queue(house)
    if phase is Phase.DONE:
        run_import(house, import_id)
    else:
        with registry_of(house) as registry:
            registry.close_import(import_id, phase=phase, report={})
    run_import(house, import_id)
    assert (found(house, import_id).phase, knows(house)) == (phase, phase is Phase.DONE)


def test_one_that_was_refused_its_place_by_another_that_has_ended_since_tries_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = queue(house)
    refusals = iter([Refused("another import is running")])

    def overtaken(*given: Any, **more: Any) -> Any:
        for refusal in refusals:
            raise refusal
        return registry_import_codes(*given, **more)

    monkeypatch.setattr(importer, "import_codes", overtaken)
    run_import(house, import_id)
    assert found(house, import_id).phase is Phase.DONE


def test_the_process_runs_the_scanhook_that_we_run_and_comes_after_scans(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = queue(house)
    (tmp_path / "scanhook").mkdir()
    (tmp_path / "scanhook" / "__init__.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def noted(*given: Any, **more: Any) -> Any:
        started.append(popen(*given, **more))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", noted)
    start_import(house, import_id, Uploads(house.base / "data").claim(import_id))
    assert started[0].wait(20) == 0
    assert found(house, import_id).phase is Phase.DONE


def test_a_process_that_cannot_begin_is_told_of_in_the_log(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import_id = queue(house)
    house.pepper_path.unlink()
    start_import(house, import_id, Uploads(house.base / "data").claim(import_id))
    for thread in threading.enumerate():
        if thread.name == f"import {import_id}":
            thread.join(20)
    assert f'event="an import stopped" id={import_id} status=1' in caplog.text


def test_another_import_that_is_quicker_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    import_id = queue(house)
    import_codes = registry_import_codes
    calls: list[int] = []

    def overtaken(*given: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            with registry_of(house) as registry, registry.importing():
                free = iter([False, True])
                monkeypatch.setattr(importer._Run, "_is_busy", lambda _run: not next(free, True))
                return import_codes(*given, **more)
        return import_codes(*given, **more)

    monkeypatch.setattr(importer, "import_codes", overtaken)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    run_import(house, import_id)
    assert len(calls) == 2
    assert found(house, import_id).phase is Phase.DONE
