"""What a bench has found, as one table or as JSON."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import click

from scanhook.bench.figures import Latencies, Reckoning, latencies_of
from scanhook.bench.load import LOST_LINE, OVERDUE, Run
from scanhook.cli.bench_house import Site
from scanhook.cli.common import show_json, show_table
from scanhook.message import CodeResult
from scanhook.registry.crew import cores

__all__ = ["Order", "Report", "Spent", "show"]

_OK, _TRY_AGAIN = 200, 503
_UNKNOWN, _NO_ANSWER = "unknown on this system", "no answer"
_WIDTH = 80
_KEPT_UP_SHARE = 0.95
_LATE_S = 1.0
_BUSY_SHARE = 0.15
"""Of the processors: so little is used by others on every machine, and no word is lost about it."""
_MEANINGS = (
    "sent: all pushes, the warm-up's too; of them repeats: the same push once more, as WeChat sends it.",
    "scans/commit: so many scans were brought to the disk at once. generator: the process that sends the scans.",
)
_TROUBLES = {
    "other_status": "other status: answered with a status other than 200 and 503.",
    "line_cut": "line cut: the service closed the connection before it had answered, as one that ends does.",
    "no_answer_in_time": "no answer in time: none within 5 s; WeChat waits no longer.",
    "unsent": "unsent: due, and could not leave: no connection was free, or the service was gone.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants to have measured.

    :param rate: scans a second; ``None``: the closed loop.
    """

    seconds: float
    connections: int
    rate: float | None
    codes: int
    one_code: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the service used up for a load.

    :param processor_s: of all its processes; ``None`` where the system does not tell, like ``worker_bytes``.
    :param commits: of the journal.
    :param worker_bytes: the memory of its largest worker.
    :param others: how many processors other programs used meanwhile.
    """

    processor_s: float | None
    commits: int
    worker_bytes: int | None
    others: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured.

    :param answers: to each push of the run: its verdict, a sentence where an answer came that is none, or ``None``.
    :param checked: about the warm-up's pushes, too.
    """

    site: Site
    order: Order
    run: Run
    answers: Sequence[CodeResult | str | None] = field(repr=False)
    spent: Spent
    checked: Reckoning

    @property
    def good(self) -> bool:
        """Whether scans were answered, at a given rate all that were due, and every promise was kept."""
        served = self.answered > 0 if self.order.rate is None else self.answered == self.due
        return served and self.checked.clean and not self.fell_behind

    @property
    def fell_behind(self) -> bool:
        """Whether a given rate could not be kept: scans were put off, refused or too late, and not only failed."""
        rate, run = self.order.rate, self.run
        if rate is None or not self.answered or self.scans_per_s >= rate * _KEPT_UP_SHARE:
            return False
        put_off = run.unsent or self.refused or self.errors["no_answer_in_time"]
        return bool(put_off) or run.seconds > self.order.seconds + _LATE_S

    @property
    def others(self) -> float | None:
        """How many processors other programs used meanwhile, if that is worth a word."""
        others = self.spent.others
        return others if others is not None and others >= _BUSY_SHARE * cores() else None

    @property
    def due(self) -> int:
        """How many pushes were to be answered: those that never left count along."""
        return len(self.answers) + self.run.unsent

    @property
    def not_served(self) -> int:
        """How many of them got no verdict, and have no latency: those told 503, failed, late and never sent."""
        return self.due - self.answered

    @property
    def answered(self) -> int:
        """How many pushes got a verdict."""
        return sum(self.verdicts.values())

    @property
    def verdicts(self) -> dict[str, int]:
        """How often each verdict was given."""
        given = Counter(answer for answer in self.answers if isinstance(answer, CodeResult))
        return {verdict.value: given[verdict] for verdict in CodeResult}

    @property
    def refused(self) -> int:
        """How many pushes were told to come again: 503."""
        return self.run.statuses.count(_TRY_AGAIN)

    @property
    def errors(self) -> dict[str, int]:
        """What went wrong otherwise, and how often."""
        run, known = self.run, (_OK, _TRY_AGAIN, LOST_LINE, OVERDUE)
        return {
            "other_status": sum(status not in known for status in run.statuses),
            "line_cut": run.statuses.count(LOST_LINE),
            "no_answer_in_time": run.statuses.count(OVERDUE),
            "unsent": run.unsent,
        }

    @property
    def latencies(self) -> Latencies | None:
        """How long the answers with a verdict took, in seconds."""
        run = self.run
        return latencies_of(
            ended - due
            for due, ended, answer in zip(run.due, run.ended, self.answers, strict=True)
            if isinstance(answer, CodeResult)
        )

    @property
    def scans_per_s(self) -> float:
        """How many pushes got a verdict in a second."""
        return self.answered / self.run.seconds if self.run.seconds else 0.0

    def each_us(self, seconds: float | None) -> float | None:
        """Return what an answered push took of something, in microseconds."""
        return None if seconds is None or not self.answered else seconds / self.answered * 1e6

    @property
    def scans_per_commit(self) -> float | None:
        """How many scans shared a commit; repeats are committed too."""
        return self.answered / self.spent.commits if self.spent.commits else None


def show(report: Report, *, as_json: bool) -> None:
    """Print it."""
    if as_json:
        return show_json(_as_json(report))
    show_table(("figure", "value"), _rows(report), title=_title(report))
    for sentence in _words(report):
        click.echo(textwrap.fill(sentence, _WIDTH, break_long_words=False, break_on_hyphens=False))
    return None


