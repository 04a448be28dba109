"""What must be in the journal after a load, read from the database itself, and counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scanhook.settings import House
from scanhook.storage import Pepper
from tests.ordeal.load import CODES, Load, Sent
from tests.postgres import Server
from tests.serving import rows

__all__ = ["FileLedger", "Ledger", "Reckoning", "tell"]

UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """What became of a load.

    :param lost: pushes that were answered with a verdict, and are not stored with it.
    :param doubled: pushes that are stored more than once.
    :param wrong: pushes whose answers, or rows, hold another verdict than the code's own.
    :param unanswered: pushes that got no verdict in all their tries.
    """

    sent: int
    answered: int
    stored: int
    lost: int
    doubled: int
    wrong: int
    unanswered: int

    def tell(self, what: str, load: Load) -> None:
        """Print it, for whoever looks for figures."""
        tell(
            f"{what}: seed {load.seed}, {self.counts()}, "
            f"at most {load.longest_without_verdict_s():.2f} s without a verdict"
        )

    def counts(self) -> str:
        """Name the figures."""
        return (
            f"sent {self.sent}, answered {self.answered}, unanswered {self.unanswered}, stored {self.stored}, "
            f"lost {self.lost}, doubled {self.doubled}, wrong {self.wrong}"
        )


class Ledger:
    """A journal on PostgreSQL, read without scanhook."""

    _schema = "scanhook."

    def __init__(self, server: Server, database: str, pepper: Pepper) -> None:
        self._server = server
        self._database = database
        self._pepper = pepper

    def reckon(self, sent: Iterable[Sent]) -> Reckoning:
        """Compare what was answered with what is stored."""
        sent = list(sent)
        rows: dict[bytes, list[str]] = defaultdict(list)
        for person, verdict in self._rows("SELECT person, CASE WHEN reason = 'undecided' THEN reason ELSE verdict END"):
            rows[bytes(person)].append(verdict)
        stored = {one.person: rows[self._pepper.person(one.person)] for one in sent}
        return Reckoning(
            sent=len(sent),
            answered=sum(one.answered is not None for one in sent),
            stored=sum(len(verdicts) for verdicts in stored.values()),
            lost=sum(one.answered is not None and one.answered not in stored[one.person] for one in sent),
            doubled=sum(len(verdicts) > 1 for verdicts in stored.values()),
            wrong=sum(not _is_right(one, stored[one.person]) for one in sent),
            unanswered=sum(one.answered is None for one in sent),
        )

    def miscounted(self) -> dict[bytes, tuple[object, object]]:
        """Return the codes whose tallies are not what the scans are, by tag: what is counted, and what there is."""
        scans: Counter[bytes] = Counter()
        persons: dict[bytes, set[bytes]] = defaultdict(set)
        for tag, person in self._rows("SELECT tag, person", f"WHERE reason <> '{UNDECIDED}'"):
            scans[bytes(tag)] += 1
            persons[bytes(tag)].add(bytes(person))
        there = {tag: (count, len(persons[tag])) for tag, count in scans.items()}
        counted = {
            bytes(tag): (count, people)
            for tag, count, people in self._sql(f"SELECT tag, scans, persons FROM {self._schema}tallies")
        }
        return {
            tag: (counted.get(tag), there.get(tag))
            for tag in sorted({*there, *counted})
            if counted.get(tag) != there.get(tag)
        }

    def _rows(self, select: str, where: str = "") -> list[tuple[Any, ...]]:
        return self._sql(f"{select} FROM {self._schema}scans {where}")

    def _sql(self, statement: str) -> list[tuple[Any, ...]]:
        return self._server.sql(statement, database=self._database)


class FileLedger(Ledger):
    """A journal on SQLite, read without scanhook."""

    _schema = ""

    def __init__(self, house: House) -> None:
        self._house = house
        self._pepper = Pepper.load(house.pepper_path)

    def _sql(self, statement: str) -> list[tuple[Any, ...]]:
        return rows(self._house, statement)


def _is_right(one: Sent, stored: list[str]) -> bool:
    said = {made.verdict for made in one.tries if made.verdict is not None} | {v for v in stored if v != UNDECIDED}
    return said <= {CODES[one.code]}


def tell(what: str) -> None:
    """Print a figure: it is seen with ``pytest -s``, and where a test fails."""
    print(f"\n{what}", end="")  # noqa: T201
