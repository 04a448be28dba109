from __future__ import annotations

import asyncio
import errno
import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from scanhook.wire.access import AccessLog

CLIENT = ("127.0.0.1", 50000)
PUSH = (CLIENT, "POST", "/wechat/callback")


def written(act: Callable[[AccessLog], None]) -> str:
    """Return what lies in the file after one turn of the loop."""
    reader, writer = os.pipe()

    async def turn() -> None:
        act(AccessLog(writer))
        await asyncio.sleep(0)

    asyncio.run(turn())
    os.close(writer)
    with os.fdopen(reader) as file:
        return file.read()


def noted(log: AccessLog, count: int) -> None:
    """Note so many requests in one turn of a loop, and write them."""

    async def turn() -> None:
        for _ in range(count):
            log.note(*PUSH, status=200, size=1, started=0.0)
        await asyncio.sleep(0)

    asyncio.run(turn())


def noted_beside(log: AccessLog, count: int) -> None:
    """Do the same in a thread, so that the test fails, and does not hang, where a write waits."""
    turn = threading.Thread(target=noted, args=(log, count), daemon=True)
    turn.start()
    turn.join(20)
    assert not turn.is_alive()


def fill(writer: int) -> None:
    """Put into a pipe what it can take; a write to it waits from then on."""
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(select.PIPE_BUF))
    os.set_blocking(writer, True)


def drain(reader: int) -> bytes:
    """Return what lies in a pipe now."""
    os.set_blocking(reader, False)
    found = b""
    with suppress(BlockingIOError):
        while piece := os.read(reader, 1 << 16):
            found += piece
    return found


def test_a_line_says_who_what_and_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.wire.access.time.perf_counter", lambda: 7.0123)
    assert written(lambda log: log.note(*PUSH, status=200, size=712, started=7.0)) == (
        '127.0.0.1 "POST /wechat/callback" 200 712 12ms\n'
    )


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ("/a b\n", "/a%20b%0A"),
        ('/"', "/%22"),
        ("/码", "/%E7%A0%81"),
        ("/\udc80", "/%80"),
    ],
)
def test_one_request_is_one_line_whatever_its_path_holds(path: str, quoted: str) -> None:
    line = written(lambda log: log.note(CLIENT, "POST", path, status=404, size=0, started=0.0))
    assert line.startswith(f'127.0.0.1 "POST {quoted}" 404 0 ')
    assert line.count("\n") == 1


def test_lines_of_one_turn_are_written_in_their_order() -> None:
    def act(log: AccessLog) -> None:
        for status in (200, 403, 503):
            log.note(None, "POST", "/wechat/callback", status=status, size=1, started=0.0)

    statuses = [line.split()[3] for line in written(act).splitlines()]
    assert statuses == ["200", "403", "503"]


def test_a_log_that_nobody_reads_any_more_costs_nobody_the_answer() -> None:
    reader, writer = os.pipe()
    os.close(reader)

    noted(AccessLog(writer), 2)

    os.close(writer)


def test_a_log_that_cannot_be_written_costs_nobody_the_answer(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    readable = os.open(tmp_path / "log", os.O_RDONLY)

    noted(AccessLog(readable), 2)

    os.close(readable)
    assert (tmp_path / "log").read_text() == ""


def test_a_reader_who_stands_still_holds_up_nobody_and_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()
    fill(writer)
    log = AccessLog(writer)

    noted_beside(log, 70)

    drain(reader)
    assert caplog.messages == []

    noted(log, 1)
    noted(log, 1)

    assert drain(reader).count(b"\n") == 2
    (told,) = caplog.messages
    assert told.endswith("lost=70")
    os.close(reader)
    os.close(writer)


def test_what_is_lost_is_told_at_most_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    log = AccessLog(writer)
    for at, lost in ((1000.0, 3), (1059.0, 4), (1060.0, 5)):
        monkeypatch.setattr("scanhook.wire.access.time.monotonic", lambda at=at: at)
        fill(writer)
        noted_beside(log, lost)
        drain(reader)
        noted(log, 1)

    assert [told.rpartition(" ")[2] for told in caplog.messages] == ["lost=3", "lost=9"]
    os.close(reader)
    os.close(writer)


def test_what_a_pipe_takes_in_one_piece_is_written_in_one_and_ends_with_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = []

    def write(descriptor: int, piece: bytes) -> int:
        pieces.append(piece)
        return real(descriptor, piece)

    real = os.write
    monkeypatch.setattr("scanhook.wire.access.os.write", write)

    def act(log: AccessLog) -> None:
        for number in range(300):
            log.note(CLIENT, "POST", f"/{'x' * number}", status=200, size=1, started=0.0)

    whole = written(act)

    assert [line.split()[2] for line in whole.splitlines()] == [f'/{"x" * number}"' for number in range(300)]
    assert max(map(len, pieces)) <= select.PIPE_BUF
    assert {piece[-1:] for piece in pieces} == {b"\n"}
    assert len(pieces) < len(whole) / select.PIPE_BUF * 1.2


@pytest.mark.parametrize("path", ["/" + "x" * 9000, "/" + "码" * 3000])
def test_a_line_that_no_pipe_takes_in_one_piece_is_cut_in_its_path(path: str) -> None:
    def act(log: AccessLog) -> None:
        log.note(*PUSH, status=200, size=1, started=0.0)
        log.note(CLIENT, "POST", path, status=404, size=0, started=0.0)
        log.note(*PUSH, status=200, size=1, started=0.0)

    before, line, after = written(act).splitlines(keepends=True)

    assert 3000 < len(line) <= select.PIPE_BUF
    assert line.startswith('127.0.0.1 "POST /')
    assert line.rpartition('"')[2].startswith(" 404 0 ")
    assert '/wechat/callback" 200 1 ' in before
    assert '/wechat/callback" 200 1 ' in after


def test_a_line_that_was_torn_does_not_run_into_the_next(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = os.pipe()
    log = AccessLog(writer)
    real = os.write
    left = [10]

    def full(descriptor: int, piece: bytes) -> int:
        if not left:
            raise OSError(errno.ENOSPC, "no space left on device")
        return real(descriptor, piece[: left.pop()])

    with monkeypatch.context() as disk:
        disk.setattr("scanhook.wire.access.os.write", full)
        noted(log, 2)
    noted(log, 1)

    torn, whole = drain(reader).decode().splitlines()
    assert torn == "127.0.0.1 "
    assert whole.startswith('127.0.0.1 "POST /wechat/callback" 200 1 ')
    assert caplog.messages[0].endswith("lost=2")
    os.close(reader)
    os.close(writer)
