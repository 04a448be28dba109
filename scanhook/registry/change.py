"""Changes of the life of codes: what is ordered, what was done, and by whom. Performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scanhook.errors import Refused
from scanhook.registry.life import Action, Level, Mark, State, state_in_force
from scanhook.registry.product import Product

__all__ = ["WHO_MAX_CHARS", "WHY_MAX_CHARS", "Batch", "Change", "Handover", "Load", "Order", "Scope", "check_words"]

WHO_MAX_CHARS = 100
WHY_MAX_CHARS = 500
SCOPES_MAX = 10_000
"""How many batches one change may name."""
TAGS_MAX = 100_000
"""How many single codes one change may name: they are written in one transaction, of a second or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a change is about: a product, a batch, a range of one, or single codes.

    :param product: ``None`` only where single codes of several products are meant.
    :param batch: the batch's name; with ``first`` and ``last`` a range of it is meant.
    :param first: a position in the batch, counted from 1.
    :param last: a position too; it belongs to the range.
    :param tags: of single codes, each of 10 bytes.
    :raises Refused: when the range is upside down, or the batch has no name.
    """

    product: Product | None = None
    batch: str | None = None
    first: int | None = None
    last: int | None = None
    tags: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if (self.first is None) is not (self.last is None) or (self.first is not None and self.batch is None):
            raise ValueError("a range has a batch, a first and a last position")
        if self.batch == "":
            # It must never be taken for the whole product.
            raise Refused("a batch has a name: see `scanhook batches list`")
        if self.first is not None and self.last is not None and not 1 <= self.first <= self.last:
            raise Refused(
                f"the range {self.first}-{self.last} is none: positions count from 1, and the first comes first"
            )
        if not self.tags and self.product is None:
            raise ValueError("only single codes can be of several products")
        if len(self.tags) > TAGS_MAX:
            raise Refused(f"one change takes at most {TAGS_MAX:,} codes: split the list, or use a batch or a range")

    @property
    def level(self) -> Level:
        """Which of the four levels it is about."""
        if self.tags:
            return Level.CODE
        if self.first is not None:
            return Level.RANGE
        return Level.PRODUCT if self.batch is None else Level.BATCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A change that somebody wants.

    :param scopes: all of one level.
    :param who: who wants it, for the history.
    :param why: why, for the history.
    :param at: seconds since 1970: when an activation or an expiry takes effect; ``None`` is now.
    :raises Refused: when ``who`` or ``why`` is empty or too long, or a product is to be activated at a time.
    """

    action: Action
    scopes: tuple[Scope, ...]
    who: str
    why: str
    at: int | None = None

    def __post_init__(self) -> None:
        if not self.scopes or len({scope.level for scope in self.scopes}) != 1:
            raise ValueError("an order has scopes, all of one level")
        if len(self.scopes) > SCOPES_MAX:
            raise Refused(f"one change takes at most {SCOPES_MAX:,} batches")
        if self.level is Level.PRODUCT and self.action is Action.ACTIVATE and self.at is not None:
            raise Refused("a product can only be activated now: set the time for its batches")
        check_words(self.who, self.why)

    @property
    def level(self) -> Level:
        """Which of the four levels it is about."""
        return self.scopes[0].level


def check_words(who: str, why: str) -> None:
    """Find out whether the history can name who and why.

    :raises Refused: when one is empty, too long or cannot be printed.
    """
    for name, text, longest in (("who", who, WHO_MAX_CHARS), ("why", why, WHY_MAX_CHARS)):
        if not text.strip():
            raise Refused(f"`{name}` is empty: the history keeps who changed what, and why")
        if len(text) > longest or not text.isprintable():
            raise Refused(f"`{name}` is not up to {longest} printable characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change that was made.

    :param at: seconds since 1970.
    :param action: an :class:`~scanhook.registry.life.Action`, or ``undo``, ``import``, ``mint``, ``set`` (a product's
        settings).
    :param batch: the batch's name, where it is about one batch.
    :param codes: how many codes it was about.
    :param details: what else there is to say, such as ``first``, ``last``, ``takes_effect_at``, ``file``.
    :param undoes: the number of the change that it takes back.
    :param undone_by: the number of the change that took it back.
    """

    id: int
    at: int
    who: str
    why: str
    action: str
    level: Level
    product: Product | None
    batch: str | None
    codes: int
    details: Mapping[str, object] = field(default_factory=dict)
    undoes: int | None = None
    undone_by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A minted file that was handed over; there is no second copy.

    :param path: where it was written.
    :param taken_by: who took it.
    :param recipient: the age key that it is encrypted to; empty where it is not.
    :param sha256: of the file as written, in hex.
    :param at: seconds since 1970.
    """

    path: str
    taken_by: str
    recipient: str
    sha256: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Codes that came into a batch together.

    :param state: ``ISSUED`` or ``ACTIVE``, as their file said.
    :param loaded_by: the number of the change that loaded them.
    :param at: seconds since 1970.
    :param minted: whether scanhook made them.
    """

    state: State
    codes: int
    loaded_by: int
    at: int
    minted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch and what is said of it.

    :param id: counts up; a cursor for lists.
    :param positions: the highest position that was given away.
    :param mark: what its own level says.
    :param ranged: whether a range of it was ever changed.
    :param apart: how many of its codes have a mark of their own, or lie in a range with one: the counts by state
        does not know these.
    :param ever_activated: whether a change that was not undone has activated any of it, now or for a time to come.
    :param handovers: of its minted files.
    """

    id: int
    product: Product
    name: str
    loads: tuple[Load, ...]
    positions: int
    mark: Mark
    pepper_id: str
    ranged: bool
    ever_activated: bool
    apart: int = 0
    handovers: tuple[Handover, ...] = ()

    @property
    def codes(self) -> int:
        """How many codes it has."""
        return sum(load.codes for load in self.loads)

    @property
    def made_at(self) -> int:
        """When its first codes came, in seconds since 1970."""
        return min(load.at for load in self.loads)

    def states_at(self, now: float) -> dict[State, int]:
        """Count its codes by the state in force, as far as product and batch say; ranges and codes may be stricter."""
        counts: dict[State, int] = {}
        for load in self.loads:
            state = state_in_force(
                loaded_as=load.state, loaded_by=load.loaded_by, product=self.product.mark, below=(self.mark,), now=now
            )
            counts[state] = counts.get(state, 0) + load.codes
        return counts

    def is_forgotten(self, now: float, *, hours: float) -> bool:
        """Tell whether it was minted and nobody has activated any of it for so many hours; of 0 hours, never."""
        minted = [load for load in self.loads if load.minted]
        return (
            bool(minted)
            and hours > 0
            and min(load.at for load in minted) + hours * 3600 <= now
            and not self.ever_activated
            and set(self.states_at(now)) == {State.ISSUED}
        )