def _as_json(report: Report) -> dict[str, object]:
    run, latencies = report.run, report.latencies
    return {
        "loop": "closed" if report.order.rate is None else "open",
        **asdict(report.order),
        "workers": report.site.workers,
        "engine": report.site.engine,
        "mode": report.site.mode,
        "processors": cores(),
        "measured_s": round(run.seconds, 3),
        "scans_per_s": round(report.scans_per_s, 1),
        "latency_ms": {name: round(value * 1000, 3) for name, value in asdict(latencies).items()}
        if latencies
        else None,
        "answers": report.verdicts,
        "due": report.due,
        "not_served": report.not_served,
        "note": " ".join(filter(None, (_slow(report), _not_served(report)))) or None,
        "kept_up": None if report.order.rate is None else not report.fell_behind,
        "refused": report.refused,
        "errors": report.errors,
        "connections_most": run.lines,
        "processor_us": {
            "service": _rounded(report.each_us(report.spent.processor_s)),
            "generator": _rounded(report.each_us(run.processor_s)),
        },
        "other_programs_processors": None if report.spent.others is None else round(report.spent.others, 2),
        "worker_bytes": report.spent.worker_bytes,
        "scans_per_commit": _rounded(report.scans_per_commit),
        "pushes_used_up": run.used_up,
        "checked": asdict(report.checked),
        "good": report.good,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _title(report: Report) -> str:
    order, site = report.order, report.site
    loop = "closed loop" if order.rate is None else f"open loop at {order.rate:,g} scans/s"
    scanned = "one code of" if order.one_code else "codes:"
    workers = f"{site.workers} worker{'s' if site.workers > 1 else ''}"
    connections = f"{order.connections} connection{'s' if order.connections > 1 else ''}"
    return (
        f"{loop}, {connections}, {report.run.seconds:.1f} s\n"
        f"{workers}, {site.engine}, {site.mode} mode, {scanned} {order.codes:,}"
    )


def _rows(report: Report) -> list[tuple[str, str]]:
    spent, shared = report.spent, report.scans_per_commit
    service, generator = _us(report, spent.processor_s), _us(report, report.run.processor_s)
    return [
        ("scans/s", f"{report.scans_per_s:,.0f}"),
        ("latency, ms", _took(report.latencies)),
        ("answers", _counts(report.verdicts)),
        ("not served", f"{report.not_served:,} of {report.due:,} due, a 503 counts"),
        ("refused (503)", f"{report.refused:,}"),
        ("errors", _counts({name: count for name, count in report.errors.items() if count}).replace("_", " ") or "0"),
        ("processor/scan", f"service {service}  generator {generator}"),
        ("memory/worker", f"{spent.worker_bytes / 1e6:.0f} MB" if spent.worker_bytes else _UNKNOWN),
        ("scans/commit", f"{shared:.1f}" if shared else _NO_ANSWER),
        ("check", _reckoned(report.checked)),
    ]


def _took(latencies: Latencies | None) -> str:
    if latencies is None:
        return _NO_ANSWER
    shares = {
        "p50": latencies.p50,
        "p90": latencies.p90,
        "p99": latencies.p99,
        "p99.9": latencies.p999,
        "max": latencies.highest,
    }
    return "  ".join(f"{name} {value * 1000:.{int(value < 1)}f}" for name, value in shares.items())


def _counts(counts: Mapping[str, int]) -> str:
    return "  ".join(f"{name} {count:,}" for name, count in counts.items())


def _reckoned(checked: Reckoning) -> str:
    return (
        f"sent {checked.sent:,}  of them repeats {checked.repeats:,}\n"
        f"answered {checked.answered:,}  stored {checked.stored:,}\n"
        f"lost {checked.lost:,}  doubled {checked.doubled:,}  wrong verdicts {checked.wrong:,}"
    )


def _us(report: Report, seconds: float | None) -> str:
    each = report.each_us(seconds)
    return f"{each:,.0f} µs" if each is not None else _NO_ANSWER if seconds is not None else _UNKNOWN


def _words(report: Report) -> list[str]:
    words = []
    if not report.answered:
        words.append("Nothing was answered: the log of `scanhook serve` says why.")
    if not report.checked.clean:
        words.append(f"A promise was broken. {_first_wrong(report)}Please report this with the table.")
    words.extend(filter(None, (_slow(report), _not_served(report), _disturbed(report))))
    words.extend(meaning for name, meaning in _TROUBLES.items() if report.errors[name])
    if report.order.rate is None:
        words.append("In a closed loop who sends waits for who answers: what a stall does to consumers, --rate shows.")
    else:
        words.append("Latency counts from the moment at which a scan was due.")
    if report.run.used_up:
        words.append("The pushes that were made ready came to their end before the time: it was faster than expected.")
    if report.site.other_verifiers:
        words.append("Only the registry was asked: no bench asks other verifiers of your settings.")
    if report.site.address:
        words.append("The processor time is scanhook's own; PostgreSQL's is not in it.")
    words.append(f"Who scanned shared the {cores()} processors with the service.")
    return [*words, *_MEANINGS]


def _slow(report: Report) -> str:
    if report.order.rate is None or not report.fell_behind:
        return ""
    return f"The machine did not keep up: {report.scans_per_s:,.0f} of {report.order.rate:,g} scans/s."


def _disturbed(report: Report) -> str:
    if report.others is None:
        return ""
    return f"Other programs used {report.others:.1f} of {cores()} processors: take this as a lower bound."


def _not_served(report: Report) -> str:
    if not report.not_served:
        return ""
    end = "." if report.order.rate is None else ", and with --rate that is a failure."
    return (
        f"{report.not_served:,} of {report.due:,} scans got no verdict (a 503 is none) and have no latency:"
        f" the percentiles are of the others only{end}"
    )


def _first_wrong(report: Report) -> str:
    return next(
        (f"An answer: {answer}. " for answer in report.answers if answer and not isinstance(answer, CodeResult)), ""
    )
