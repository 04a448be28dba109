"""Makes the pushes of a bench, sends them from a process of its own, and opens the answers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Pipe
from typing import Any, TypeVar, cast

from scanhook.bench.check import CheckTask
from scanhook.bench.hands import Equipment, Hands
from scanhook.bench.load import Load, Run
from scanhook.bench.making import MakeTask
from scanhook.bench.plan import Plan, Told
from scanhook.cli.bench_house import Tell
from scanhook.envelope import Keyring
from scanhook.errors import Refused
from scanhook.registry.crew import Crew, cores, python_path
from scanhook.wire.callback import CALLBACK_PATH

__all__ = ["Made", "Sender", "Sent", "sending"]

Whole = TypeVar("Whole", bound=Sequence[Any])

_PIECE = 1000
_LOOK_S = 0.2
_END_WAIT_S = 5.0
_OK = 200
_SERVE = (
    "import sys; from scanhook.tied import tie; tie(int(sys.argv[2]));"
    "from scanhook.bench.load import serve; serve(int(sys.argv[1]))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Pushes that are ready to be sent.

    :param order: their numbers.
    """

    order: Sequence[int] = field(repr=False)
    requests: Sequence[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A load that came to its end.

    :param order: the numbers of the pushes, as they were sent.
    """

    order: Sequence[int] = field(repr=False)
    run: Run


class Sender:
    """Everything that one bench sends; every push is made once.

    :param tell: is told how far the work is.
    """

    def __init__(self, load: Load, plan: Plan, crew: Crew[tuple[int, list[Any]]], *, tell: Tell) -> None:
        self._load, self._plan, self._crew, self._tell = load, plan, crew, tell
        self._made = 0

    def make(self, pushes: int, *, step: str = "making") -> Made:
        """Make so many pushes, repeats among them."""
        order = self._plan.order(range(self._made, self._made + pushes))[:pushes]
        numbers = range(self._made, max(order) + 1)
        self._made = numbers.stop
        now, done = int(time.time()), 0
        requests = [b""] * len(numbers)
        for first, made in self._crew.run(MakeTask(pushes=piece, now=now) for _, piece in _pieces(numbers)):
            place = first - numbers.start
            requests[place : place + len(made)] = made
            done += len(made)
            self._tell(step, done, len(numbers))
        return Made(order=order, requests=[requests[number - numbers.start] for number in order])

    def send(self, made: Made, *, rate: float | None, seconds: float, step: str = "running") -> Sent:
        """Send pushes.

        :raises Refused: when nobody listens.
        """
        load = replace(self._load, requests=made.requests, rate=rate, seconds=seconds)
        run = _apart(load, partial(self._tell_time, step, seconds))
        return Sent(order=made.order[: len(run.statuses)], run=run)

    def check(self, loads: Sequence[Sent]) -> list[list[Told | str | None]]:
        """Open the answers to some loads.

        :returns: for each load and each push what it was told; a sentence where an answer came that is none; ``None``
            where none came.
        """
        answers: list[list[Told | str | None]] = [[None] * len(sent.order) for sent in loads]
        places = [
            (load, place)
            for load, sent in enumerate(loads)
            for place, status in enumerate(sent.run.statuses)
            if status == _OK
        ]
        tasks = (
            CheckTask(
                start=start,
                answers=[(loads[load].order[place], loads[load].run.bodies[place]) for load, place in piece],
            )
            for start, piece in _pieces(places)
        )
        done = 0
        for start, opened in self._crew.run(tasks):
            for (load, place), answer in zip(places[start : start + len(opened)], opened, strict=True):
                answers[load][place] = answer
            done += len(opened)
            self._tell("opening", done, len(places))
        return answers

    def _tell_time(self, step: str, seconds: float, passed: float) -> None:
        tenths = max(int(seconds * 10), 1)
        self._tell(step, min(int(passed * 10), tenths), tenths)


def _pieces(whole: Whole) -> Iterator[tuple[int, Whole]]:
    """Cut into what is worth a helper's while, each with its place."""
    return ((start, cast("Whole", whole[start : start + _PIECE])) for start in range(0, len(whole), _PIECE))


@contextmanager
def sending(plan: Plan, keys: Keyring, *, port: int, connections: int, tell: Tell) -> Iterator[Sender]:
    """Give a sender, whose helpers end with the block."""
    load = Load(port=port, requests=(), connections=connections, rate=None, seconds=0)
    with Crew[tuple[int, list[Any]]](Hands.hired, Equipment.of(keys, plan, CALLBACK_PATH), size=cores()) as crew:
        yield Sender(load, plan, crew, tell=tell)


def _apart(load: Load, running: Callable[[float], None]) -> Run:
    """Send from another process: what our progress bar costs would look like latency."""
    ours, theirs = Pipe()
    with theirs:
        process = subprocess.Popen(  # noqa: S603  (a command of our own)
            [sys.executable, "-P", "-c", _SERVE, str(theirs.fileno()), str(os.getpid())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": python_path()},
            process_group=0,  # Ctrl-C is for us, who decide: it may come before that process could know it
        )
    try:
        with ours:
            ours.send(load)
            begun = time.monotonic()
            while not ours.poll(_LOOK_S):
                running(time.monotonic() - begun)
            told: Run | str = ours.recv()
            process.wait(_END_WAIT_S)
    except (EOFError, OSError):
        raise Refused("the process that sends ended by itself: was it killed, or is there too little memory?") from None
    finally:
        process.kill()
        process.wait()
    if isinstance(told, str):
        raise Refused(f"nothing could be sent: {told}")
    return told
