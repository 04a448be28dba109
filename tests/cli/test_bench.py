from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from werkzeug.serving import make_server

from scanhook import create_app
from scanhook.cli import bench as bench_module
from scanhook.cli import bench_sending
from scanhook.cli.bench_service import Running
from scanhook.journal import EventPage
from scanhook.journal.sqlite import SqliteJournal
from scanhook.settings import House
from tests.cli.conftest import run, run_json
from tests.serving import environment, wait_for

TINY = ("--seconds", "0.2", "--connections", "2", "--codes", "20")


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """Let the bench take no signal of the tests' for its own."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@contextmanager
def serving_here(house: House, *, workers: int, port: int, environ: Mapping[str, str]) -> Iterator[Running]:
    """Serve a house from this process, which starts and stops faster than a service of its own."""
    server = make_server("127.0.0.1", port, create_app(house), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        process: Any = SimpleNamespace(pid=-1)
        yield Running(process=process, port=port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything but the load happen in this process."""
    monkeypatch.setattr(bench_module, "running", serving_here)
    monkeypatch.setattr(bench_module, "_WARM_UP_PUSHES", 100)
    monkeypatch.setattr(bench_module, "_RATE_MIN", 100)
    monkeypatch.setattr(bench_module, "disk_waits", lambda: 0.0)
    monkeypatch.setattr(bench_sending, "cores", lambda: 0)


def files_of(house: House) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(house.base.rglob("*")) if path.is_file()}


@pytest.mark.usefixtures("small")
def test_scans_are_sent_answered_stored_and_checked_and_the_house_is_not_touched(shop: House) -> None:
    before = files_of(shop)

    found = run_json("bench", *TINY)

    assert found["good"] is True
    checked = found["checked"]
    assert (checked["lost"], checked["doubled"], checked["wrong"]) == (0, 0, 0)
    assert checked["answered"] == checked["sent"] == checked["stored"] + checked["repeats"] > 20
    assert sum(found["answers"].values()) > 0
    assert found["pushes_per_commit"] > 0
    assert (found["refused"], set(found["errors"].values())) == (0, {0})
    assert files_of(shop) == before


@pytest.mark.usefixtures("small")
def test_a_scan_that_is_answered_and_not_stored_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = SqliteJournal.entries
    monkeypatch.setattr(SqliteJournal, "entries", lambda journal: [*entries(journal)][1:])

    said = run("bench", *TINY, "--rate", "100", code=1).stdout

    assert "lost 1  doubled 0  wrong verdicts 0" in said
    assert "A promise was broken." in said


@pytest.mark.usefixtures("small")
def test_with_every_scan_come_the_events_that_belong_to_it(shop: House) -> None:
    found = run_json("bench", *TINY, "--events", "--rate", "150")

    assert found["good"] is True
    told = found["answers"]
    verdicts = told["real"] + told["fake"] + told["not_active"]
    assert verdicts + told["success"] == 30
    assert 9 <= verdicts <= 12  # some pushes are repeats
    checked = found["checked"]
    assert (checked["lost"], checked["doubled"], checked["wrong"]) == (0, 0, 0)
    assert checked["answered"] == checked["sent"] == checked["stored"] + checked["repeats"]
    assert found["scans_per_s"] < found["pushes_per_s"] <= 150


@pytest.mark.usefixtures("small")
def test_an_event_that_is_answered_and_not_stored_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    events = SqliteJournal.events

    def all_but_one(journal: SqliteJournal, event: str, *, after: int) -> EventPage:
        page = events(journal, event, after=after)
        return replace(page, events=page.events[event == "user_scan_product" :])

    monkeypatch.setattr(SqliteJournal, "events", all_but_one)

    said = run("bench", *TINY, "--events", "--rate", "100", code=1).stdout

    assert "lost 1  doubled 0  wrong verdicts 0" in said


@pytest.mark.parametrize("option", ["--rate", "--seconds"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "soon", "0"])
def test_only_a_number_that_can_be_measured_is_taken(option: str, value: str) -> None:
    said = run("bench", option, value, code=2).stderr

    assert f"Invalid value for '{option}': " in said
    assert value in said


@pytest.mark.usefixtures("small")
def test_nohup_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    warm_up = bench_module._warm_up

    def hung_up(*given: Any) -> Any:
        signal.raise_signal(signal.SIGHUP)
        return warm_up(*given)

    monkeypatch.setattr(bench_module, "_warm_up", hung_up)

    assert run_json("bench", *TINY)["good"] is True


def test_more_pushes_than_can_be_kept_are_refused() -> None:
    assert "more than 300,000 pushes" in run("bench", "--rate", "20000", "--seconds", "60", code=2).stderr


