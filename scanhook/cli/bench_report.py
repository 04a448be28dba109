"""What a bench has found, as one table or as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import asdict

import click

from scanhook.bench.figures import Latencies, Reckoning
from scanhook.bench.plan import Told
from scanhook.cli.bench_result import Order, Report
from scanhook.cli.common import show_json, show_table
from scanhook.registry.crew import cores

__all__ = ["show"]

_UNKNOWN, _NO_ANSWER = "unknown on this system", "no answer"
_WIDTH = 80
_EXACT_BELOW = 10
_WITH_EVENTS = ",\nwith every scan two other events"
_FEW_PER_COMMIT = 2
"""So few share one wait for the disk where nearly each has its own."""
_ENOUGH = 1_000
"""Of fewer answers the highest percentiles are those of single ones, and processor time, told in ticks, is rough."""
_TROUBLES = {
    "other_status": "other status: answered with a status other than 200 and 503.",
    "line_cut": "line cut: the service closed the connection before it had answered, as one that ends does.",
    "no_answer_in_time": "no answer in time: none within 5 s; WeChat waits no longer.",
    "unsent": "unsent: due, and could not leave: no connection was free, or the service was gone.",
}


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
        "measured_s": round(report.span_s, 3),
        "pushes_per_s": round(report.pushes_per_s, 1),
        "scans_per_s": round(report.scans_per_s, 1),
        "latency_ms": {name: round(value * 1000, 3) for name, value in asdict(latencies).items()}
        if latencies
        else None,
        "answers": report.told,
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
        "disk_waits_before": None if report.disk_waits is None else round(report.disk_waits, 2),
        "worker_bytes": report.spent.worker_bytes,
        "pushes_per_commit": _rounded(report.pushes_per_commit),
        "pushes_used_up": run.used_up,
        "checked": asdict(report.checked),
        "good": report.good,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _title(report: Report) -> str:
    order, site = report.order, report.site
    loop = "closed loop" if order.rate is None else f"open loop at {order.rate:,g} {order.pushes}/s"
    scanned = "one code of" if order.one_code else "codes:"
    workers = f"{site.workers} worker{'s' if site.workers > 1 else ''}"
    lines = order.connections if order.rate is None else max(order.connections, report.run.lines)
    most = "up to " if lines > order.connections else ""
    connections = f"{most}{lines} connection{'s' if lines > 1 else ''}"
    return (
        f"{loop}, {connections}, {report.span_s:.1f} s\n"
        f"{workers}, {site.engine}, {site.mode} mode, {scanned} {order.codes:,}"
        f"{_WITH_EVENTS if order.events else ''}"
    )


def _rows(report: Report) -> list[tuple[str, str]]:
    spent, shared, one = report.spent, report.pushes_per_commit, report.order.push
    service, generator = _us(report, spent.processor_s), _us(report, report.run.processor_s)
    return [
        *([("pushes/s", _rate(report.pushes_per_s))] if report.order.events else []),
        ("scans/s", _rate(report.scans_per_s)),
        ("latency, ms", _took(report.latencies)),
        ("answers", _counts(report.told)),
        ("not served", f"{report.not_served:,} of {report.due:,} due, 503s included"),
        ("refused (503)", f"{report.refused:,}"),
        ("errors", _counts({name: count for name, count in report.errors.items() if count}).replace("_", " ") or "0"),
        (f"processor/{one}", f"service {service}  generator {generator}"),
        ("memory/worker", f"{spent.worker_bytes / 1e6:.0f} MB" if spent.worker_bytes else _UNKNOWN),
        (f"{report.order.pushes}/commit", f"{shared:.1f}" if shared else _NO_ANSWER),
        ("check", _reckoned(report.checked)),
    ]


def _rate(each_s: float) -> str:
    return f"{each_s:,.0f}" if each_s >= _EXACT_BELOW else f"{each_s:.1f}"


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
        words.append("Nothing was answered: start `scanhook serve`, push with `scanhook simulate`; its log says why.")
    if not report.checked.clean:
        words.append(f"A promise was broken. {_first_wrong(report)}Please report this with the table.")
    if 0 < report.answered < _ENOUGH:
        words.append(f"{report.answered:,} answers are few: measure for longer, or believe only p50 and the check.")
    words.extend(filter(None, (_slow(report), _not_served(report), _disturbed(report), _disk(report))))
    words.extend(meaning for name, meaning in _TROUBLES.items() if report.errors[name])
    if report.order.rate is None:
        words.append("In a closed loop who sends waits for who answers: what a stall does to consumers, --rate shows.")
    else:
        words.append(f"Latency counts from the moment at which a {report.order.push} was due.")
        words.extend(filter(None, (_unshared(report),)))
    if report.run.used_up:
        why = "" if report.not_served else "it was faster than expected, and "
        words.append(f"It ended before the time: {why}every push that had been made was sent.")
    if report.site.other_verifiers:
        words.append("Only the registry was asked: no bench asks other verifiers of your settings.")
    if report.site.address:
        words.append("The processor time is scanhook's own; PostgreSQL's is not in it.")
    words.append(f"The program that scanned shared the {cores()} processors with the service.")
    return [*words, *_meanings(report.order)]


def _meanings(order: Order) -> tuple[str, ...]:
    what = order.pushes
    return (
        "check: of all pushes, the warm-up's too, which keeps to no rate; of them repeats: the same push once more.",
        f"{what}/commit: so many {what} were brought to the disk at once. generator: the process that sends them.",
    )


def _unshared(report: Report) -> str:
    shared, one = report.pushes_per_commit, report.order.push
    if shared is None or shared >= _FEW_PER_COMMIT:
        return ""
    return (
        f"At such a rate hardly a {one} shares its wait for the disk, a processor that has waited is slow at first, "
        f"and few share what the service does besides: each {one} costs more than under load."
    )


def _slow(report: Report) -> str:
    if report.order.rate is None or not report.fell_behind:
        return ""
    rate, what = report.order.rate, report.order.pushes
    return f"The machine did not keep up: {_rate(report.pushes_per_s)} of {rate:,g} {what}/s."


def _disturbed(report: Report) -> str:
    if report.others is None:
        return ""
    used = f"or other machines on the same host, used {report.others:.1f} of {cores()} processors"
    if report.site.address:
        return f"Other programs, with PostgreSQL if it runs here, {used}."
    return f"Other programs, {used}: without them {_alone(report)} than this."


def _disk(report: Report) -> str:
    if report.busy_disk is None:
        return ""
    return (
        f"Just before it began, other programs waited for a disk {report.busy_disk:.0%} of the time: if that is the "
        f"storage's, without them {_alone(report)} than this."
    )


def _alone(report: Report) -> str:
    return "it does more" if report.order.rate is None else "it answers sooner"


def _not_served(report: Report) -> str:
    if not report.not_served:
        return ""
    end = "." if report.order.rate is None else ", and with --rate that is a failure."
    return (
        f"{report.not_served:,} of {report.due:,} {report.order.pushes} were not served (503s included) and have "
        f"no latency: the percentiles are of the others only{end}"
    )


def _first_wrong(report: Report) -> str:
    return next((f"An answer: {answer}. " for answer in report.answers if answer and not isinstance(answer, Told)), "")
