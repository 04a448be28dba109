from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path

import pytest

from scanhook.bench.figures import Reckoning
from scanhook.bench.load import LOST_LINE, OVERDUE, Run
from scanhook.bench.plan import Taken
from scanhook.cli import bench_report, bench_result, common
from scanhook.cli.bench_house import site_of
from scanhook.cli.bench_report import show
from scanhook.cli.bench_result import Order, Report, Spent
from scanhook.message import CodeResult

REAL, FAKE, NOT_ACTIVE = CodeResult.REAL, CodeResult.FAKE, CodeResult.NOT_ACTIVE
CLEAN = Reckoning(sent=1100, repeats=20, answered=1096, stored=1078, lost=0, doubled=0, wrong=0)


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common.console, "_width", 80)
    monkeypatch.setattr(common.console, "_height", 40)
    for module in (bench_report, bench_result):
        monkeypatch.setattr(module, "cores", lambda: 2)


def flat(said: str) -> str:
    """Return what was said without the ends of its lines."""
    return " ".join(said.split())


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """Return what came of 1000 pushes in 2 s, each answered after a millisecond more than the one before."""
    monkeypatch.chdir(tmp_path)
    statuses = array("H", [200] * 994 + [503, 503, 500, LOST_LINE, LOST_LINE, OVERDUE])
    run = Run(
        due=array("d", [0.5] * 1000),
        ended=array("d", [0.5 + number / 1000 for number in range(1, 1001)]),
        statuses=statuses,
        bodies=[b""] * 1000,
        seconds=2.0,
        lines=40,
        processor_s=0.0497,
        unsent=7,
        used_up=False,
    )
    return Report(
        site=site_of(None, storage="", workers=None),
        order=Order(seconds=2.0, connections=32, rate=500.0, codes=100_000, one_code=False, events=False),
        run=run,
        answers=[*[REAL] * 800, *[FAKE] * 94, *[NOT_ACTIVE] * 100, *[None] * 6],
        spent=Spent(processor_s=0.2485, commits=100, worker_bytes=81_000_000, others=None),
        checked=CLEAN,
        disk_waits=None,
    )


