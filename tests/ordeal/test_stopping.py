"""Services are stopped, reloaded and exchanged under load: every push that was read is answered.

A connection may be closed before anything was read of it: nobody can know, who closes it, that something is on its way.
Such a push is not lost, it is sent again. Both are counted.
"""

from __future__ import annotations

import random
import re
import signal
import socket
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from scanhook.envelope import Keyring
from scanhook.settings import House
from scanhook.wire.service import keyring
from tests.conftest import stock
from tests.ordeal.absences import BACK_WITHIN_S, Absences
from tests.ordeal.books import Books, check_storage
from tests.ordeal.crowd import seed
from tests.ordeal.delivery import Ending, Manner, Shape
from tests.ordeal.ledger import tell
from tests.ordeal.load import CODE_FILE
from tests.ordeal.processes import Phoenix, is_dead
from tests.ordeal.visitors import Visitors
from tests.serving import scan_push, serving, verdict_in, wait_for

RATE = 120.0
PAUSE_S = 0.4
PAUSES = (0.02, 0.2, 0.6)
MANNERS = (
    *(Manner(kept=kept) for kept in (False, False, True, True, True)),
    *(Manner(shape=shape, pause_s=pause, kept=pause < 0.1) for shape in Shape for pause in PAUSES),
)
LETS_THEM_BE_S = 1.0


def lengths(short: int, long: int) -> pytest.MarkDecorator:
    """Run a test a few times over in ``ordeal``, and many times in ``endurance``."""
    return pytest.mark.parametrize(
        "count",
        [
            pytest.param(short, id="short", marks=[pytest.mark.ordeal, pytest.mark.alone]),
            pytest.param(long, id="long", marks=pytest.mark.endurance),
        ],
    )


@pytest.fixture
def stand(house: House) -> House:
    """Return a house with the codes that are scanned."""
    stock(house, codes=CODE_FILE)
    return house


def keys_of(house: House) -> Keyring:
    return keyring(house.settings.accounts["main"])


def visitors(house: House, *ports: int, pause_s: float = PAUSE_S) -> Visitors:
    return Visitors(ports, keys=keys_of(house), rate=RATE, seed=seed(), manners=MANNERS, pause_s=pause_s)


def settle_up(
    house: House, home: Path, load: Visitors, what: str, *, absences: Absences | None = None, **more: object
) -> None:
    """Hold the journal to what was answered, and the answers to what was read.

    :param absences: when "try again" may be said.
    """
    absences = absences or Absences()
    books = Books(house, load)
    books.tell(what, swallowed=len(books.swallowed), **more)
    books.settle()
    tries = [made for visit in load.visits for made in visit.deliveries]
    assert [made for made in tries if made.ending is Ending.TAKEN] == []
    assert [made for made in tries if made.status == 503 and not absences.excuses(made)] == []
    assert books.swallowed == []
    check_storage(house, home)


def ended_by_themselves(log: str) -> bool:
    """Tell whether no worker had to be killed."""
    return log.count("Worker exiting") == log.count("Booting worker")


def not_read(load: Visitors) -> Counter[str]:
    """Return how many tries were reset before they were read, by their shape; those on lines that stay open apart."""
    return Counter(
        "on a kept line" if made.manner.kept else made.manner.shape.value
        for visit in load.visits
        for made in visit.deliveries
        if made.ending is Ending.UNREAD
    )


@lengths(3, 200)
def test_a_reload_refuses_nobody_and_loses_no_push(stand: House, tmp_path: Path, count: int) -> None:
    took = []
    with Phoenix(stand, tmp_path) as service:
        load = visitors(stand, service.port)
        chance = random.Random(load.seed)
        with load.running():
            for _ in range(count):
                time.sleep(chance.random() * LETS_THEM_BE_S)
                old, began_at = service.living(), time.monotonic()
                service.server.process.send_signal(signal.SIGHUP)
                wait_for(lambda old=old: all(is_dead(pid) for pid in old), "the old workers are gone")  # type: ignore[misc]
                took.append(time.monotonic() - began_at)
                assert len(service.living()) == 2
        log = service.server.log()
    unread = not_read(load)
    settle_up(stand, tmp_path, load, "reloads", reloads=count, unread=dict(unread))
    tell(f"  a reload took at most {max(took):.2f} s")
    endings = {made.ending for visit in load.visits for made in visit.deliveries}
    assert endings <= {Ending.ANSWERED, Ending.UNREAD, Ending.IDLE}
    # Who connects and says nothing for a while is idle, like whoever keeps a line open.
    assert unread.keys() <= {Shape.LATE, "on a kept line"}
    assert [visit for visit in load.visits if visit.answered is None] == []
    assert "Forcing close" not in log


