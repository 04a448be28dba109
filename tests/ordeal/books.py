"""What must be in a journal on SQLite after visits: the oracle is who was sent what, and what was answered."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from scanhook.settings import House
from scanhook.storage import Pepper
from tests.ordeal.delivery import Ending
from tests.ordeal.ledger import UNDECIDED, tell
from tests.ordeal.load import CODES
from tests.ordeal.visitors import Visit, Visitors
from tests.serving import environment, rows

__all__ = ["Books", "check_storage"]

_STATUSES = {0, 200, 503}
_ROUNDING_S = 0.002
"""The journal keeps milliseconds."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A scan, or another event: its name is the reason then, and `success` all that is ever said of it."""

    reason: str
    verdict: str | None
    tag: bytes
    received_at: float


class Books:
    """A journal, and the visits that it must hold.

    :param changing: codes that were real for some time and not active for some.
    """

    def __init__(self, house: House, load: Visitors, *, changing: Collection[str] = ()) -> None:
        self._house = house
        self._load = load
        self._changing = frozenset(changing)
        pepper = Pepper.load(house.pepper_path)
        self._visits = {(pepper.person(visit.person), visit.create_time): visit for visit in load.visits}
        self._rows: dict[tuple[bytes, int], list[_Row]] = defaultdict(list)
        for person, create_time, reason, verdict, tag, received_at in rows(
            house, "SELECT person, create_time, reason, verdict, tag, received_at FROM scans"
        ):
            self._rows[person, create_time].append(_Row(reason, verdict, tag, received_at / 1000))
        for person, create_time, event, tag, received_at in rows(
            house, "SELECT person, create_time, event, tag, received_at FROM events"
        ):
            self._rows[person, create_time].append(_Row(event, "success", tag, received_at / 1000))

    @property
    def lost(self) -> list[Visit]:
        """Visits that were answered, and are not in the journal with every verdict that they were told."""
        return [
            visit
            for name, visit in self._visits.items()
            if _told(visit) and not _told(visit) <= {row.verdict for row in self._rows[name]}
        ]

    @property
    def doubled(self) -> list[Visit | None]:
        """Visits that are there more than once; ``None`` for a row that nobody has sent."""
        return [self._visits.get(name) for name, found in self._rows.items() if len(found) > (name in self._visits)]

    @property
    def contradicted(self) -> list[Visit]:
        """Visits that were told two verdicts."""
        return [visit for visit in self._visits.values() if len(_told(visit)) > 1]

    @property
    def wrong(self) -> list[Visit]:
        """Visits that were told, or are kept with, a verdict that their code never had."""
        return [
            visit
            for name, visit in self._visits.items()
            if not _told(visit) | {row.verdict for row in self._decided(name)} <= self._right(visit)
        ]

    @property
    def unanswered(self) -> list[Visit]:
        """Visits that got no verdict in all their tries."""
        return [visit for visit in self._visits.values() if not _told(visit)]

    @property
    def swallowed(self) -> list[Visit]:
        """Visits that came in with a try that was not answered: they were in the journal before the one that was."""
        return [
            visit
            for name, visit in self._visits.items()
            for row in self._rows[name][:1]
            if row.received_at + _ROUNDING_S < next((made.sent_at for made in visit.deliveries if made.verdict), 0.0)
        ]

    def miscounted(self) -> dict[str, tuple[object, object]]:
        """Return the codes that were not counted as often as they were scanned: what is counted, and what is true."""
        visits: dict[str, list[bytes]] = defaultdict(list)
        tags: dict[str, set[bytes]] = defaultdict(set)
        for name, visit in self._visits.items():
            if not visit.is_scan:
                continue
            if _told(visit) or self._rows[name]:
                visits[visit.code].append(name[0])
            tags[visit.code] |= {row.tag for row in self._rows[name]}
        counted = {
            tag: (scans, people) for tag, scans, people in rows(self._house, "SELECT tag, scans, persons FROM tallies")
        }
        true = {code: (len(people), len(set(people))) for code, people in visits.items()}
        found = {code: [counted.pop(tag, None) for tag in tags[code]] for code in true}
        wrong: dict[str, tuple[object, object]] = {
            code: (found[code], true[code]) for code in true if found[code] != [true[code]]
        }
        return wrong | {f"tag {tag.hex()}": (figures, None) for tag, figures in counted.items()}

    def tell(self, what: str, **more: object) -> None:
        """Print the counts in one line."""
        made = [made for visit in self._visits.values() for made in visit.deliveries]
        endings = Counter(str(one.ending) for one in made)
        counts: dict[str, object] = {
            "seed": self._load.seed,
            "sent": len(self._visits),
            "of them no scans": sum(not visit.is_scan for visit in self._visits.values()),
            "answered": sum(bool(_told(visit)) for visit in self._visits.values()),
            "repeated": len(made) - len(self._visits),
            "stored": sum(len(found) for found in self._rows.values()),
            "lost": len(self.lost),
            "doubled": len(self.doubled),
            "wrong": len(self.wrong) + len(self.contradicted),
            "unanswered": len(self.unanswered),
            **more,
            **{f"tries {ending}": endings[ending] for ending in Ending},
            "tries told to come again": sum(one.status == 503 for one in made),
            "lines closed while idle": self._load.lines.closed_idle,
        }
        tell(f"{what}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))

    def settle(self) -> None:
        """Hold the journal to what was answered."""
        faults = {
            "lost": self.lost,
            "doubled": self.doubled,
            "contradicted": self.contradicted,
            "wrong": self.wrong,
            "miscounted": self.miscounted(),
            "odd statuses": {made.status for visit in self._visits.values() for made in visit.deliveries} - _STATUSES,
        }
        assert not any(faults.values()), {name: found for name, found in faults.items() if found}

    def _decided(self, name: tuple[bytes, int]) -> list[_Row]:
        return [row for row in self._rows[name] if row.reason != UNDECIDED]

    def _right(self, visit: Visit) -> set[str | None]:
        if not visit.is_scan:
            return {"success"}
        return {"real", "not_active"} if visit.code in self._changing else {CODES[visit.code]}


def _told(visit: Visit) -> set[str | None]:
    return {made.verdict for made in visit.tries if made.verdict is not None}


def check_storage(house: House, home: Path) -> None:
    """Let ``scanhook storage check`` find nothing wrong."""
    command = [sys.executable, "-m", "scanhook", "storage", "check", "--json", "--config", str(house.path)]
    done = subprocess.run(command, env=environment(home), capture_output=True, text=True, check=False)
    faults: Sequence[dict[str, object]] = [one for one in json.loads(done.stdout)["checks"] if one["fault"]]
    assert (done.returncode, faults) == (0, []), done.stderr
