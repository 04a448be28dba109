from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from scanhook.cli import bench_machine
from scanhook.cli.bench_machine import Moment, disk_waits


def moment(at: float, busy_s: float | None, ours_s: float) -> Moment:
    return Moment(at=at, busy_s=busy_s, ours_s=ours_s)


@pytest.mark.parametrize(
    ("before", "after", "service_s", "others"),
    [
        (moment(10, 100, 1), moment(20, 120, 3), 2.0, 1.6),
        (moment(10, 100, 1), moment(20, 103, 3), 2.0, 0.0),
        (moment(10, 100, 1), moment(20, 120, 3), None, None),
        (moment(10, None, 1), moment(20, None, 3), 2.0, None),
        (moment(10, 100, 1), moment(10, 100, 1), 0.0, None),
    ],
    ids=["busy", "rounded down", "unknown service", "unknown machine", "no time"],
)
def test_others_used_what_is_neither_ours_nor_the_services(
    before: Moment, after: Moment, service_s: float | None, others: float | None
) -> None:
    assert after.others_since(before, service_s) == others


def test_busy_is_what_our_processors_did_but_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = tmp_path / "stat"
    stat.write_text(
        "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 100 20 30 5000 600 7 8 35 40 0\ncpu1 999 0 0 0 0 0 0 0 0 0\nctxt 5\n"
    )
    monkeypatch.setattr(bench_machine, "_STAT", stat)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr(os, "sysconf", {"SC_CLK_TCK": 100}.__getitem__)

    assert Moment.now().busy_s == 2.0
    stat.unlink()
    assert Moment.now().busy_s is None


PRESSURE = "some avg10=9.99 avg60=9.99 avg300=9.99 total={}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"


@pytest.mark.parametrize(("waited_us", "share"), [(0, 0.0), (100_000, 0.2), (700_000, 1.0)])
def test_a_disk_is_busy_where_programs_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waited_us: int, share: float
) -> None:
    """Half a second passes, by a clock of our own."""
    pressure, clock = tmp_path / "io", [100.0]
    pressure.write_text(PRESSURE.format(1_000_000))

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        pressure.write_text(PRESSURE.format(1_000_000 + waited_us))

    monkeypatch.setattr(bench_machine, "_PRESSURE", pressure)
    monkeypatch.setattr(bench_machine, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: clock[0]))

    assert disk_waits() == pytest.approx(share)


@pytest.mark.parametrize("said", [None, "", "full avg10=0.00 total=7"])
def test_where_the_system_does_not_tell_no_disk_is_called_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None
) -> None:
    if said is not None:
        (tmp_path / "io").write_text(said)
    monkeypatch.setattr(bench_machine, "_PRESSURE", tmp_path / "io")

    assert disk_waits() is None
