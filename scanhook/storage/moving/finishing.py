"""The only moments in which the house stands still: the source is stopped, the rest is copied, the target is opened.

The order keeps every answered scan: the source takes nothing more before the rest is copied, and services can use the
target only when it is equal. What fails before that lets the source go on, with all that it ever had.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from scanhook.errors import Refused, StorageError
from scanhook.storage.moving.digest import RowSum
from scanhook.storage.moving.move import Move
from scanhook.storage.sqlite_connection import SqliteConnection

__all__ = ["Hindrance", "Moved", "Notes", "check_unhindered", "finish", "settle"]

_HOLD_S = 5.0
"""So long the house stands still at most for the target; then it goes on."""
_HOLD_CHANGES = 10_000
"""So many are caught up with while it stands still."""
_TRIES = 10
_UNMARKING_S = 10.0

Hindrance = Callable[[SqliteConnection], str | None]
"""Looks at the source's registry, and says what has to be done before the house can move; ``None``: nothing."""


Notes = Callable[[Mapping[str, RowSum], Mapping[str, int]], Mapping[str, str]]
"""Returns what the target's ``meta`` must say of the rows: asked with what stands for each table's, and the highest
number that each was ever given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A house that has moved.

    :param hold_s: how long it stood still.
    :param sums: what stands for the rows of each table, the same on both sides.
    """

    hold_s: float
    sums: Mapping[str, RowSum]


def finish(move: Move, *, hindrance: Hindrance, notes: Notes, now: float, unstoppable: Callable[[], None]) -> Moved:
    """Hand over to a target that is filled and nearly caught up; when anything fails, the source goes on.

    :param unstoppable: is called when nothing must stop the process any more: just before the target is opened, and
        before the source is let go on.
    :param now: seconds since 1970.
    :raises Refused: when something has to be done before.
    :raises StorageError: when the target cannot be reached, or does not give back what was written.
    """
    sums: dict[str, RowSum] = {}
    opening = False
    try:
        started = _marked(move, hindrance)
        with move.target.hurrying(_HOLD_S):
            move.tell("handing over", 1, 4)
            _copy_the_rest(move)
            move.tell("handing over", 2, 4)
            sums = _compared(move)
            lasts = _numbered(move)
            noted = notes(sums, lasts)
            unstoppable()
            opening = True
            move.target.open_rooms(noted)
    except BaseException:
        unstoppable()
        if not (opening and _was_opened(move)):
            _let_go_on(move)
            raise
    hold_s = time.monotonic() - started
    move.tell("handing over", 3, 4)
    move.source.leave(int(now))
    with suppress(StorageError):  # its last answer was lost; all that stays is a note
        move.target.forget_move()
    move.tell("handing over", 4, 4)
    return Moved(hold_s=hold_s, sums=sums)


def _marked(move: Move, hindrance: Hindrance) -> float:
    """Stop the source when little is left; returns when it was stopped."""
    for _ in range(_TRIES):
        move.began("handing over")
        move.tell("handing over", 0, 4)
        with move.target.hurrying(_HOLD_S):
            move.target.prove()
        started = time.monotonic()
        if move.source.mark(move.target.place, hindrance=hindrance, most=_HOLD_CHANGES):
            return started
        move.catch_up()
    raise Refused(
        "so much is changed in this house that it would stand still for long: run this again in a quieter hour, or "
        "when what changes so much has ended"
    )


def _was_opened(move: Move) -> bool:
    try:
        return move.target.was_opened()
    except StorageError as error:
        raise StorageError(
            f"{move.source.folder} stands still: it cannot be known whether {move.target.place} was opened in the last "
            f"moment ({error.why}); run the same command again when that server answers"
        ) from None


def _let_go_on(move: Move) -> None:
    until = time.monotonic() + _UNMARKING_S
    while True:
        try:
            return move.source.unmark()
        except StorageError as error:
            if time.monotonic() > until:
                raise StorageError(
                    f"{move.source.folder} still stands still ({error.why}): run the same command again"
                ) from None


def settle(move: Move, *, now: float) -> None:
    """Take away what the move has put into the source, and into the target that was handed over."""
    move.source.leave(int(now))
    move.target.forget_move()


def _copy_the_rest(move: Move) -> None:
    while sum(move.mover.catch_up(room) for room in move.source.rooms):
        pass


def _compared(move: Move) -> dict[str, RowSum]:
    sums = {}
    for table in move.source.tables:
        filled = move.target.filled(table)
        if not filled.whole or filled.source != filled.target:
            raise StorageError(
                f"{table.label} differs: {filled.source.rows:,} rows here and {filled.target.rows:,} in "
                f"{move.target.place}, or other ones; the source goes on. Give the copy up (--give-up), and begin again"
            )
        sums[table.label] = filled.source
    return sums


def _numbered(move: Move) -> dict[str, int]:
    return {
        table.label: move.target.set_number(table, move.source.room_of(table).last_number(table))
        for table in move.source.tables
    }


def check_unhindered(move: Move, hindrance: Hindrance) -> None:
    """Find out early what would stop :func:`finish`.

    :raises Refused: when something has to be done before.
    """
    registry = next(room for room in move.source.rooms if room.name == "registry")
    why = hindrance(registry.connection)
    if why is not None:
        raise Refused(why)
