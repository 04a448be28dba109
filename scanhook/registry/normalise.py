"""How an ExtInfo is brought to the one form that it is looked up in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

__all__ = ["Normalisation"]

_LOOK_ALIKES = str.maketrans("OoIiLl", "001111")
_HALF_WIDTH = {0x3000: 0x20, **{full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation:
    """A product's rules. Fixed by its first loaded code, since every tag is made with them.

    :param trim: white space at both ends is cut off.
    :param width: full-width letters, digits and signs become half-width.
    :param upper: small letters become capitals: for codes whose alphabet has no small letters.
    :param look_alikes: O becomes 0; I and L become 1: for codes that have none of these letters.
    :param check: the last character is a check character (see :mod:`scanhook.registry.checksum`).
    """

    trim: bool = True
    width: bool = True
    upper: bool = False
    look_alikes: bool = False
    check: bool = False

    @classmethod
    def parse(cls, text: str) -> Normalisation:
        """Read rules as staff and storage write them: ``trim,width``; ``none`` or nothing means no rule.

        :raises ValueError: when a rule has another name.
        """
        names = {name.strip().replace("-", "_") for name in text.split(",")} - {"", "none"}
        known = [field.name for field in fields(cls)]
        for name in sorted(names.difference(known)):
            raise ValueError(f"`{name}` is no rule; the rules are {', '.join(known).replace('_', '-')}")
        return cls(**{name: name in names for name in known})

    def __str__(self) -> str:
        """Write the rules as :meth:`parse` reads them."""
        return ",".join(field.name.replace("_", "-") for field in fields(self) if getattr(self, field.name)) or "none"

    def apply(self, ext_info: str) -> str:
        """Return the normal form of an ExtInfo."""
        text = ext_info
        if self.width and not text.isascii():
            text = text.translate(_HALF_WIDTH)
        if self.trim:
            text = text.strip()
        if self.upper:
            text = text.upper()
        if self.look_alikes:
            text = text.translate(_LOOK_ALIKES)
        return text

    def apply_all(self, ext_infos: Sequence[str]) -> list[str]:
        """Return what :meth:`apply` returns for each of many, in a fraction of the time.

        :param ext_infos: printable, so without ends of lines.
        """
        text = "\n".join(ext_infos)
        if self.trim and (" " in text or not text.isascii()):
            return [self.apply(ext_info) for ext_info in ext_infos]
        return replace(self, trim=False).apply(text).split("\n") if ext_infos else []
