"""Helper processes: one for each core, to which work is handed in pieces.

They are started with ``exec``, never only forked: the command line's progress bar runs in a thread, and whoever forks
beside a running thread may copy a lock that nobody will ever release. They are no children of ``multiprocessing``
either: those import the caller's main module once more, which a server or a script need not survive. A helper that
loses its parent, however that was killed, finds its line cut and ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from itertools import count
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from scanhook.errors import StorageError

__all__ = ["Crew", "cores", "python_path", "serve"]

Result = TypeVar("Result")
_Line = Connection


class Work(Protocol):
    """What a helper does."""

    def __call__(self, task: Any, /) -> Any:
        """Do a task, and return what comes of it.

        As a generator it may first put one question to the main process, by ``yield``, and gets the answer.
        """

    def finish(self) -> None:
        """Bring to the disk what is still in memory: there are no more tasks."""


_NICE = 10
"""Scans come first."""
_END_WAIT_S = 5.0
_ASKS, _DONE, _FAILED = range(3)
_NO_TASK = None
_SERVE = "import sys; from scanhook.registry.crew import serve; serve(int(sys.argv[1]))"


def python_path() -> str:
    """Return the ``PYTHONPATH`` of a child that runs the scanhook that we run, wherever it lies.

    With Python's ``-P`` it then runs nothing of the folder that we are in.
    """
    return os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Crew(Generic[Result]):
    """Some helpers who all do the same kind of work. Use it as a context manager.

    :param make: called once in each helper: with ``setup`` and the helper's number, counted from 0, it returns the
        :class:`Work`. A class or function of a module, so that it can be pickled; a task is never ``None``.
    :param setup: what ``make`` needs; it may be secret: it goes through a pipe of our own.
    :param size: how many helpers; 0 does the work in this process, which is faster for little of it.
    """

    def __init__(self, make: Callable[[Any, int], Work], setup: object, *, size: int) -> None:
        self._make, self._setup, self._size = make, setup, size
        self._helpers: dict[_Line, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        try:
            for number in range(self._size):
                self._hire(number)
        except BaseException:
            self._dismiss()
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._dismiss(at_once=error is not None)

    def run(self, tasks: Iterable[object], *, answer: Callable[[Any], object] | None = None) -> Iterator[Result]:
        """Do tasks, and yield what comes of them in the order in which they are done.

        :param answer: answers the questions, always in the order of the tasks.
        :raises StorageError: when a helper ends by itself.
        """
        if not self._helpers:
            work = self._make(self._setup, 0)
            for task in tasks:
                yield _do(work(task), answer)
            work.finish()
            return
        yield from self._hand_out(iter(tasks), answer)
        for helper in self._helpers:
            self._say(helper, _NO_TASK)
        for helper in self._helpers:
            self._hear(helper)

    def _hand_out(self, tasks: Iterator[object], answer: Callable[[Any], object] | None) -> Iterator[Result]:
        idle, busy, numbers = list(self._helpers), dict[_Line, int](), count()
        asked: dict[int, tuple[_Line, object]] = {}
        turn = 0
        upcoming = next(tasks, _NO_TASK)
        while True:
            while idle and upcoming is not _NO_TASK:
                helper = idle.pop()
                busy[helper] = next(numbers)
                self._say(helper, upcoming)
                upcoming = next(tasks, _NO_TASK)
            if not busy:
                return
            for helper in [line for line in wait(list(busy)) if isinstance(line, Connection)]:
                kind, told = self._hear(helper)
                if kind == _ASKS:
                    asked[busy[helper]] = helper, told
                else:
                    del busy[helper]
                    idle.append(helper)
                    yield told
            while turn in asked and answer is not None:
                helper, question = asked.pop(turn)
                self._say(helper, answer(question))
                turn += 1

    def _hire(self, number: int) -> None:
        ours, theirs = Pipe()
        with theirs:
            self._helpers[ours] = subprocess.Popen(  # noqa: S603  (a command of our own)
                [sys.executable, "-P", "-c", _SERVE, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": python_path()},
                process_group=0,  # Ctrl-C is for us, who decide: it may come before a helper could know that
            )
        self._say(ours, (self._make, self._setup, number))

    def _say(self, helper: _Line, what: object) -> None:
        try:
            helper.send(what)
        except OSError:
            raise _gone() from None

    def _hear(self, helper: _Line) -> tuple[int, Any]:
        try:
            kind, told = helper.recv()
        except (EOFError, OSError):
            raise _gone() from None
        if kind == _FAILED:
            raise told
        return kind, told

    def _dismiss(self, *, at_once: bool = False) -> None:
        for connection, process in self._helpers.items():
            connection.close()
            if at_once:
                process.kill()
        for process in self._helpers.values():
            try:
                process.wait(_END_WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._helpers = {}


def _gone() -> StorageError:
    return StorageError(
        "a helper process ended by itself: was it killed, or is there too little memory? Run the command again"
    )


def _do(found: object, answer: Callable[[Any], object] | None) -> Any:
    if not isinstance(found, Generator):
        return found
    try:
        question = next(found)
        while answer is not None:
            question = found.send(answer(question))
    except StopIteration as end:
        return end.value
    raise RuntimeError("a question was put, and nobody answers")


def serve(descriptor: int) -> None:
    """Be a helper, until the line is cut.

    :param descriptor: of the line to the main process.
    """
    with suppress(OSError):
        os.nice(max(_NICE - os.nice(0), 0))
    with Connection(descriptor) as line, suppress(EOFError, OSError):  # it may be cut in the midst of a message
        make, setup, number = line.recv()
        work = make(setup, number)
        while True:
            task = line.recv()
            try:
                if task is _NO_TASK:
                    line.send((_DONE, work.finish()))
                else:
                    line.send((_DONE, _do(work(task), lambda question: _ask(line, question))))
            except Exception as error:  # noqa: BLE001  (it is raised in the main process, if that is still there)
                line.send((_FAILED, error))


def _ask(line: Connection, question: object) -> object:
    line.send((_ASKS, question))
    return line.recv()
