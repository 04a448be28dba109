from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scanhook.cli import bench_service
from scanhook.cli.bench_service import Running, free_port, running
from scanhook.errors import Refused
from scanhook.settings import House


def running_as(leader: int) -> Running:
    process: Any = SimpleNamespace(pid=leader)
    return Running(process=process, port=free_port())


def test_the_processor_time_is_that_of_a_group_and_its_dead_children(tmp_path: Path) -> None:
    stats = {
        # pid (name) state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime
        10: "10 (scanhook) S 1 10 10 0 -1 0 0 0 0 0 100 20 3 4 20 0",
        11: "11 (a) b) c) S 10 10 10 0 -1 0 0 0 0 0 1000 200 0 0 20 0",
        12: "12 (other) S 1 12 12 0 -1 0 0 0 0 0 5000 0 0 0 20 0",
    }
    _write(tmp_path, stats)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench_service, "_PROC", tmp_path)
        patch.setattr(os, "sysconf", {"SC_CLK_TCK": 100, "SC_PAGE_SIZE": 4096}.__getitem__)
        assert running_as(10).processor_s() == 13.27
        assert running_as(99).processor_s() is None


def test_the_memory_is_that_of_the_largest_worker(tmp_path: Path) -> None:
    stats = {
        10: "10 (scanhook) S 1 10 10 0 -1 0 0 0 0 0 0 0 0 0 20 0",
        11: "11 (scanhook) S 10 10 10 0 -1 0 0 0 0 0 0 0 0 0 20 0",
        12: "12 (scanhook) S 10 10 10 0 -1 0 0 0 0 0 0 0 0 0 20 0",
        13: "13 (python) S 10 10 10 0 -1 0 0 0 0 0 0 0 0 0 20 0",
        14: "14 (python) S 11 10 10 0 -1 0 0 0 0 0 0 0 0 0 20 0",
    }
    _write(tmp_path, stats)
    (tmp_path / "13" / "cmdline").write_bytes(b"python\0-m\0scanhook\0housekeeper\0")
    for pid, pages in {10: 900, 11: 300, 12: 400, 13: 900, 14: 900}.items():
        (tmp_path / str(pid) / "statm").write_text(f"5000 {pages} 10 1 0 1 0\n")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench_service, "_PROC", tmp_path)
        patch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096}.__getitem__)
        assert running_as(10).worker_bytes() == 400 * 4096
        assert running_as(99).worker_bytes() is None


def _write(folder: Path, stats: dict[int, str]) -> None:
    for pid, stat in stats.items():
        (folder / str(pid)).mkdir()
        (folder / str(pid) / "stat").write_text(stat)


def test_commits_are_what_the_service_says(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "# TYPE scanhook_commit_seconds histogram\nscanhook_commit_seconds_count 41.0\nscanhook_other 7.0\n"
    monkeypatch.setattr(bench_service, "_get", lambda _port, _path: said)

    assert running_as(10).commits() == 41


def test_a_service_that_is_gone_is_told() -> None:
    with pytest.raises(Refused, match=r"the service does not answer /metrics \(ConnectionRefusedError\)"):
        running_as(10).commits()


def broken(house: House, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """Let the service end at once."""
    program = house.base / "broken.sh"
    request = '127.0.0.1 "POST /wechat/callback" 200 401 7ms'
    program.write_text(f"#!/bin/sh\necho nobody gave me a disk\necho '{request}'\n{end}\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))


def test_a_service_that_does_not_start_is_told_with_its_log(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(house, monkeypatch, "exit 3")

    with (
        pytest.raises(
            Refused, match=r"^the service did not start \(exit status 3\); its log says:\nnobody gave me a disk$"
        ),
        running(house, workers=1, port=free_port(), environ={}),
    ):
        raise AssertionError


def test_a_service_that_ends_while_it_is_measured_is_told_with_its_log(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(house, monkeypatch, "kill -9 $$")
    monkeypatch.setattr(bench_service, "_wait_until_up", lambda process, _port, _log: process.wait())

    with (
        pytest.raises(Refused, match=r"^the service ended \(signal 9\); its log says:\nnobody gave me a disk$"),
        running(house, workers=1, port=free_port(), environ={}) as service,
    ):
        service.commits()
