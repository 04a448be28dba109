from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

import pytest

from tests.wechat.loopback import Asked, answer, peer

PROCESSES, THREADS = 4, 8
Worker = subprocess.Popen[str]


@contextmanager
def workers_at(folder: Path, base: str) -> Iterator[list[Worker]]:
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.wechat.fetchers", str(folder), base, str(THREADS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(PROCESSES)
    ]
    await_all(workers, "ready\n")
    yield workers
    for worker in workers:
        worker.communicate(timeout=60)
    assert [worker.returncode for worker in workers] == [0] * PROCESSES


def await_all(workers: list[Worker], said: str) -> None:
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == said


def call_at_once(workers: list[Worker]) -> None:
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    await_all(workers, "done\n")


@pytest.mark.ordeal
def test_thirty_two_threads_in_four_processes_fetch_one_token(empty_storage: Path, tmp_path: Path) -> None:
    good: list[str] = []

    def script(asked: Asked) -> bytes:
        if asked.path == "/cgi-bin/stable_token":
            good.append(f"token-{len(good) + 1}")
            return answer({"access_token": good[-1], "expires_in": 7200})
        if asked.token not in good:
            return answer({"errcode": 40001, "errmsg": "invalid credential"})
        return answer({"errcode": 0})

    folder = Path(copytree(empty_storage, tmp_path / "data"))
    with peer(script) as wechat, workers_at(folder, wechat.base) as workers:
        call_at_once(workers)
        assert Counter(wechat.paths) == {"/cgi-bin/stable_token": 1, "/scan/product/get": PROCESSES * THREADS}

        good[0] = "no longer"
        call_at_once(workers)
        assert Counter(wechat.paths)["/cgi-bin/stable_token"] == 2
