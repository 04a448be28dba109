from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from scanhook import create_app
from scanhook.cli import demo as demo_module
from scanhook.cli.simulate import Reply
from scanhook.settings import House
from tests.cli.conftest import run
from tests.serving import environment, free_port, wait_for


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """Let the demo take no signal of the tests' for its own."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@contextmanager
def serving_here(house: House) -> Iterator[None]:
    """Serve a house from this process, which starts and stops faster than a service of its own."""
    host, _, port = house.settings.service.bind.rpartition(":")
    server = make_server(host, int(port), create_app(house), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_check_sends_three_pushes_and_shows_what_came_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.delenv("SCANHOOK_CONFIG")
    monkeypatch.setattr(demo_module, "_serving", serving_here)
    shown = run("demo", "--check").stdout
    rows = [line.replace("│", " ").split()[:4] for line in shown.splitlines() if "✓" in line]
    assert rows == [
        ["qrcode/moment-frame/GENUINE0001", "real", "✓", "real"],
        ["qrcode/moment-frame/COPIED99999", "fake", "✓", "fake"],
        ["qrcode/moment-frame/PRINTED0003", "not_active", "✓", "not_active"],
    ]
    assert "✗" not in shown
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_wrong_answer_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer_fake(*_: object, **__: object) -> Reply:
        return Reply(status=200, body="", opened={}, verdict="fake", seconds=0.001)

    monkeypatch.setattr(demo_module, "send", answer_fake)
    monkeypatch.setattr(demo_module, "_serving", nullcontext)
    shown = run("demo", "--check", code=1).stdout
    assert shown.count("✗ fake") == 2
    assert shown.count("✓ fake") == 1


def test_a_service_that_does_not_start_shows_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert run("demo", "--check", code=1).stderr.startswith("error: the service did not start; its log says:")


def test_a_port_that_is_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        result = run("demo", "--port", str(port), code=1)
    assert result.stderr == f"error: 127.0.0.1:{port} is in use: choose another port with --port\n"
    assert result.stdout == ""


@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_what_is_no_port_is_a_usage_error(port: str) -> None:
    assert "Invalid value for '--port'" in run("demo", "--port", port, code=2).stderr


@contextmanager
def staying(home: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run a demo, and let nothing of it stay."""
    command = [sys.executable, "-m", "scanhook", "demo", "--port", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment(home), start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_a_demo_stays_until_ctrl_c_and_leaves_nothing(tmp_path: Path) -> None:
    port = free_port()
    with staying(tmp_path, port) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            (folder,) = (tmp_path / "tmp").glob("scanhook-demo-*")
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert list((tmp_path / "tmp").iterdir()) == []
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    assert said.count("✓") == 3
    assert f"The service runs on http://127.0.0.1:{port}/wechat/callback." in said
    assert f"  scanhook scans tail --follow --config {folder}/house/scanhook.toml\n" in said


def test_a_demo_that_is_ended_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    port = free_port()
    with staying(tmp_path, port) as process:
        wait_for(lambda: list((tmp_path / "tmp").glob("scanhook-demo-*/house/service.log")), "the service is started")
        process.terminate()
        process.wait(20)
        assert list((tmp_path / "tmp").iterdir()) == []


def test_a_demo_leaves_the_house_alone_that_the_environment_names(
    stocked: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted((path.name, path.read_bytes()) for path in (stocked.base / "data").glob("*.db"))
    monkeypatch.setenv("SCANHOOK_STORAGE__URL", f"sqlite:////{stocked.base / 'data'}")
    monkeypatch.setenv("SCANHOOK_STORAGE__PEPPER_FILE", str(stocked.pepper_path))
    monkeypatch.setattr(demo_module, "_serving", serving_here)
    run("demo", "--check")
    assert sorted((path.name, path.read_bytes()) for path in (stocked.base / "data").glob("*.db")) == before
