from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import httpx2
import pytest
from werkzeug.serving import make_server

from scanhook import create_app
from scanhook.cli import demo as demo_module
from scanhook.cli.common import own_command
from scanhook.sandbox.trace import Shown
from scanhook.settings import House
from tests.cli.conftest import run
from tests.serving import environment, free_port, wait_for

SCAN = {
    "account": "plain",
    "format": "json",
    "keystandard": "qrcode",
    "keystr": "moment-frame",
    "extinfo": "GENUINE0001",
}

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """Let the demo take no signal of the tests' for its own."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, was in before.items():
        signal.signal(number, was)


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
    rows = [re.split(r"\s*│\s*|(?<=✓) ", line.strip("│ "))[:4] for line in shown.splitlines() if "✓" in line]
    assert rows == [
        ["qrcode/moment-frame/GENUINE0001", "genuine", "✓", "genuine"],
        ["qrcode/moment-frame/COPIED99999", "fake", "✓", "fake"],
        ["qrcode/moment-frame/PRINTED0003", "not activated", "✓", "not activated"],
    ]
    assert "✗" not in shown
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_wrong_answer_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = ("GENUINE0001", Shown.FAKE)
    monkeypatch.setattr(demo_module, "_EXPECTED", (wrong, *demo_module._EXPECTED[1:]))
    monkeypatch.setattr(demo_module, "_serving", serving_here)
    shown = run("demo", "--check", code=1).stdout
    assert shown.count("✗ genuine") == 1
    assert shown.count("✓") == 2


def test_no_service_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_module, "_serving", nullcontext)
    assert run("demo", "--check", code=1).stdout.count("✗ no answer") == 3


def test_a_service_that_does_not_start_shows_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert run("demo", "--check", code=1).stderr.startswith("error: the service did not start; its log says:")


def test_a_port_that_is_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        result = run("demo", "--port", str(port), code=1)
    assert result.stderr == f"error: 127.0.0.1:{port} is in use: choose another port with --port\n"
    assert result.stdout == ""


def test_a_port_for_the_phone_that_is_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        result = run("demo", "--port", str(free_port()), "--sandbox-port", str(port), code=1)
    assert result.stderr == f"error: 127.0.0.1:{port} is in use: choose another port with --sandbox-port\n"


@pytest.mark.parametrize("option", ["--port", "--sandbox-port"])
@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_what_is_no_port_is_a_usage_error(option: str, port: str) -> None:
    assert f"Invalid value for '{option}'" in run("demo", option, port, code=2).stderr


@contextmanager
def staying(home: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run a demo, and let nothing of it stay."""
    command = [sys.executable, "-m", "scanhook", "demo", "--port", str(port), "--sandbox-port", str(free_port())]
    ignored = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored there, too
    try:
        running = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment(home), start_new_session=True
        )
    finally:
        signal.signal(signal.SIGHUP, ignored)
    with running as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.ordeal
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
        phone = re.search(r"Open the phone and scan: {2}(http://127\.0\.0\.1:\d+/phone)\n", said)
        assert phone is not None
        scanned = httpx2.post(f"{phone[1]}/scans", json=SCAN, trust_env=False).json()
        assert scanned["shown"] == "genuine"
        landing = httpx2.get(
            phone[1].replace("/phone", scanned["landing"]), trust_env=False, follow_redirects=True, headers=ENGLISH
        )
        assert landing.url.path == "/landing/plain"
        assert "Genuine" in landing.text
        assert process.poll() is None
        with socket.create_connection(("127.0.0.1", port), timeout=5):  # as a browser keeps one
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        assert list((tmp_path / "tmp").iterdir()) == []
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    assert said.count("✓") == 3
    assert f"The service runs on http://127.0.0.1:{port}/wechat/callback." in said
    assert f"  {own_command()} scans tail --follow --config {folder}/house/scanhook.toml\n" in said
    assert f"  tail -f {folder}/house/service.log\n" in said


@pytest.mark.ordeal
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP], ids=["it is ended", "its terminal is closed"])
def test_a_demo_that_is_ended_while_it_starts_leaves_nothing(tmp_path: Path, ending: signal.Signals) -> None:
    port = free_port()
    with staying(tmp_path, port) as process:
        wait_for(lambda: list((tmp_path / "tmp").glob("scanhook-demo-*/house/service.log")), "the service is started")
        process.send_signal(ending)
        assert process.wait(60) == 0
        assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.ordeal
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl(2) is Linux's")
def test_the_service_of_a_demo_that_is_killed_ends(tmp_path: Path) -> None:
    port = free_port()
    with staying(tmp_path, port) as process:
        wait_for(lambda: is_listening(port), "the service listens")
        process.kill()
        process.wait(60)
        wait_for(lambda: not is_listening(port), "the service has ended")


def is_listening(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def test_a_demo_leaves_the_house_alone_that_the_environment_names(
    stocked: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted((path.name, path.read_bytes()) for path in (stocked.base / "data").glob("*.db"))
    monkeypatch.setenv("SCANHOOK_STORAGE__URL", f"sqlite:////{stocked.base / 'data'}")
    monkeypatch.setenv("SCANHOOK_STORAGE__PEPPER_FILE", str(stocked.pepper_path))
    monkeypatch.setattr(demo_module, "_serving", serving_here)
    run("demo", "--check")
    assert sorted((path.name, path.read_bytes()) for path in (stocked.base / "data").glob("*.db")) == before
