from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import pytest

from scanhook.errors import Refused
from scanhook.registry import RegistryStore
from tests.contract.engines import Place
from tests.contract.life import AS_LOADED, batch, change, codes, own, states, undo

PROCESSES, THREADS, CHANGES = 2, 4, 5
ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(stocked_place: Place) -> Place:
    return stocked_place


@pytest.mark.ordeal
def test_no_change_of_many_processes_and_threads_is_lost(registry: RegistryStore, place: Place) -> None:
    arguments = [place.url, str(THREADS), str(CHANGES)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.contract.many_changers", *arguments, str(number)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [line for process in processes for line in process.communicate(timeout=30)[0].splitlines()]

    assert [process.returncode for process in processes] == [0] * PROCESSES
    made = [int(word) for line in told for word in line.split()]
    assert len(made) == len(set(made)) == PROCESSES * THREADS * (CHANGES + 1)
    history = own(registry.changes(limit=1000))
    assert [each.id for each in history] == sorted(made, reverse=True)
    wanted = {f"{p} {t} {n}" for p in range(PROCESSES) for t in range(THREADS) for n in range(CHANGES)}
    assert {each.why for each in history if each.level == "batch"} == wanted
    assert states(registry) == "VVVV VVVV AA AA"
    for each in history:
        undo(registry, each.id)
    assert states(registry) == AS_LOADED


def test_of_many_threads_that_undo_a_change_one_wins(registry: RegistryStore, another: RegistryStore) -> None:
    done = change(registry, "void", batch(registry))
    barrier = Barrier(8)

    def take_back(number: int) -> bool:
        barrier.wait()
        try:
            undo((registry, another)[number % 2], done.id)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(take_back, range(8))) == [False] * 7 + [True]
    assert [each.action for each in own(registry.changes())] == ["undo", "void"]
    assert states(registry) == states(another) == AS_LOADED


def test_a_look_up_during_changes_sees_one_of_the_states_and_never_fails(
    registry: RegistryStore, another: RegistryStore
) -> None:
    ended = Event()

    def watch(store: RegistryStore) -> set[str]:
        seen = set()
        while not ended.is_set():
            found = store.look_up("main", "ean13", "6900873042720", "A1").code
            seen.add(found.state_at(0.0) if found else "?")
        return seen

    with ThreadPoolExecutor(4) as threads:
        watching = [threads.submit(watch, store) for store in (registry, another) * 2]
        try:
            for _ in range(20):
                done = change(registry, "recall", batch(registry))
                undo(another, done.id)
        finally:
            ended.set()
        assert set.union(*(each.result() for each in watching)) <= {"active", "recalled"}


def test_a_look_up_during_changes_never_mixes_what_was_before_and_after(
    registry: RegistryStore, another: RegistryStore
) -> None:
    ended = Event()
    change(registry, "suspend", batch(registry))

    def watch() -> set[str]:
        seen = set()
        while not ended.is_set():
            found = another.look_up("main", "ean13", "6900873042720", "A1").code
            seen.add(found.state_at(0.0) if found else "?")
        return seen

    with ThreadPoolExecutor(2) as threads:
        watching = [threads.submit(watch) for _ in range(2)]
        try:
            for _ in range(20):
                made = [
                    change(registry, "stolen", codes(registry, "A1")),
                    change(registry, "activate", batch(registry)),
                ]
                for done in reversed(made):
                    undo(registry, done.id)
        finally:
            ended.set()
        assert set.union(*(each.result() for each in watching)) <= {"suspended", "stolen"}
