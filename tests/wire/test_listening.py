from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from scanhook.wire import listening
from scanhook.wire.listening import Listener


class Greeter(asyncio.Protocol):
    """Says its name to whoever comes."""

    def __init__(self, name: bytes) -> None:
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        assert transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        transport.write(self._name)
        transport.close()


@pytest.fixture
def port() -> Iterator[socket.socket]:
    """Return a socket that listens, and does not block."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(0)
        yield sock


def tuned(monkeypatch: pytest.MonkeyPatch, **numbers: float) -> None:
    """Give the module's numbers other values."""
    for name, number in numbers.items():
        monkeypatch.setattr(listening, f"_{name.upper()}", number)


async def greetings(port: socket.socket, count: int) -> list[bytes]:
    """Return what so many visitors hear who stand before the port at once."""
    with ExitStack() as lines:
        visitors = [lines.enter_context(socket.create_connection(port.getsockname())) for _ in range(count)]
        return list(await asyncio.gather(*(asyncio.to_thread(visitor.recv, 10) for visitor in visitors)))


def test_those_who_share_a_port_share_its_connections(port: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    tuned(monkeypatch, at_once=2)

    async def act() -> None:
        loop = asyncio.get_running_loop()
        with port.dup() as other:
            listeners = [
                Listener(loop, port, partial(Greeter, b"a")),
                Listener(loop, other, partial(Greeter, b"b")),
            ]
            heard = await greetings(port, 20)
            for listener in listeners:
                listener.close()
                await listener.wait_closed()
        assert len(heard) == 20
        assert min(heard.count(b"a"), heard.count(b"b")) >= 5

    asyncio.run(act())


class Noting(Listener):
    """Notes how many it means to take in each turn."""

    def _take(self, count: int) -> None:
        self.counts = [*getattr(self, "counts", []), count]
        super()._take(count)


def test_who_comes_late_to_his_turn_takes_more_but_not_all(
    port: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned(monkeypatch, at_once=1, turn_s=-1.0, per_late_s=5, at_most=6)

    async def act() -> None:
        listener = Noting(asyncio.get_running_loop(), port, partial(Greeter, b"a"))
        assert await greetings(port, 20) == [b"a"] * 20
        assert listener.counts[:4] == [1, 6, 6, 6]
        listener.close()

    asyncio.run(act())


def test_where_there_is_no_end_of_them_each_turn_takes_more(
    port: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned(monkeypatch, at_once=1, part=2, per_late_s=0, at_most=6)

    async def act() -> None:
        listener = Noting(asyncio.get_running_loop(), port, partial(Greeter, b"a"))
        assert await greetings(port, 20) == [b"a"] * 20
        assert listener.counts == [1, 1, 1, 1, 2, 3, 4, 6, 6]
        assert await greetings(port, 1) == [b"a"]
        assert listener.counts[9] == 1
        listener.close()

    asyncio.run(act())


def test_who_stops_between_two_turns_leaves_the_rest_to_others(
    port: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned(monkeypatch, at_once=1, turn_s=3600.0)

    async def act() -> None:
        listener = Listener(asyncio.get_running_loop(), port, partial(Greeter, b"a"))
        with ExitStack() as lines:
            first, second = (lines.enter_context(socket.create_connection(port.getsockname())) for _ in range(2))
            assert await asyncio.to_thread(first.recv, 10) == b"a"
            listener.close()
            taken, _ = port.accept()
            taken.close()
            assert second.recv(10) == b""

    asyncio.run(act())


class Exhausted:
    """A socket of a process that has no descriptor left, the first time."""

    def __init__(self, sock: socket.socket, error: int) -> None:
        self._sock = sock
        self._error = error

    def accept(self) -> Any:
        if self._error:
            error, self._error = self._error, 0
            raise OSError(error, "no")
        return self._sock.accept()

    def fileno(self) -> int:
        return self._sock.fileno()


@pytest.mark.parametrize(("error", "told"), [(errno.EMFILE, 1), (errno.ECONNABORTED, 0)])
def test_a_connection_that_cannot_be_taken_now_is_taken_afterwards(
    port: socket.socket, error: int, told: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tuned(monkeypatch, pause_s=0.0)

    async def act() -> None:
        sock: Any = Exhausted(port, error)
        listener = Listener(asyncio.get_running_loop(), sock, lambda: Greeter(b"a"))
        assert await greetings(port, 2) == [b"a", b"a"]
        listener.close()

    asyncio.run(act())
    assert len(caplog.records) == told


def test_a_protocol_that_cannot_be_made_costs_only_its_own_connection(
    port: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[int] = []

    def make() -> Greeter:
        made.append(1)
        if len(made) == 1:
            raise ZeroDivisionError
        return Greeter(b"a")

    async def act() -> None:
        listener = Listener(asyncio.get_running_loop(), port, make)
        assert sorted(await greetings(port, 2)) == [b"", b"a"]
        listener.close()

    asyncio.run(act())
    assert "a connection cannot be served" in caplog.text


def test_whoever_stops_listening_serves_whom_it_has_taken_and_nobody_else(port: socket.socket) -> None:
    async def act() -> None:
        loop = asyncio.get_running_loop()
        listener = Listener(loop, port, lambda: Greeter(b"a"))
        with socket.create_connection(port.getsockname()) as first:
            while not listener._taking:  # noqa: ASYNC110  (a turn of the loop is what it takes)
                await asyncio.sleep(0)
            listener.close()
            await listener.wait_closed()
            with socket.create_connection(port.getsockname()) as second:
                assert await asyncio.to_thread(first.recv, 10) == b"a"
                taken, _ = port.accept()  # it still waits, for another worker
                taken.close()
                assert second.recv(10) == b""

    asyncio.run(act())