def test_one_table_of_80_columns_says_everything(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    show(report, as_json=False)

    said = capsys.readouterr().out
    lines = said.splitlines()
    table = [line for line in lines if "│" in line]
    assert max(map(len, lines)) <= 80
    assert [line.split("│")[1].strip() for line in table if line.split("│")[1].strip()] == [
        "scans/s",
        "latency, ms",
        "answers",
        "not served",
        "refused (503)",
        "errors",
        "processor/scan",
        "memory/worker",
        "scans/commit",
        "check",
    ]
    for words in (
        "open loop at 500 scans/s, up to 40 connections, 2.0 s",
        "2 workers, SQLite, safe mode, codes: 100,000",
        " 494 ",
        "p50 497.0  p90 895.0  p99 985.0  p99.9 994.0  max 994.0",
        "real 800  fake 94  not_active 100",
        "13 of 1,007 due, 503s included",
        "994 answers are few: measure for longer, or believe only p50 and the check.",
        "other status 1  line cut 2  no answer in time 1  unsent 7",
        "service 250 µs  generator 50 µs",
        "81 MB",
        "9.9",
        "sent 1,100  of them repeats 20",
        "answered 1,096  stored 1,078",
        "lost 0  doubled 0  wrong verdicts 0",
        "13 of 1,007 scans were not served (503s included) and have no latency: ",
        "the percentiles are of the others only, and with --rate that is a failure.",
        "Latency counts from the moment at which a scan was due.",
        "The program that scanned shared the 2 processors with the service.",
        "unsent: due, and could not leave: no connection was free, or the service was gone.",
        "line cut: the service closed the connection before it had answered",
        "check: of all pushes, the warm-up's too, which keeps to no rate; of them repeats: the same push once more.",
        "scans/commit: so many scans were brought to the disk at once. generator: the process that sends them.",
    ):
        assert flat(words) in flat(said)


def test_the_same_for_programs(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    said = bench_report._as_json(report)

    assert said["scans_per_s"] == said["pushes_per_s"] == 493.5
    assert said["latency_ms"] == {"p50": 497.0, "p90": 895.0, "p99": 985.0, "p999": 994.0, "highest": 994.0}
    assert said["answers"] == {"real": 800, "fake": 94, "not_active": 100}
    assert (said["due"], said["not_served"]) == (1007, 13)
    assert str(said["note"]).startswith("13 of 1,007 scans were not served")
    assert said["refused"] == 2
    assert said["errors"] == {"other_status": 1, "line_cut": 2, "no_answer_in_time": 1, "unsent": 7}
    assert said["processor_us"] == {"service": 250.0, "generator": 50.0}
    assert said["pushes_per_commit"] == 9.9
    assert said["checked"] == {
        "sent": 1100,
        "repeats": 20,
        "answered": 1096,
        "stored": 1078,
        "lost": 0,
        "doubled": 0,
        "wrong": 0,
    }
    assert said["good"] is False
    show(report, as_json=True)
    assert '"loop": "open"' in capsys.readouterr().out


def served(report: Report, **order: object) -> Report:
    """Return the same where all that was due got a verdict."""
    run = replace(report.run, statuses=array("H", [200] * 1000), unsent=0)
    changed = replace(report.order, **order)  # type: ignore[arg-type]  # what the tests below say
    return replace(report, run=run, order=changed, answers=[REAL] * 1000)


def test_who_serves_all_that_was_due_is_good(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    report = served(report)

    show(report, as_json=False)

    said = capsys.readouterr().out
    assert report.good
    assert " 0 of 1,000 due" in said
    assert "no latency" not in said
    assert bench_report._as_json(report)["note"] is None


@pytest.mark.parametrize(
    ("status", "unsent"),
    [(503, 0), (500, 0), (LOST_LINE, 0), (OVERDUE, 0), (200, 1)],
    ids=["told 503", "failed", "cut", "late", "never sent"],
)
@pytest.mark.parametrize("rate", [500.0, None])
def test_at_a_given_rate_one_scan_without_a_verdict_is_a_failure(
    report: Report, rate: float | None, status: int, unsent: int, capsys: pytest.CaptureFixture[str]
) -> None:
    report = served(report, rate=rate)
    run = replace(report.run, statuses=array("H", [200] * 999 + [status]), unsent=unsent)
    report = replace(report, run=run, answers=[*[REAL] * 999, None if status != 200 else REAL])

    show(report, as_json=False)

    assert report.good == (rate is None)
    assert "1 of 1,00" in capsys.readouterr().out


@pytest.mark.parametrize("fault", ["lost", "doubled", "wrong"])
def test_a_broken_promise_is_told(report: Report, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = replace(served(report, rate=None), checked=replace(CLEAN, **{fault: 1}))
    report = replace(report, answers=["it is empty", *report.answers[1:]])

    show(report, as_json=False)

    assert not report.good
    assert "A promise was broken. An answer: it is empty. " in flat(capsys.readouterr().out)


def test_a_run_without_an_answer_is_not_good(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    report = replace(
        report, answers=[None] * 1000, spent=Spent(processor_s=None, commits=0, worker_bytes=None, others=None)
    )

    show(report, as_json=False)

    assert not report.good
    said = capsys.readouterr().out
    assert "Nothing was answered" in said
    assert said.count("unknown on this system") == 2
    assert bench_report._as_json(report)["latency_ms"] is None


@pytest.mark.parametrize(
    ("run", "order", "words"),
    [
        ({}, {"rate": None}, "closed loop, 32 connections"),
        ({}, {"rate": None}, "what a stall does to consumers, --rate shows"),
        ({}, {"rate": None, "connections": 1}, "closed loop, 1 connection, 2.0 s"),
        ({}, {"one_code": True}, "safe mode, one code of 100,000"),
        ({"used_up": True}, {"rate": None}, "It ended before the time: every push that had been made was sent."),
        ({"lines": 32}, {}, "open loop at 500 scans/s, 32 connections"),
        ({}, {"events": True}, "open loop at 500 pushes/s"),
        ({}, {"events": True}, "codes: 100,000, with every scan two other events"),
        ({}, {"events": True}, "moment at which a push was due"),
        ({}, {"events": True}, "13 of 1,007 pushes were not served"),
    ],
)
def test_the_words_say_how_it_was_measured(
    report: Report, run: dict[str, object], order: dict[str, object], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = replace(report.order, **order)  # type: ignore[arg-type]  # what the table above says

    show(replace(report, run=replace(report.run, **run), order=changed), as_json=False)  # type: ignore[arg-type]

    assert words in flat(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("changes", "fell_behind"),
    [
        ({"unsent": 40}, True),
        ({"statuses": array("H", [200] * 950 + [503] * 50)}, True),
        ({"statuses": array("H", [200] * 950 + [OVERDUE] * 50)}, True),
        ({"seconds": 3.1}, True),
        ({"statuses": array("H", [200] * 950 + [500] * 50)}, False),
        ({}, False),
    ],
    ids=["never sent", "told 503", "late", "put off", "failed", "a little late"],
)
def test_a_rate_that_was_not_kept_is_a_failure(
    report: Report, changes: dict[str, object], capsys: pytest.CaptureFixture[str], *, fell_behind: bool
) -> None:
    report = served(report, rate=500.0)
    run = replace(report.run, **{"seconds": 2.5, **changes})  # type: ignore[arg-type]  # what the table above says
    answers = [REAL if status == 200 else None for status in run.statuses]
    report = replace(report, run=run, answers=answers)

    show(report, as_json=False)

    said = flat(capsys.readouterr().out)
    rate = f"{report.scans_per_s:,.0f}"
    assert (f"The machine did not keep up: {rate} of 500 scans/s." in said) is fell_behind
    assert bench_report._as_json(report)["kept_up"] is not fell_behind
    assert report.good is (not fell_behind and report.not_served == 0)


@pytest.mark.parametrize(("others", "told"), [(1.62, True), (0.3, True), (0.2, False), (None, False)])
@pytest.mark.parametrize(("rate", "end"), [(None, "it does more"), (500.0, "it answers sooner")])
def test_a_machine_that_others_kept_busy_is_told_of(
    report: Report,
    rate: float | None,
    end: str,
    others: float | None,
    capsys: pytest.CaptureFixture[str],
    *,
    told: bool,
) -> None:
    report = replace(served(report, rate=rate), spent=replace(report.spent, others=others))

    show(report, as_json=False)

    used = f"Other programs, or other machines on the same host, used {others or 0:.1f} of 2 processors"
    sentence = f"{used}: without them {end} than this."
    assert (sentence in flat(capsys.readouterr().out)) is told
    assert bench_report._as_json(report)["other_programs_processors"] == others


@pytest.mark.parametrize(("waits", "told"), [(0.42, True), (0.1, True), (0.09, False), (None, False)])
@pytest.mark.parametrize(("rate", "end"), [(None, "it does more"), (500.0, "it answers sooner")])
def test_a_disk_that_others_kept_busy_is_told_of(
    report: Report,
    rate: float | None,
    end: str,
    waits: float | None,
    capsys: pytest.CaptureFixture[str],
    *,
    told: bool,
) -> None:
    report = replace(served(report, rate=rate), disk_waits=waits)

    show(report, as_json=False)

    sentence = (
        f"other programs waited for a disk {waits or 0:.0%} of the time: if that is the storage's, without them {end}"
    )
    assert (sentence in flat(capsys.readouterr().out)) is told
    assert bench_report._as_json(report)["disk_waits_before"] == waits


def test_a_postgresql_server_on_this_machine_is_no_disturbance(
    report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    site = site_of(None, storage="postgresql://scanhook@127.0.0.1/bench", workers=None)
    report = replace(report, site=site, spent=replace(report.spent, others=0.8))

    show(report, as_json=False)

    said = flat(capsys.readouterr().out)
    assert "Other programs, with PostgreSQL if it runs here, or other machines on the same host, used 0.8 of 2" in said
    assert "without them" not in said


def test_pushes_are_told_apart_from_scans(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    report = served(report, events=True)
    report = replace(report, answers=[*[REAL] * 300, *[Taken.SUCCESS] * 600, *[NOT_ACTIVE] * 100])

    show(report, as_json=False)

    said = flat(capsys.readouterr().out)
    for words in (
        "pushes/s │ 500 ",
        "scans/s │ 200 ",
        "answers │ real 300 fake 0 not_active 100 success 600",
        "processor/push │ service",
        "pushes/commit │ 10.0",
    ):
        assert words in said
    assert bench_report._as_json(report)["scans_per_s"] == 200.0


@pytest.mark.parametrize(
    ("rate", "commits", "told"), [(500.0, 900, True), (500.0, 400, False), (None, 900, False), (500.0, 0, False)]
)
def test_where_nobody_shares_the_disk_it_is_said_why_a_scan_costs_more(
    report: Report, rate: float | None, commits: int, capsys: pytest.CaptureFixture[str], *, told: bool
) -> None:
    report = replace(served(report, rate=rate), spent=replace(report.spent, commits=commits))

    show(report, as_json=False)

    assert ("hardly a scan shares its wait for the disk" in flat(capsys.readouterr().out)) is told


def test_a_rate_counts_from_the_first_push_that_is_due_to_the_one_that_would_come_next(report: Report) -> None:
    run = replace(report.run, due=array("d", [0.0]), ended=array("d", [0.005]), statuses=array("H", [200]))
    report = replace(report, run=replace(run, seconds=0.005, unsent=0), answers=[REAL])

    slow = replace(report, order=replace(report.order, rate=1.0))
    assert (slow.scans_per_s, bench_report._as_json(slow)["measured_s"]) == (1.0, 1.0)
    assert "open loop at 1 scans/s, up to 40 connections, 1.0 s" in bench_report._title(slow)
    assert replace(report, order=replace(report.order, rate=None)).scans_per_s == 200.0


def test_latencies_of_seconds_stay_on_one_line(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    ended = array("d", [0.5 + number / 500 for number in range(1, 1001)])

    show(replace(report, run=replace(report.run, ended=ended)), as_json=False)

    assert " p50 994.0  p90 1790  p99 1970  p99.9 1988  max 1988 " in capsys.readouterr().out
