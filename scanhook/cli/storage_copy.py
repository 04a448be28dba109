"""``scanhook storage copy``: move a house that is in use from SQLite to PostgreSQL."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from scanhook.cli.common import config_option, json_option, show_json
from scanhook.cli.progress import progress_bar
from scanhook.clock import SystemClock
from scanhook.errors import Refused, StorageError, StorageMoved
from scanhook.journal import erasures_path, read_erasures, remember_erasures
from scanhook.journal.sql_prune import WHOLE
from scanhook.settings import House
from scanhook.storage import POSTGRESQL, SQLITE, Pepper, Session, StorageUrl
from scanhook.storage.files import Telling
from scanhook.storage.lease import take_lease
from scanhook.storage.lock import use_storage

if TYPE_CHECKING:
    from scanhook.storage.moving import Move, Moved, RowSum

__all__ = ["copy"]

_LEASE = "moving"
_NICE = 10
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_UNFINISHED = "SELECT id, kind FROM imports WHERE phase IN ('queued', 'reading', 'loading') ORDER BY id"


@click.command()
@click.argument("origin", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--finish", is_flag=True, help="Hand over: stop the house in FROM, copy the rest, open the one in TO.")
@click.option("--give-up", is_flag=True, help="End a move that is not finished, and empty TO.")
@json_option
@config_option
def copy(house: House, origin: str, target: str, *, finish: bool, give_up: bool, as_json: bool) -> None:
    """Move the house in FROM (sqlite:///data) to TO (postgresql://…) while it is used.

    Without --finish everything is copied and compared, as often as you like: each run goes on where the last one was.
    With --finish the house stands still for a moment, and goes on in TO. Say - for TO, and it is read from standard
    input, where no list of processes shows its password.
    """
    if finish and give_up:
        raise click.UsageError("--finish and --give-up are two things: say one of them")
    asked = _Asked.of(house, origin, target)
    if not finish:
        os.nice(_NICE)  # scans come first; with --finish there is little left, and a house stands still for it
    with _ending_in_order(), _alone(asked), progress_bar({}, quiet=as_json) as tell:
        outcome = _given_up(asked, tell) if give_up else _copied(asked, tell, finish=finish)
    if as_json:
        return show_json(outcome.as_dict())
    return click.echo(outcome.said)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is to be moved, and where to."""

    source: StorageUrl
    target: StorageUrl
    pepper: Pepper = field(repr=False)
    phases: _Phases

    @classmethod
    def of(cls, house: House, origin: str, target: str) -> _Asked:
        if target == "-":
            target = sys.stdin.readline().strip()
        if "://" not in origin:
            raise Refused(f"FROM is `{origin}`: write sqlite:///{origin}")
        if "://" not in target:
            raise Refused("TO is no URL: write postgresql://USER@HOST/DATABASE")  # it might hold a password
        source = StorageUrl.parse(origin, base=house.base)
        into = StorageUrl.parse(target, base=house.base)
        if (source.engine, into.engine) != (SQLITE, POSTGRESQL):
            raise Refused(
                "a house moves from `sqlite:///FOLDER` to `postgresql://USER@HOST/DATABASE`, and no other way"
            )
        source.check_made()
        return cls(source=source, target=into, pepper=Pepper.load(house.pepper_path), phases=_Phases())


class _Phases:
    """How long each phase took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._name, self._at = "", 0.0

    def begin(self, name: str) -> None:
        self.end()
        self._name, self._at = name, time.monotonic()

    def end(self) -> None:
        if self._name:
            passed = time.monotonic() - self._at
            self.seconds[self._name] = round(self.seconds.get(self._name, 0.0) + passed, 3)
        self._name = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What came of it, for people and for programs."""

    state: str
    said: str
    facts: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {"state": self.state, **self.facts}


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let other signals end the command as Ctrl-C does: a house that stands still goes on."""
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise Refused(
            "stopped. The same command goes on from here, and --give-up ends the move; until then the house in FROM "
            "writes down what is changed in it"
        ) from None


def _unstoppable() -> None:
    """From here to the very exit a signal would only hide that the house has moved, and what is to be done now."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _alone(asked: _Asked) -> Iterator[None]:
    """Keep others from exchanging the source's files, and from moving them too."""
    with closing(use_storage(asked.source)):
        lease = take_lease(asked.source, _LEASE)
        if lease is None:
            raise Refused(f"{asked.source.name} is being moved by another `scanhook storage copy`: wait for it")
        with lease:
            yield


@contextmanager
def _opened(asked: _Asked, tell: Telling) -> Iterator[Move]:
    from scanhook.storage.moving import opened_move  # noqa: PLC0415  (psycopg is loaded only where it is used)

    with opened_move(asked.source, asked.target, pepper=asked.pepper, tell=tell, began=asked.phases.begin) as move:
        yield move


def _given_up(asked: _Asked, tell: Telling) -> _Outcome:
    from scanhook.storage.moving import GivenUp, give_up_without_target  # noqa: PLC0415  (psycopg, as below)

    place = asked.target.name
    try:
        with _opened(asked, tell) as move:
            became = move.give_up()
        there = {
            GivenUp.GONE: f"the copy and its tables are taken out of {place}",
            GivenUp.EMPTIED: (
                f"the tables in {place}, which were there before, are empty, and marked so that no service uses them: "
                "drop that database, or begin a move into it again"
            ),
            GivenUp.NOT_THERE: f"no copy of it lies in {place}, where nothing was changed",
        }[became]
    except StorageMoved:
        raise
    except StorageError as error:
        give_up_without_target(asked.source, pepper=asked.pepper)
        there = f"what was copied so far stays in {place} ({error.why})"
    return _Outcome(state="given up", said=f"The move is given up: {there}, and this house goes on as before.")


def _copied(asked: _Asked, tell: Telling, *, finish: bool) -> _Outcome:
    with _opened(asked, tell) as move:
        return _moved_on(asked, move, finish=finish)


def _moved_on(asked: _Asked, move: Move, *, finish: bool) -> _Outcome:
    from scanhook.storage.moving import Begun, check_unhindered, settle  # noqa: PLC0415  (as below)
    from scanhook.storage.moving import finish as hand_over  # noqa: PLC0415

    now = SystemClock().now()
    begun = move.begin()
    if begun is Begun.HANDED_OVER:
        _unstoppable()
        settle(move, now=now)
        _bring_along(asked)
        return _Outcome(state="moved", said=_farewell(asked, "The house has moved already."))
    if finish:
        check_unhindered(move, _hindrance)
    move.fill()
    caught = move.catch_up()
    counts = move.look_over()
    move.know()
    if not finish:
        asked.phases.end()
        return _Outcome(
            state="copied",
            said=(
                f"{sum(counts.values()):,} rows are copied and compared, {caught:,} changes caught up with. This house "
                "goes on as before, and writes down what is changed in it: run the same command with --finish soon, or "
                "with --give-up."
            ),
            facts={"rows": counts, "changes": caught, "seconds": asked.phases.seconds},
        )
    caught += move.catch_up()  # what was changed while the tables were counted

    def noted(sums: Mapping[str, RowSum], numbers: Mapping[str, int]) -> dict[str, str]:
        _bring_along(asked)  # before anybody can scan there
        return _notes(sums, numbers)

    moved = hand_over(move, hindrance=_hindrance, notes=noted, now=now, unstoppable=_unstoppable)
    asked.phases.end()
    return _finished(asked, moved, caught)


def _finished(asked: _Asked, moved: Moved, caught: int) -> _Outcome:
    rows = sum(side.rows for side in moved.sums.values())
    said = (
        f"The house has moved: {rows:,} rows in {len(moved.sums)} tables, counts and digests equal on both sides. It "
        f"stood still for {moved.hold_s:.2f} s."
    )
    return _Outcome(
        state="moved",
        said=_farewell(asked, said),
        facts={
            "rows": {label: side.rows for label, side in moved.sums.items()},
            "digests": {label: side.digest for label, side in moved.sums.items()},
            "changes": caught,
            "hold_s": round(moved.hold_s, 3),
            "seconds": asked.phases.seconds,
        },
    )


def _farewell(asked: _Asked, said: str) -> str:
    return (
        f"{said}\n"
        f"Now write the URL of {asked.target.name} as `[storage] url` into the settings (or into "
        "SCANHOOK_STORAGE__URL), and restart the service: until then every scan is answered with 503.\n"
        f"What belongs to this machine lies in {asked.target.folder} from now on: the list of those who were erased is "
        f"there. The old databases in {asked.source.folder} (registry.db, journal.db, office.db) take nothing more: "
        "keep them until a backup of the new house is made, then delete them."
    )


def _bring_along(asked: _Asked) -> None:
    """Let whoever was erased stay erased."""
    here, there = erasures_path(asked.source), erasures_path(asked.target)
    if here.exists() and here != there:
        with closing(use_storage(asked.target)):  # makes its folder
            remember_erasures(there, read_erasures(here))


def _notes(sums: Mapping[str, RowSum], numbers: Mapping[str, int]) -> dict[str, str]:
    """Say whether a scan was ever deleted: on SQLite their numbers tell, which have gaps on PostgreSQL."""
    return {WHOLE: "1" if sums["journal.scans"].rows == numbers["journal.scans"] else "0"}


def _hindrance(registry: Session) -> str | None:
    """Say which imports must end before: what they have sorted lies in the old house, and would not be found again."""
    found = registry.rows(_UNFINISHED)
    if not found:
        return None
    numbers = [str(number) for number, _ in found]
    minted = "; mint again where `scanhook codes mint` was stopped" if any(kind == "mint" for _, kind in found) else ""
    which = f"the import {numbers[0]} is" if len(numbers) == 1 else f"the imports {', '.join(numbers)} are"
    return (
        f"{which} not finished: wait until they have ended, import their files again if they were stopped, or give "
        f"them up with `scanhook imports drop`{minted}; then run this again"
    )