@lengths(2, 200)
def test_a_stop_answers_every_push_that_was_read(stand: House, tmp_path: Path, count: int) -> None:
    absences, log, codes = Absences(), "", set()
    took = []
    with Phoenix(stand, tmp_path) as service:
        load = visitors(stand, service.port)
        chance = random.Random(load.seed)
        with load.running():
            for _ in range(count):
                time.sleep(BACK_WITHIN_S + chance.random() * LETS_THEM_BE_S)
                began_at = time.monotonic()
                codes.add(service.stop())
                took.append(time.monotonic() - began_at)
                log += service.server.log()
                service.rise()
                absences.windows.append((began_at, time.monotonic()))
    settle_up(stand, tmp_path, load, "stops", absences=absences, stops=count, unread=dict(not_read(load)))
    tell(f"  a stop took at most {max(took):.2f} s")
    assert absences.unexcused(load.visits) == []
    assert codes == {0}
    assert "Forcing close" not in log
    assert ended_by_themselves(log)


@lengths(1, 100)
def test_an_exchange_of_one_service_after_the_other_costs_nobody_a_scan(
    stand: House, tmp_path: Path, count: int
) -> None:
    with ExitStack() as running:
        services = [running.enter_context(Phoenix(stand, tmp_path)) for _ in range(2)]
        load = visitors(stand, *(service.port for service in services), pause_s=0.05)
        chance = random.Random(load.seed)
        with load.running():
            for number in range(2 * count):
                time.sleep(chance.random() * LETS_THEM_BE_S)
                assert services[number % 2].stop() == 0
                services[number % 2].rise()
    settle_up(stand, tmp_path, load, "exchanges", exchanges=2 * count)
    assert [visit for visit in load.visits if visit.answered is None] == []


@pytest.mark.ordeal
def test_a_stop_is_heard_while_the_workers_begin(stand: House, tmp_path: Path) -> None:
    with serving(stand, tmp_path, workers=4) as server:
        wait_for(server.workers, "the first worker begins")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        assert ended_by_themselves(server.log())


@pytest.mark.ordeal
@pytest.mark.parametrize("how", [signal.SIGHUP, signal.SIGTERM], ids=["reload", "stop"])
def test_what_is_on_its_way_is_waited_for_and_what_is_idle_is_not(
    stand: House, tmp_path: Path, how: signal.Signals
) -> None:
    keys = keys_of(stand)
    pieces = {
        shape: [
            piece for _, piece in Manner(shape=shape, kept=True, pause_s=1).pieces(scan_push("COPIED0000", keys=keys))
        ]
        for shape in (Shape.HEAD, Shape.BODY, Shape.CHUNKS)
    }
    with Phoenix(stand, tmp_path) as service, ExitStack() as open_lines:
        lines = {
            shape: open_lines.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=20))
            for shape in (*pieces, "idle")
        }
        for shape in pieces:
            lines[shape].sendall(pieces[shape][0])
        service.server.process.send_signal(how)
        assert lines["idle"].recv(1) == b""
        wait_for(lambda: "Waiting for" in service.server.log(), "nothing is left but what is on its way")
        for shape, (_, *rest) in pieces.items():
            lines[shape].sendall(b"".join(rest))
        for shape in pieces:
            answer = b"".join(iter(lambda line=lines[shape]: line.recv(65536), b""))  # type: ignore[misc]
            head, _, body = answer.partition(b"\r\n\r\n")
            assert re.match(rb"HTTP/1.1 200 ", head), (shape, answer)
            assert b"Connection: close" in head
            assert verdict_in(body, keys=keys) == "fake", shape
        if how is signal.SIGTERM:
            assert service.server.process.wait(20) == 0
        assert "Forcing close" not in service.server.log()
