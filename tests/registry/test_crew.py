from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest

from scanhook.errors import CodeFileRefused, StorageError
from scanhook.registry.crew import _SERVE, Crew, cores, python_path


class Squarer:
    """Squares numbers; asks for what is to be added, and writes a file at its end."""

    def __init__(self, setup: dict[str, Any], number: int) -> None:
        self._setup, self._number = setup, number

    def __call__(self, task: int) -> Generator[int, int, tuple[int, int]] | int:
        if task < 0:
            return task
        if task == 13:
            raise CodeFileRefused("unlucky")
        if task == 99:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._asking(task)

    def _asking(self, task: int) -> Generator[int, int, tuple[int, int]]:
        added = yield task
        return task, task * task + added

    def finish(self) -> None:
        (Path(self._setup["folder"]) / f"finished-{self._number}").touch()


@pytest.mark.parametrize("size", [0, 2])
def test_tasks_are_done_and_questions_answered_in_order(tmp_path: Path, size: int) -> None:
    asked: list[int] = []

    def answer(task: int) -> int:
        asked.append(task)
        return 1000

    crew: Crew[tuple[int, int]] = Crew(Squarer, {"folder": str(tmp_path)}, size=size)
    with crew:
        results = list(crew.run(range(8), answer=answer))

    assert sorted(results) == [(task, task * task + 1000) for task in range(8)]
    assert asked == list(range(8))
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"finished-{n}" for n in range(max(size, 1))]


def test_a_helper_whose_line_is_cut_in_the_midst_of_a_message_ends_without_a_word() -> None:
    ours, theirs = Pipe()
    with theirs:
        helper = subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVE, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": python_path()},
        )
    os.write(ours.fileno(), (100).to_bytes(4, "big") + b"the first of a hundred bytes")
    ours.close()
    assert helper.communicate()[1] == b""
    assert helper.returncode == 0


@pytest.mark.parametrize("size", [0, 1])
def test_a_crew_can_be_given_tasks_again(tmp_path: Path, size: int) -> None:
    crew: Crew[int] = Crew(Squarer, {"folder": str(tmp_path)}, size=size)
    with crew:
        assert sorted(crew.run([-1, -2])) == [-2, -1]
        assert sorted(crew.run([-3])) == [-3]
        assert list(crew.run([])) == []


@pytest.mark.parametrize("size", [0, 1])
def test_an_error_comes_out_as_it_was_raised(tmp_path: Path, size: int) -> None:
    crew: Crew[tuple[int, int]] = Crew(Squarer, {"folder": str(tmp_path)}, size=size)

    with pytest.raises(CodeFileRefused, match="unlucky"), crew:
        list(crew.run([1, 13, 2], answer=lambda _task: 0))


def test_a_helper_that_is_killed_is_told(tmp_path: Path) -> None:
    crew: Crew[tuple[int, int]] = Crew(Squarer, {"folder": str(tmp_path)}, size=1)

    with pytest.raises(StorageError, match="a helper process ended by itself"), crew:
        list(crew.run([99], answer=lambda _task: 0))


def test_there_is_a_core() -> None:
    assert cores() >= 1
