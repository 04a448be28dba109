"""What a bench was asked for, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from scanhook.bench.figures import Latencies, Reckoning, latencies_of
from scanhook.bench.load import LOST_LINE, OVERDUE, Run
from scanhook.bench.plan import Taken, Told
from scanhook.cli.bench_house import Site
from scanhook.message import CodeResult
from scanhook.registry.crew import cores

__all__ = ["Order", "Report", "Spent"]

_OK, _TRY_AGAIN = 200, 503
_KEPT_UP_SHARE = 0.95
_LATE_S = 1.0
_BUSY_SHARE = 0.15
"""Of the processors: so little is used by others on every machine, and no word is lost about it."""
_WAITS_SHARE = 0.1
"""Of the time: the same of disks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants to have measured.

    :param rate: pushes a second; ``None``: the closed loop.
    :param events: whether with every scan come the events that belong to it.
    """

    seconds: float
    connections: int
    rate: float | None
    codes: int
    one_code: bool
    events: bool

    @property
    def pushes(self) -> str:
        """What is sent, for people."""
        return "pushes" if self.events else "scans"

    @property
    def push(self) -> str:
        """One of them."""
        return "push" if self.events else "scan"


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
    others: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured.

    :param answers: to each push of the run: what it was told, a sentence where an answer came that is none, ``None``
        where none came.
    :param checked: about the warm-up's pushes, too.
    :param disk_waits: in which share of the time just before other programs waited for a disk.
    """

    site: Site
    order: Order
    run: Run
    answers: Sequence[Told | str | None] = field(repr=False)
    spent: Spent
    checked: Reckoning
    disk_waits: float | None

    @property
    def good(self) -> bool:
        """Whether pushes were served, at a given rate all that were due, and every promise was kept."""
        served = self.answered > 0 if self.order.rate is None else self.answered == self.due
        return served and self.checked.clean and not self.fell_behind

    @property
    def fell_behind(self) -> bool:
        """Whether a given rate could not be kept: pushes were put off, refused or too late, and not only failed."""
        rate, run = self.order.rate, self.run
        if rate is None or not self.answered or self.pushes_per_s >= rate * _KEPT_UP_SHARE:
            return False
        put_off = run.unsent or self.refused or self.errors["no_answer_in_time"]
        return bool(put_off) or run.seconds > self.order.seconds + _LATE_S

    @property
    def others(self) -> float | None:
        """How many processors other programs used meanwhile, if that is worth a word."""
        others = self.spent.others
        return others if others is not None and others >= _BUSY_SHARE * cores() else None

    @property
    def busy_disk(self) -> float | None:
        """In which share of the time before other programs waited for a disk, if that is worth a word."""
        waits = self.disk_waits
        return waits if waits is not None and waits >= _WAITS_SHARE else None

    @property
    def due(self) -> int:
        """How many pushes were to be answered: those that never left count along."""
        return len(self.answers) + self.run.unsent

    @property
    def not_served(self) -> int:
        """How many of them were not served, and have no latency: those told 503, failed, late and never sent."""
        return self.due - self.answered

    @property
    def answered(self) -> int:
        """How many pushes were served: told a verdict, or ``success`` where nothing more was asked."""
        return sum(self.told.values())

    @property
    def told(self) -> dict[str, int]:
        """How often each answer was given."""
        given = Counter(answer for answer in self.answers if isinstance(answer, Told))
        answers = (*CodeResult, *Taken) if self.order.events else (*CodeResult,)
        return {answer.value: given[answer] for answer in answers}

    @property
    def verdicts(self) -> int:
        """How many scans got a verdict."""
        return sum(isinstance(answer, CodeResult) for answer in self.answers)

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
        """How long the answers took that served somebody, in seconds."""
        run = self.run
        return latencies_of(
            ended - due
            for due, ended, answer in zip(run.due, run.ended, self.answers, strict=True)
            if isinstance(answer, Told)
        )

    @property
    def span_s(self) -> float:
        """How long it took: at a given rate at least until another push would have been due."""
        return max(self.run.seconds, self.due / self.order.rate if self.order.rate else 0.0)

    @property
    def pushes_per_s(self) -> float:
        """How many pushes were served in a second."""
        return self.answered / self.span_s if self.span_s else 0.0

    @property
    def scans_per_s(self) -> float:
        """How many scans got a verdict in a second."""
        return self.verdicts / self.span_s if self.span_s else 0.0

    def each_us(self, seconds: float | None) -> float | None:
        """Return what an answered push took of something, in microseconds."""
        return None if seconds is None or not self.answered else seconds / self.answered * 1e6

    @property
    def pushes_per_commit(self) -> float | None:
        """How many pushes shared a commit; repeats are committed too."""
        return self.answered / self.spent.commits if self.spent.commits else None
