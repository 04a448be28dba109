"""The pictures behind ``pic_url``: QR codes as ``getqrcode`` gives them. Performs no I/O."""

from __future__ import annotations

import io
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import lru_cache

import segno

__all__ = ["Picture", "Pictures"]

_KEPT_MAX = 10_000
_QUIET_MODULES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One QR code.

    :param size_px: its edge, with the quiet zone, at most.
    """

    content: str = field(repr=False)
    size_px: int

    @lru_cache(maxsize=64)  # noqa: B019  (it is a value; few are kept)
    def png(self) -> bytes:
        """Return it as a PNG, in whole pixels a module."""
        code = segno.make(self.content, error="l", micro=False, boost_error=False)
        modules = code.symbol_size(border=_QUIET_MODULES)[0]
        written = io.BytesIO()
        code.save(written, kind="png", scale=max(1, self.size_px // modules), border=_QUIET_MODULES)
        return written.getvalue()


class Pictures:
    """What was given out, by name; the oldest go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Picture] = OrderedDict()

    def keep(self, picture: Picture) -> str:
        """Keep a picture and return its name."""
        name = secrets.token_urlsafe(16)
        while len(self._kept) >= _KEPT_MAX:
            self._kept.popitem(last=False)
        self._kept[name] = picture
        return name

    def find(self, name: str) -> Picture | None:
        """Return a picture by its name."""
        return self._kept.get(name)
