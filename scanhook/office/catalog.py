"""What WeChat's product systems know of a product: the values of the one directory. Performs no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from scanhook.errors import Refused
from scanhook.wechat import System

__all__ = [
    "ID_MAX_CHARS",
    "ORDER",
    "PRICE_MAX_FEN",
    "CatalogEntry",
    "CatalogSync",
    "EntryKey",
    "Kept",
    "Listed",
    "Presentation",
    "Wanted",
    "merged",
    "only_one",
    "page_id",
    "presented",
]

ID_MAX_CHARS = 256
PRICE_MAX_FEN = 10**15
_TEXT_MAX_CHARS = 500
_SHOWN = re.compile(r"https?://[^\s\"'<>\\]+")

ORDER: tuple[System, ...] = tuple(System)
"""In which the systems stand in the directory."""


class EntryKey(NamedTuple):
    """Where a product stands: in which system, whose (the app id or corp id there), and under which id.

    The id of a scan product page is ``KEYSTANDARD/KEYSTR``.
    """

    system: System
    owner: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """How a product is shown to people.

    :param name: empty where no system gives one.
    :param image: the address of a picture, ``https://…`` or ``http://…``; empty where no system gives one.
    """

    name: str
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A product as its system lists it; what the system does not give is ``None``.

    :param price: in fen.
    :param image: an address; of an album the id of a material (``media_id``).
    :param state: in the system's own word, such as ``on`` of a page.
    :param revision: by which the system's reader sees the next time whether it must ask for the details again.
    :raises ValueError: when the id is empty or too long, or the price out of its range.
    """

    id: str
    name: str | None = None
    price: int | None = None
    image: str | None = None
    state: str | None = None
    revision: str | None = None

    def __post_init__(self) -> None:
        if not (0 < len(self.id) <= ID_MAX_CHARS and self.id.isprintable()):
            raise ValueError(f"an id is 1 to {ID_MAX_CHARS} printable characters")
        if self.price is not None and not 0 <= self.price <= PRICE_MAX_FEN:
            raise ValueError(f"a price is 0 to {PRICE_MAX_FEN} fen")
        # What WeChat's users wrote goes to terminals and pages: one line, and not a long one.
        for name in ("name", "image", "state"):
            text = getattr(self, name)
            object.__setattr__(self, name, _line(text) if text else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """A product as the directory keeps it.

    :param listed: what its system said last.
    :param first_seen: seconds since 1970, like ``seen_at``, when a sync saw it last.
    :param seen_in: the number of that sync.
    :param gone_at: when a complete sync missed it; ``None`` while it is there.
    """

    system: System
    owner: str
    listed: Listed
    first_seen: int
    seen_at: int
    seen_in: int
    gone_at: int | None = None

    @property
    def key(self) -> EntryKey:
        """Where it stands."""
        return EntryKey(self.system, self.owner, self.listed.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogSync:
    """One run through one system; one that was stopped goes on where it was.

    :param number: counts up.
    :param finished_at: ``None`` while it has not come to its end.
    :param failed_at: when it was last stopped by a failure; ``None`` when it goes on, or has come to its end.
    :param why: that failure.
    :param place: where it goes on, in the words of the system's reader; empty: at the beginning.
    :param added: how many products were not in the directory before, or had gone.
    """

    number: int
    system: System
    owner: str
    started_at: int
    finished_at: int | None = None
    failed_at: int | None = None
    why: str | None = None
    place: str = ""
    seen: int = 0
    added: int = 0
    changed: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Chooses entries; ``None`` is any.

    :param name: a part of the name, whatever its case.
    :param gone: whether those that have gone are wanted too.
    """

    system: System | None = None
    owner: str | None = None
    id: str | None = None
    state: str | None = None
    name: str | None = None
    gone: bool = False


class Kept(StrEnum):
    """What became of a listed product."""

    SAME = "same"
    ADDED = "added"
    CHANGED = "changed"


def page_id(key_standard: str, key_str: str) -> str:
    """Return the id under which a scan product page stands in the directory."""
    return f"{key_standard}/{key_str}"


def only_one(found: list[CatalogEntry]) -> CatalogEntry:
    """Return the one entry that was found by system and id.

    :raises Refused: when there are several, of several owners.
    """
    if len(found) > 1:
        one = found[0]
        whose = ", ".join(entry.owner for entry in found)
        raise Refused(f"several have {one.system} {one.listed.id}: say which owner is meant, such as {whose}")
    return found[0]


def merged(before: CatalogEntry | None, listed: Listed, sync: CatalogSync, *, now: int) -> tuple[CatalogEntry, Kept]:
    """Return how a product is kept that a sync has just seen, and what that changes.

    :param before: how it was kept so far.
    :param now: seconds since 1970.
    """
    if before is None:
        fresh = CatalogEntry(
            system=sync.system, owner=sync.owner, listed=listed, first_seen=now, seen_at=now, seen_in=sync.number
        )
        return fresh, Kept.ADDED
    after = replace(before, listed=listed, seen_at=now, seen_in=sync.number, gone_at=None)
    if before.gone_at is not None:
        return after, Kept.ADDED
    # A page that was only saved again has a new revision, and nothing that anybody could see.
    same = replace(before.listed, revision=None) == replace(listed, revision=None)
    return after, Kept.SAME if same else Kept.CHANGED


def presented(entries: list[CatalogEntry]) -> Presentation | None:
    """Return how a product is shown: name and picture each from the first entry that has one.

    :param entries: those that show the product, the best first; one that has gone counts behind the others.
    :returns: ``None`` where there is neither.
    """
    ranked = [entry.listed for entry in sorted(entries, key=lambda entry: entry.gone_at is not None)]
    name = next((listed.name for listed in ranked if listed.name), "")
    image = next((listed.image for listed in ranked if listed.image and _SHOWN.fullmatch(listed.image)), "")
    return Presentation(name=name, image=image) if name or image else None


def _line(text: str) -> str | None:
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line[:_TEXT_MAX_CHARS] or None
