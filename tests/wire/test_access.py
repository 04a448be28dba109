from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from scanhook.wire.access import AccessLog

SCOPE: dict[str, Any] = {"method": "POST", "path": "/wechat/callback", "client": ("127.0.0.1", 50000)}


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


def test_a_line_says_who_what_and_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.wire.access.time.perf_counter", lambda: 7.0123)
    assert written(lambda log: log.note(SCOPE, status=200, size=712, started=7.0)) == (
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
    line = written(lambda log: log.note({**SCOPE, "path": path}, status=404, size=0, started=0.0))
    assert line.startswith(f'127.0.0.1 "POST {quoted}" 404 0 ')
    assert line.count("\n") == 1


def test_lines_of_one_turn_are_written_in_their_order() -> None:
    def act(log: AccessLog) -> None:
        for status in (200, 403, 503):
            log.note({**SCOPE, "client": None}, status=status, size=1, started=0.0)

    statuses = [line.split()[3] for line in written(act).splitlines()]
    assert statuses == ["200", "403", "503"]


def test_a_log_that_cannot_be_written_costs_nobody_the_answer() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    log = AccessLog(writer)

    async def turn() -> None:
        log.note(SCOPE, status=200, size=1, started=0.0)
        log.flush()
        log.note(SCOPE, status=200, size=1, started=0.0)
        log.flush()

    asyncio.run(turn())
