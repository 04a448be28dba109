"""Reads the fields of an answer: each is what the page says, or the answer cannot be used. Performs no I/O.

WeChat writes an id now as a number, now as a string, and leaves out what is empty; both are read alike. Fields that no
page mentions are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

from scanhook.errors import WechatUnreachable

__all__ = ["Answer"]

_WHOLE = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,9})?", re.ASCII)
_WHOLE_END = 2**63
"""Beyond it nothing is an amount or a count, and no database keeps it."""


class Answer:
    """One JSON object of an answer.

    :param found: the object.
    :param path: what was called, for the error.
    :param place: where in the answer the object stands, such as ``productList[3].product``.
    :raises WechatUnreachable: when it is no object; every method raises it for a field that is not what the page says.
    """

    def __init__(self, found: object, *, path: str, place: str = "") -> None:
        self._path = path
        self._place = place
        self._found: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
        if not isinstance(found, Mapping):
            self._misses("", "an object")

    def has(self, name: str) -> bool:
        """Tell whether a field is there, and not null."""
        return self._found.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text.

        :param default: what stands for a field that is not there; without one it must be there.
        """
        value = self._found.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            self._misses(name, "a text")
        return value

    def id(self, name: str, default: str | None = None) -> str:
        """Return an id; one that is a number is written out. Without a default it must be there, and not be empty."""
        value = self._found.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str) or not (value or default is not None):
            self._misses(name, "an id")
        return value

    def whole(self, name: str, default: int | None = None) -> int:
        """Return a whole number; one in a string is read."""
        value = self._found.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= _WHOLE_END:
            self._misses(name, "a whole number")
        return value

    def decimal(self, name: str, default: Decimal | None = None) -> Decimal:
        """Return a number that may have decimals, without what a float adds to it; one in a string is read.

        In a string it has no exponent: a few characters would be a million digits.
        """
        value = self._found.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            self._misses(name, "a number")
        if isinstance(value, str) and not _DECIMAL.fullmatch(value):
            self._misses(name, "a number")
        number = Decimal(str(value))
        if not number.is_finite() or abs(number) >= _WHOLE_END:
            self._misses(name, "a number")
        return number

    def truth(self, name: str) -> bool:
        """Return whether a flag is set: true or 1; one that is not there is not."""
        value = self._found.get(name, False)
        if value not in (None, False, True, "0", "1"):  # 0 and 1 are False and True
            self._misses(name, "true or false")
        return value in (True, "1")

    def part(self, name: str) -> Answer:
        """Return an object within."""
        if not self.has(name):
            self._misses(name, "an object")
        return Answer(self._found[name], path=self._path, place=self._at(name))

    def part_or_empty(self, name: str) -> Answer:
        """Return an object within; one that is not there is empty."""
        return self.part(name) if self.has(name) else Answer({}, path=self._path, place=self._at(name))

    def parts(self, name: str) -> list[Answer]:
        """Return the objects of a list; one that is not there is empty."""
        return [
            Answer(value, path=self._path, place=f"{self._at(name)}[{index}]")
            for index, value in enumerate(self._list(name))
        ]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of a list; one that is not there is empty."""
        values = self._list(name)
        if not all(isinstance(value, str) for value in values):
            self._misses(name, "a list of texts")
        return tuple(values)

    def _list(self, name: str) -> list[Any]:
        value = self._found.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self._misses(name, "a list")
        return value

    def _at(self, name: str) -> str:
        return ".".join(part for part in (self._place, name) if part)

    def _misses(self, name: str, what: str) -> NoReturn:
        # A name that the caller asks for is no secret; what stands there may be one.
        found = f"{self._at(name)} " if self._at(name) else "it "
        wrong = "is not there" if name and not self.has(name) else f"is not {what}"
        raise WechatUnreachable(f"{self._path}: the answer is not what the page says: {found}{wrong}", acted=None)
