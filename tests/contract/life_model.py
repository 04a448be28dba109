"""What the registry must say of every code after any changes and undos: written as plainly as it can be, and slowly.

Nothing here is shared with scanhook: every product, batch, position and code has a pile of what was said of it, one on
top of the other; a change lays something on each, an undo takes the top away again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

Place = tuple[str, ...]
"""('product', p), ('batch', p, b), ('range', p, b, position) or ('code', p, code)."""

_STRICTEST_FIRST = ("void", "stolen", "recalled", "suspended", "expired", "issued", "active")
_STATE = {"activate": "active", "suspend": "suspended", "recall": "recalled", "stolen": "stolen", "void": "void"}
_LAST_STATES = {"recalled": 1, "stolen": 2, "void": 3}
_RANKS = {"activate": 0, "suspend": 0, "expire": 1, "recall": 1, "stolen": 2, "void": 3}


@dataclass(frozen=True)
class Said:
    """What was said last of a place."""

    by: int = 0
    state: str = "active"
    activated_by: int = 0
    activates_at: int = 0
    expires_at: int = 10**12

    def then(self, action: str, by: int, at: int | None, now: int) -> Said | None:
        """Return what is said after an action; ``None``: it is refused."""
        if at is not None and (at <= now or action not in ("activate", "expire")):
            return None
        if _LAST_STATES.get(self.state, 0) > _RANKS[action]:
            return None
        if action == "expire":
            return replace(self, by=by, expires_at=now if at is None else at)
        if action == "activate":
            settled = self.state == "suspended" or (self.activated_by > 0 and self.activates_at <= now)
            if self.expires_at <= now or (at is not None and settled):
                return None
            return replace(self, by=by, state="active", activated_by=by, activates_at=at or 0)
        planned = self.state == "active" and self.activates_at > now
        given_up = {"activated_by": 0, "activates_at": 0} if planned else {}
        return replace(self, by=by, state=_STATE[action], **given_up)


@dataclass(frozen=True)
class Code:
    """A code, and the newest change that was there when it came."""

    product: str
    name: str
    batch: str
    position: int
    loaded_as: str
    newest: int

    @property
    def places(self) -> tuple[Place, ...]:
        """Where something is said of it, the closest first."""
        return (
            ("code", self.product, self.name),
            ("range", self.product, self.batch, str(self.position)),
            ("batch", self.product, self.batch),
            ("product", self.product),
        )


@dataclass
class Model:
    """The whole registry."""

    codes: list[Code] = field(default_factory=list)
    piles: dict[Place, list[Said]] = field(default_factory=dict)
    touched: dict[int, Sequence[Place]] = field(default_factory=dict)

    def top(self, place: Place) -> Said:
        return (self.piles.get(place) or [Said()])[-1]

    def after(self, action: str, places: Sequence[Place], by: int, at: int | None, now: int) -> list[Said] | None:
        """Return what would be said of every place; ``None``: the change is refused."""
        if action == "activate" and at is not None and places[0][0] == "product":
            return None
        said = [self.top(place).then(action, by, at, now) for place in places]
        return None if None in said else [each for each in said if each]

    def change(self, places: Sequence[Place], said: list[Said], by: int) -> None:
        for place, each in zip(places, said, strict=True):
            self.piles.setdefault(place, []).append(replace(each, by=by))
        self.touched[by] = places

    def can_undo(self, change_id: int) -> bool:
        return change_id in self.touched and all(self.top(place).by == change_id for place in self.touched[change_id])

    def undo(self, change_id: int) -> None:
        for place in self.touched.pop(change_id):
            self.piles[place].pop()

    def state(self, code: Code, now: int) -> str:
        """Return the state in force."""
        closest_first = [self.top(place) for place in code.places]
        holds = [each.state for each in closest_first]
        if any(each.expires_at <= now for each in closest_first):
            holds.append("expired")
        if self.is_issued(code, now):
            holds.append("issued")
        return min(holds, key=_STRICTEST_FIRST.index)

    def is_issued(self, code: Code, now: int) -> bool:
        """Tell whether nothing has activated a code yet; what is said of its product never does."""
        if code.loaded_as == "active":
            return False
        for place in code.places:
            said = self.top(place)
            if place[0] != "product" and said.activated_by > code.newest and now >= said.activates_at:
                return False
        return True

    def ever_activated(self, product: str, batch: str) -> bool:
        """Tell whether an activation that was not taken away again touched the batch or anything in it."""
        inside = [code for code in self.codes if (code.product, code.batch) == (product, batch)]
        places = {place for code in inside for place in code.places if place[0] != "product"}
        return any(0 < said.activated_by == said.by for place in places for said in self.piles.get(place, []))