def test_a_house_that_is_named_must_be_there(tmp_path: Path) -> None:
    assert "is not there" in run("bench", "--config", tmp_path / "none.toml", code=1).stderr


@pytest.mark.usefixtures("small")
def test_what_will_happen_is_said_before(shop: House) -> None:
    said = run("bench", *TINY).stderr

    assert f"It lies in {shop.base}, in a folder scanhook-bench-…, and takes up to 70 MB." in said
    assert "All of it takes about 20 s" in said
    assert "measuring" not in said  # no bar where nobody looks


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_is_told_to_end_cleans_up(shop: House, monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    before = files_of(shop)
    monkeypatch.setattr(bench_module, "_warm_up", lambda *_: signal.raise_signal(number))

    said = run("bench", *TINY, code=128 + number).stderr

    assert said.endswith("stopped; nothing is left behind\n")
    assert files_of(shop) == before


@pytest.mark.usefixtures("small")
def test_ctrl_c_while_the_table_is_shown_ends_it_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "show", lambda *_, **__: signal.raise_signal(signal.SIGINT))

    assert run("bench", *TINY, code=130).stderr.endswith("stopped; nothing is left behind\n")


def test_where_there_is_no_house_the_defaults_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCANHOOK_CONFIG")
    monkeypatch.chdir(tmp_path)
    asked: list[object] = []

    def no_site(house: House | None, **_: object) -> None:
        asked.append(house)
        raise KeyboardInterrupt

    monkeypatch.setattr(bench_module, "site_of", no_site)

    run("bench", code=130)

    assert asked == [None]


def test_settings_from_the_environment_change_no_file_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCANHOOK_CONFIG")
    monkeypatch.setenv("SCANHOOK_SERVICE__WORKERS", "1")
    monkeypatch.chdir(tmp_path)

    assert run("bench", code=1).stderr == (
        "error: SCANHOOK_SERVICE__WORKERS is set, and there is no settings file that it could change: name the file "
        "with --config, or unset it to measure every setting's default\n"
    )


@contextmanager
def benching(home: Path, house: House, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a bench as users do; what is still there when the block is left is killed."""
    words = [sys.executable, "-m", "scanhook", "bench", "--config", str(house.path), "--codes", "1000", *options]
    environ = {**environment(home), "TMPDIR": str(home)}  # whatever is forgotten is found there
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.ordeal
def test_a_real_service_is_measured(shop: House, tmp_path: Path) -> None:
    before = files_of(shop)

    with benching(tmp_path, shop, "--seconds", "2", "--rate", "100", "--one-code", "--json") as process:
        found = json.loads(process.communicate()[0])

    assert process.returncode == 0, found
    checked = found["checked"]
    assert (checked["lost"], checked["doubled"], checked["wrong"]) == (0, 0, 0)
    assert 0 < checked["stored"] <= checked["sent"]
    assert found["answers"]["fake"] == found["answers"]["not_active"] == 0
    assert found["processor_us"]["service"] > 50
    assert found["worker_bytes"] > 10_000_000
    assert found["pushes_per_commit"] > 0
    assert files_of(shop) == before


@pytest.mark.ordeal
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_bench_that_is_stopped_leaves_nothing_behind(shop: House, tmp_path: Path, number: signal.Signals) -> None:
    before = files_of(shop)
    with benching(tmp_path, shop, "--seconds", "60") as process:
        watched = psutil.Process(process.pid)
        wait_for(lambda: _serves(watched), "the service runs")
        children = watched.children(recursive=True)

        process.send_signal(number)
        process.communicate()

    assert process.returncode == 128 + number
    assert files_of(shop) == before
    assert list(tmp_path.glob("scanhook-*")) == []
    assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.ordeal
def test_the_service_of_a_bench_that_is_killed_ends_and_the_next_bench_deletes_the_folder(
    shop: House, tmp_path: Path
) -> None:
    with benching(tmp_path, shop, "--seconds", "60") as process:
        watched = psutil.Process(process.pid)
        wait_for(lambda: _serves(watched), "the service runs")
        children = watched.children(recursive=True)

        process.kill()
        process.communicate()

    wait_for(lambda: not any(_lives(child) for child in children), "all have ended")
    assert list(tmp_path.glob("scanhook-*")) == []
    (left,) = shop.base.glob("scanhook-bench-*")
    with benching(tmp_path, shop, "--seconds", "0.2") as process:
        process.communicate()
    assert not left.exists()


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _serves(process: psutil.Process) -> bool:
    """Tell whether a service with workers is among its children."""
    with suppress(psutil.Error):  # one may end while we look
        return any(len(child.children()) > 1 for child in process.children())
    return False
