"""The life of codes: what each level says of a code, which state is in force, and which step may follow which.

Four levels speak of a code: its product, its batch, a range of positions, and the code itself. Each has one mark, that
of the newest change; the strictest is in force (DESIGN: state in force). A code that was loaded as issued stays issued
until a change activates it by batch, range or code; activating a product only lifts what the product itself forbade,
or goods that never left the warehouse would become genuine with it. Performs no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from scanhook.errors import Refused

__all__ = [
    "NO_MARK",
    "STATES_BY_STRICTNESS",
    "Action",
    "Level",
    "Mark",
    "State",
    "is_issued",
    "state_in_force",
    "step",
    "strictest",
]


class State(StrEnum):
    """Where a code, part, batch or product stands in its life."""

    ACTIVE = "active"
    ISSUED = "issued"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    RECALLED = "recalled"
    STOLEN = "stolen"
    VOID = "void"


STATES_BY_STRICTNESS = tuple(State)
_RANK = {state: rank for rank, state in enumerate(STATES_BY_STRICTNESS)}


def strictest(*states: State) -> State:
    """Return the state in force where several hold at once."""
    return max(states, key=_RANK.__getitem__)


class Level(StrEnum):
    """What a change is about."""

    PRODUCT = "product"
    BATCH = "batch"
    RANGE = "range"
    CODE = "code"


class Action(StrEnum):
    """What staff can do to a level; an undo takes one of them back."""

    ACTIVATE = "activate"
    SUSPEND = "suspend"
    RECALL = "recall"
    STOLEN = "stolen"
    VOID = "void"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What one level says of its codes.

    :param state: ``ACTIVE`` where it says nothing against them.
    :param activated_by: the number of the change that activated it; 0 if none did.
    :param activates_at: seconds since 1970; before it, the activation does not count.
    :param expires_at: seconds since 1970; from it on, the code is expired.
    :param change_id: the newest change that wrote it; 0 if none did.
    """

    state: State = State.ACTIVE
    activated_by: int = 0
    activates_at: int | None = None
    expires_at: int | None = None
    change_id: int = 0

    def is_waiting(self, now: float) -> bool:
        """Tell whether its activation is still to come."""
        return self.state is State.ACTIVE and self.activates_at is not None and now < self.activates_at

    def is_expired(self, now: float) -> bool:
        """Tell whether its time is over."""
        return self.expires_at is not None and now >= self.expires_at


NO_MARK = Mark()


def state_in_force(*, loaded_as: State, loaded_by: int, product: Mark, below: tuple[Mark, ...], now: float) -> State:
    """Return the state of a code.

    :param loaded_as: what its file said: ``ISSUED`` or ``ACTIVE``.
    :param loaded_by: the number of the change that loaded it; only newer ones activate it.
    :param below: the marks of batch, range and code, as far as there are any.
    :param now: seconds since 1970.
    """
    marks = (product, *below)
    states = [mark.state for mark in marks]
    if any(mark.is_expired(now) for mark in marks):
        states.append(State.EXPIRED)
    if is_issued(loaded_as=loaded_as, loaded_by=loaded_by, below=below, now=now):
        states.append(State.ISSUED)
    return strictest(*states)


def is_issued(*, loaded_as: State, loaded_by: int, below: tuple[Mark, ...], now: float) -> bool:
    """Tell whether a code was loaded as issued, and nothing has activated it yet.

    It does not matter whether its batch, say, was suspended or recalled since: it was active before. The parameters are
    those of :func:`state_in_force`.
    """
    return loaded_as is State.ISSUED and not any(
        mark.activated_by > loaded_by and (mark.activates_at is None or mark.activates_at <= now) for mark in below
    )


_STATE_AFTER: Mapping[Action, State] = MappingProxyType(
    {
        Action.ACTIVATE: State.ACTIVE,
        Action.SUSPEND: State.SUSPENDED,
        Action.RECALL: State.RECALLED,
        Action.STOLEN: State.STOLEN,
        Action.VOID: State.VOID,
    }
)
_ALLOWED: Mapping[Action, frozenset[State]] = MappingProxyType(
    {
        Action.ACTIVATE: frozenset({State.ACTIVE, State.SUSPENDED}),
        Action.SUSPEND: frozenset({State.ACTIVE, State.SUSPENDED}),
        Action.RECALL: frozenset({State.ACTIVE, State.SUSPENDED, State.RECALLED}),
        Action.STOLEN: frozenset({State.ACTIVE, State.SUSPENDED, State.RECALLED, State.STOLEN}),
        Action.VOID: frozenset({State.ACTIVE, State.SUSPENDED, State.RECALLED, State.STOLEN, State.VOID}),
        Action.EXPIRE: frozenset({State.ACTIVE, State.SUSPENDED, State.RECALLED}),
    }
)


def step(mark: Mark, action: Action, *, change_id: int, at: int | None, now: float) -> Mark:
    """Return the mark after an action (antifake.md: life cycle; back from recalled, stolen or void leads only an undo).

    :param at: seconds since 1970: when an activation or an expiry takes effect; ``None`` is now.
    :raises Refused: when the action may not follow, or its time is in the past.
    """
    if at is not None and action not in (Action.ACTIVATE, Action.EXPIRE):
        raise Refused(f"only an activation or an expiry can be set for a time: {action} takes effect at once")
    if at is not None and at <= now:
        raise Refused("the time is in the past: leave it out to change the state now")
    if mark.state not in _ALLOWED[action]:
        raise Refused(
            f"what is {mark.state} cannot be changed by {action}: if that was a mistake, undo the change that made it "
            f"{mark.state}, see `scanhook batches history`"
        )
    if action is Action.EXPIRE:
        return replace(mark, expires_at=int(now) if at is None else at, change_id=change_id)
    if action is Action.ACTIVATE:
        if at is not None and mark.state is State.SUSPENDED:
            raise Refused("what is suspended can only be activated now: leave the time out")
        if at is not None and mark.activated_by and not mark.is_waiting(now):
            # It would be taken back until then, and with it what is in the shops already.
            raise Refused(
                "it is activated already, and would not be until that time: for codes that came in later, name their "
                "range of positions"
            )
        if mark.is_expired(now):
            raise Refused("what is expired cannot be activated: set a later expiry, or undo the change that set it")
        return replace(mark, state=State.ACTIVE, activated_by=change_id, activates_at=at, change_id=change_id)
    if mark.is_waiting(now):
        # Or it would count as active before, once that time has come.
        mark = replace(mark, activated_by=0, activates_at=None)
    return replace(mark, state=_STATE_AFTER[action], change_id=change_id)
