from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scanhook.wire.companion import Companion
from tests.serving import wait_for

STAY = "import pathlib, os, time; pathlib.Path('up-' + str(os.getpid())).touch(); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAY}"


@dataclass(slots=True)
class Tended:
    """A companion with a clock of its own, which leaves a file for each of its lives."""

    folder: Path
    companion: Companion = field(init=False)
    at: float = 1000.0

    def start(self, script: str) -> None:
        self.companion = Companion(
            "friend", [sys.executable, "-c", script], environ=dict(os.environ), clock=lambda: self.at
        )
        self.companion.tend()

    def lives(self) -> list[int]:
        found = sorted(self.folder.glob("up-*"), key=lambda path: path.stat().st_mtime_ns)
        return [int(path.name.removeprefix("up-")) for path in found]

    def wait_for_life(self, number: int) -> int:
        wait_for(lambda: len(self.lives()) == number, "it is up")
        return self.lives()[-1]

    def die(self, pid: int, how: signal.Signals) -> None:
        os.kill(pid, how)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        self.companion.tend()


@pytest.fixture
def tended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tended]:
    monkeypatch.chdir(tmp_path)
    tended = Tended(folder=tmp_path)
    yield tended
    tended.companion.end()


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_is_started_once_and_ended(tended: Tended) -> None:
    tended.start(STAY)
    pid = tended.wait_for_life(1)
    for _ in range(3):
        tended.at += 100
        tended.companion.tend()
    tended.companion.end()
    assert tended.lives() == [pid]
    assert not is_there(pid)
    tended.companion.end()


def test_it_is_started_again_after_pauses_that_grow(tended: Tended) -> None:
    tended.start(STAY)
    for number, pause_s in ((1, 0.5), (2, 1.0), (3, 2.0)):
        tended.die(tended.wait_for_life(number), signal.SIGKILL if number % 2 else signal.SIGTERM)
        tended.at += pause_s - 0.01
        tended.companion.tend()
        assert len(tended.lives()) == number
        tended.at += 0.02
        tended.companion.tend()
    tended.at += 61  # a long life is a good sign
    tended.die(tended.wait_for_life(4), signal.SIGKILL)
    tended.at += 0.5
    tended.companion.tend()
    tended.wait_for_life(5)


@pytest.mark.parametrize(
    ("script", "how", "code"), [("raise SystemExit(3)", None, 3), (STAY, signal.SIGKILL, -9)], ids=["exit", "signal"]
)
def test_the_log_says_how_it_ended(
    tended: Tended, caplog: pytest.LogCaptureFixture, script: str, how: signal.Signals | None, code: int
) -> None:
    tended.start(script)
    if how is not None:
        os.kill(tended.wait_for_life(1), how)

    def is_logged() -> bool:
        tended.companion.tend()
        return bool(caplog.records)

    wait_for(is_logged, "it has ended")
    assert f'why="it ended with code {code}"' in caplog.records[0].getMessage()


def test_one_that_somebody_else_has_buried_is_started_again(tended: Tended) -> None:
    tended.start(STAY)
    pid = tended.wait_for_life(1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)  # as gunicorn does with every child
    tended.companion.tend()
    tended.at += 1
    tended.companion.tend()
    tended.wait_for_life(2)


def test_one_that_does_not_listen_is_killed(tended: Tended, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.wire.companion.ENDS_WITHIN_S", 0.05)
    tended.start(STUBBORN)
    pid = tended.wait_for_life(1)
    tended.companion.end()
    assert not is_there(pid)


def test_a_command_that_cannot_be_started_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    at = 0.0
    companion = Companion("friend", [str(tmp_path / "gone")], environ={}, clock=lambda: at)
    for at in (0.0, 0.4, 0.6, 1.5, 1.7):  # noqa: B007  (the clock reads it)
        companion.tend()
    said = [record.getMessage().partition("level=warning ")[2] for record in caplog.records]
    assert said == [
        f'event="the friend is started again" why="No such file or directory" pause_s={pause_s}'
        for pause_s in (0.5, 1.0, 2.0)
    ]


def test_whoever_was_forked_off_ends_nothing(tended: Tended) -> None:
    tended.start(STAY)
    pid = tended.wait_for_life(1)
    child = os.fork()
    if child == 0:
        tended.companion.end()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert is_there(pid)
