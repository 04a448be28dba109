"""The QR code of a page (facts.md 1.5). Performs no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["QrCode", "ext_info_advice"]

EXT_INFO_ADVISED_CHARS = 25
EXT_INFO_MAX_CHARS = 50
_ADVISED = re.compile(r"[A-Za-z0-9()_.*-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class QrCode:
    """What a QR code says, and where WeChat has a picture of it.

    :param pic_url: where the picture can be fetched.
    :param qrcode_url: what the code says.
    :param ext_info: what was asked for.
    """

    pic_url: str = field(repr=False)
    qrcode_url: str = field(repr=False)
    ext_info: str = field(repr=False)

    @property
    def prefix(self) -> str | None:
        """What stands before the ExtInfo in every code of the page; ``None`` when this one does not end with it."""
        return self.qrcode_url.removesuffix(self.ext_info) if self.qrcode_url.endswith(self.ext_info) else None


def ext_info_advice(ext_info: str) -> str | None:
    """Return what is to be said of an ExtInfo that is to be printed, if there is anything."""
    if not _ADVISED.fullmatch(ext_info):
        return "the ExtInfo has other characters than letters, digits and -_().*, which WeChat advises against"
    if len(ext_info) > EXT_INFO_MAX_CHARS:
        return f"the ExtInfo has {len(ext_info)} characters; more than {EXT_INFO_MAX_CHARS} fit no code of version 4"
    if len(ext_info) > EXT_INFO_ADVISED_CHARS:
        return f"the ExtInfo has {len(ext_info)} characters; up to {EXT_INFO_ADVISED_CHARS} fit a code of version 3"
    return None
