from __future__ import annotations

import asyncio
import inspect
import socket
from types import SimpleNamespace

import pytest
from gunicorn.workers.gasgi import ASGIWorker

from scanhook.wire import worker as module
from scanhook.wire.listening import Listener
from scanhook.wire.worker import Worker
from tests.wire.counter import lost, waiting_connection


@pytest.mark.parametrize(
    "name",
    [
        "_serve",
        "_setup_event_loop",
        "_shutdown",
        "handle_exit_signal",
        "init_process",
        "init_signals",
        "log",
        "loop",
        "nr_conns",
        "run",
        "sockets",
    ],
)
def test_gunicorns_worker_has_what_ours_stands_on(worker: Worker, name: str) -> None:
    made = ASGIWorker(1, 0, [], None, 30, worker.cfg, worker.log)
    made.tmp.close()
    assert hasattr(made, name), lost(f"ASGIWorker.{name}", "worker")


def test_gunicorn_calls_back_what_ours_overrides() -> None:
    """A method that nobody calls any more would be overridden in vain, and in silence."""
    for caller, call in (
        (ASGIWorker.init_process, "self._setup_event_loop()"),
        (ASGIWorker.run, "self._serve()"),
        (ASGIWorker._serve, "self.loop.create_server("),
        (ASGIWorker._serve, "self._shutdown()"),
        (ASGIWorker._shutdown, "self.nr_conns > 0"),
    ):
        assert call in inspect.getsource(caller), lost(call, "worker")


def test_connections_are_taken_by_our_listener(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ASGIWorker, "init_signals", lambda _: None)
    with socket.create_server(("127.0.0.1", 0)) as port:
        port.settimeout(0)
        worker.sockets = [SimpleNamespace(sock=port, close=port.close)]
        worker.alive = False  # it stops as soon as it serves

        worker.loop.run_until_complete(worker._serve())

    assert [type(server) for server in worker.servers] == [Listener]


def test_a_connection_that_cannot_be_asked_holds_up_no_other(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_TURN_S", 0)
    ours, theirs = socket.socketpair()
    closed: list[str] = []
    broken = waiting_connection(worker, ours, lambda: None)
    del broken._awaiting_request
    well = waiting_connection(worker, ours, lambda: closed.append("well"))

    async def stop() -> None:
        letting_go = asyncio.ensure_future(worker._let_go_of_idle())
        for _ in range(3):  # turns of the loop
            await asyncio.sleep(0)
        assert not letting_go.done()
        letting_go.cancel()

    with ours, theirs:
        worker.loop.run_until_complete(stop())

    assert len(closed) >= 2
    assert well in worker._connections
    assert len(caplog.messages) == 1
