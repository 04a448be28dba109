"""Reads WeChat's JSON into values and writes it back, so that nothing of it is lost. Performs no I/O.

A value is a dataclass whose fields have WeChat's names; each field's metadata says how it is read. What no page names
is kept in ``extra`` and written back. What cannot be read inside a list is kept whole, as :class:`Other`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from types import MappingProxyType
from typing import Any, TypeVar

from scanhook.errors import Refused

__all__ = [
    "FLAG",
    "NUMBER",
    "TEXT",
    "Misfit",
    "Misfits",
    "Other",
    "Read",
    "listed",
    "nested",
    "read",
    "tagged",
    "unnamed",
    "wire",
]

Value = TypeVar("Value")
Read = Callable[[object, str, bool], object]
"""Takes what came, its place for people, and whether what does not fit is kept; raises :class:`Misfit`."""


class Misfit(Refused):
    """Something is not what the page says.

    :param place: where it stands, such as ``brand_info.base_info.title``.
    :param fault: what is wrong with it.
    :param more: what else is.
    """

    def __init__(self, place: str, fault: str, *, more: Iterable[Misfit] = ()) -> None:
        self.more = tuple(more)
        super().__init__("\n".join([f"{place}: {fault}", *map(str, self.more)]))
        self.place = place
        self.fault = fault


class Misfits:
    """Gathers what does not fit, so that all of it is told at once."""

    def __init__(self) -> None:
        self._found: list[Misfit] = []

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Keep the misfit that is raised within; what comes after goes on."""
        try:
            yield
        except Misfit as misfit:
            self._found += [Misfit(misfit.place, misfit.fault), *misfit.more]

    def add(self, place: str, fault: str) -> None:
        """Keep one more."""
        self._found.append(Misfit(place, fault))

    def tell(self) -> None:
        """Raise all that was kept as one.

        :raises Misfit: when there is any.
        """
        if self._found:
            first, *more = self._found
            raise Misfit(first.place, first.fault, more=more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """An entry of a list that is of no kind that the pages name, or not as they say: kept as it came."""

    raw: Any

    @property
    def type(self) -> str:
        """What it says it is; empty when it says nothing."""
        found = self.raw.get("type") if isinstance(self.raw, Mapping) else None
        return found if isinstance(found, str) else ""


def _text(raw: object, place: str, lenient: bool) -> str:  # noqa: ARG001, FBT001  (every reader is called alike)
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    if not isinstance(raw, str):
        raise Misfit(place, "must be a text in quotes")
    return raw


def _number(raw: object, place: str, lenient: bool) -> int:  # noqa: ARG001, FBT001
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) <= 19:
        return int(raw)
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise Misfit(place, "must be a whole number")
    return raw


def _flag(raw: object, place: str, lenient: bool) -> bool:  # noqa: ARG001, FBT001
    if isinstance(raw, bool):
        return raw
    if raw not in ("true", "false"):
        raise Misfit(place, 'must be "true" or "false"')
    return raw == "true"


TEXT: Mapping[str, Read] = MappingProxyType({"read": _text})
NUMBER: Mapping[str, Read] = MappingProxyType({"read": _number})
FLAG: Mapping[str, Read] = MappingProxyType({"read": _flag})
"""Written as the strings "true" and "false" (facts.md section 0, 4)."""


def nested(kind: type[Any]) -> Mapping[str, Read]:
    """Return how a field is read that is an object."""
    return MappingProxyType({"read": lambda raw, place, lenient: read(kind, raw, place, lenient=lenient)})


def listed(entry: Read | type[Any] | Mapping[str, Read]) -> Mapping[str, Read]:
    """Return how a field is read that is a list.

    :param entry: how one entry is read, or the kind of value that it is.
    """
    if isinstance(entry, type):
        entry = nested(entry)
    one = entry["read"] if isinstance(entry, Mapping) else entry

    def read_list(raw: object, place: str, lenient: bool) -> tuple[object, ...]:  # noqa: FBT001
        if not isinstance(raw, list):
            raise Misfit(place, "must be a list")
        misfits, found = Misfits(), []
        for index, each in enumerate(raw):
            with misfits.gathering():
                found.append(_entry(one, each, f"{place}[{index}]", lenient))
        misfits.tell()
        return tuple(found)

    return MappingProxyType({"read": read_list})


def tagged(kinds: Iterable[type[Any]]) -> Read:
    """Return how an object is read whose ``type`` says what it is; one of another type is an :class:`Other`."""
    known = {kind.type: kind for kind in kinds}

    def read_tagged(raw: object, place: str, lenient: bool) -> object:  # noqa: FBT001
        if not isinstance(raw, Mapping):
            raise Misfit(place, "must be an object")
        name = raw.get("type")
        if not isinstance(name, str) or not name:
            raise Misfit(f"{place}.type", f"is missing: it is one of {', '.join(known)}")
        kind = known.get(name)
        return read(kind, raw, place, lenient=lenient) if kind else Other(raw=dict(raw))

    return read_tagged


def _entry(one: Read, raw: object, place: str, lenient: bool) -> object:  # noqa: FBT001
    try:
        return one(raw, place, lenient)
    except Misfit:
        if not lenient:
            raise
        return Other(raw=raw)


def read(kind: type[Value], raw: object, place: str, *, lenient: bool) -> Value:
    """Read a JSON object into a value.

    :param place: where it stands, for the errors.
    :param lenient: entries of lists that do not fit are kept as :class:`Other`, as for what WeChat itself answers.
    :raises Misfit: when it does not fit otherwise.
    """
    if not isinstance(raw, Mapping):
        raise Misfit(place, "must be an object")
    at = f"{place}." if place else ""
    left = {name: found for name, found in raw.items() if found is not None}
    left.pop("type", None) if hasattr(kind, "type") else None
    misfits, found = Misfits(), dict[str, object]()
    for each in fields(kind):  # type: ignore[arg-type]  # every kind is a dataclass
        if each.name in left and each.name != "extra":
            with misfits.gathering():
                found[each.name] = each.metadata["read"](left.pop(each.name), at + each.name, lenient)
        elif each.default is MISSING and each.default_factory is MISSING:
            misfits.add(at + each.name, "is missing")
    misfits.tell()
    return kind(**found, extra=left)  # type: ignore[call-arg]  # every kind has it


def wire(value: object) -> Any:
    """Write a value as WeChat reads it; fields without a value are left out."""
    if isinstance(value, Other):
        return value.raw
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return [wire(each) for each in value]
    if not hasattr(value, "__dataclass_fields__"):
        return value
    named = {each.name: getattr(value, each.name) for each in fields(value) if each.name != "extra"}  # type: ignore[arg-type]
    kind = {"type": tag} if (tag := getattr(type(value), "type", None)) else {}
    written = {name: wire(each) for name, each in named.items() if each is not None}
    return {**kind, **written, **getattr(value, "extra", {})}


def unnamed(value: object, place: str) -> Iterable[str]:
    """Yield the places of fields that no page names."""
    if isinstance(value, tuple):
        for index, each in enumerate(value):
            yield from unnamed(each, f"{place}[{index}]")
    elif hasattr(value, "__dataclass_fields__") and not isinstance(value, Other):
        for name in getattr(value, "extra", {}):
            yield f"{place}.{name}"
        for each in fields(value):  # type: ignore[arg-type]
            if each.name != "extra":
                yield from unnamed(getattr(value, each.name), f"{place}.{each.name}")
