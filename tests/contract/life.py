"""A small registry whose codes have a life: makes it, orders changes, and tells the state of every code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from scanhook.registry import Action, Change, Order, Product, RegistryStore, Scope
from scanhook.storage import Pepper
from tests.registry.codes import AT, EAN, HEADER, ean_lines, load

TEA = ("qrcode", "tea")
ACTIVE, ISSUED = ("A1", "A2", "A3", "A4"), ("I5", "I6", "I7", "I8")
"""The codes of the batch B-1, at the positions 1-4 and 5-8."""
OTHERS = ("C1", "C2")
"""The codes of the batch B-2, both active."""
LEAVES = ("A1", "T2")
"""The codes of the product tea, both active, both of its batch B-1."""
CODES: tuple[tuple[tuple[str, str], str], ...] = (
    *((EAN, code) for code in (*ACTIVE, *ISSUED, *OTHERS)),
    *((TEA, code) for code in LEAVES),
)
"""Every code, in the order of :func:`states`."""
AS_LOADED = "AAAA IIII AA AA"


def stock(registry: RegistryStore, folder: Path, pepper: Pepper) -> None:
    """Import the codes above."""
    lines = [
        *(f"{line},B-1" for line in ean_lines(*ACTIVE)),
        *(f"{line},B-1" for line in ean_lines(*ISSUED, status="inactive")),
        *(f"{line},B-2" for line in ean_lines(*OTHERS)),
        *(f"qrcode,tea,{code},active,B-1" for code in LEAVES),
    ]
    load(registry, folder / "stock.csv", pepper, *lines, header=f"{HEADER},batch")


_LETTERS = {
    "active": "A",
    "issued": "I",
    "expired": "E",
    "suspended": "S",
    "recalled": "R",
    "stolen": "T",
    "void": "V",
}


def states(registry: RegistryStore, now: float = AT) -> str:
    """Tell the state of every code by the letters above (stolen is T): four active, four issued, B-2, tea."""
    letters = []
    for name, code in CODES:
        found = registry.look_up("main", *name, code).code
        letters.append(_LETTERS[found.state_at(now)] if found else "?")
    text = "".join(letters)
    return f"{text[:4]} {text[4:8]} {text[8:10]} {text[10:]}"


def product(registry: RegistryStore, name: tuple[str, str] = EAN) -> Product:
    found = registry.find_product("main", *name)
    assert found is not None
    return found


def tag(registry: RegistryStore, code: str, name: tuple[str, str] = EAN) -> bytes:
    found = registry.look_up("main", *name, code).tag
    assert found is not None
    return found


def codes(registry: RegistryStore, *wanted: str, name: tuple[str, str] = EAN) -> Scope:
    return Scope(product=product(registry, name), tags=tuple(tag(registry, code, name) for code in wanted))


def batch(registry: RegistryStore, wanted: str = "B-1", name: tuple[str, str] = EAN) -> Scope:
    return Scope(product=product(registry, name), batch=wanted)


def positions(registry: RegistryStore, first: int, last: int, wanted: str = "B-1") -> Scope:
    return Scope(product=product(registry), batch=wanted, first=first, last=last)


def whole(registry: RegistryStore, name: tuple[str, str] = EAN) -> Scope:
    return Scope(product=product(registry, name))


def change(
    registry: RegistryStore, action: str, *scopes: Scope, at: int | None = None, who: str = "mei", why: str = "tested"
) -> Change:
    return registry.change(Order(action=Action(action), scopes=scopes, who=who, why=why, at=at))


def undo(registry: RegistryStore, change_id: int, why: str = "a mistake") -> Change:
    return registry.undo(change_id, who="li", why=why)


def own(changes: Iterable[Change]) -> Sequence[Change]:
    """Leave out what the imports wrote into the history."""
    return [each for each in changes if each.action not in ("import", "set")]
