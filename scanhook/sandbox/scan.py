"""What the sandbox's WeChat is told to scan: an item, by somebody, somewhere, and how its push travels.

Performs no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from scanhook.envelope import Format, Keyring, Mode
from scanhook.errors import Refused

__all__ = ["PERSONS", "PROVINCES", "TEXT_MAX_CHARS", "Item", "Line", "Person", "Scan", "Seen"]

TEXT_MAX_CHARS = 1024

PROVINCES = {
    "110000": "北京",
    "310000": "上海",
    "330000": "浙江",
    "370000": "山东",
    "440000": "广东",
    "510000": "四川",
    "610000": "陕西",
    "650000": "新疆",
}
"""Some division codes of GB/T 2260; ``user_scan_product_async`` is exact to the province (facts.md 2.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An account of the sandbox, and the server that it pushes to.

    :param url: the callback URL, as it is entered in the console.
    :raises Refused: when it is no address.
    """

    url: str
    keys: Keyring

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise Refused(f"`{self.url}` is no callback URL: write http://… or https://… in front of the address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What is printed on one item.

    :param ext_info: empty on a plain barcode.
    :raises Refused: when a name is missing, or longer than ``TEXT_MAX_CHARS``.
    """

    key_standard: str
    key_str: str
    ext_info: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not (self.key_standard and self.key_str):
            raise Refused("KeyStandard and KeyStr must not be empty, such as qrcode and moment-frame")
        if max(len(self.key_standard), len(self.key_str), len(self.ext_info)) > TEXT_MAX_CHARS:
            raise Refused(f"a code's parts have at most {TEXT_MAX_CHARS} characters")
        if not (self.key_standard + self.key_str + self.ext_info).isprintable():
            raise Refused("the code holds a character that cannot be printed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who scans; place and sex are what the profile says (facts.md 2.1).

    :param sex: ``1`` male, ``2`` female, ``0`` unknown.
    """

    openid: str = field(repr=False)
    country: str = "中国"
    province: str = ""
    city: str = ""
    sex: str = "0"


PERSONS = (
    Person(openid="oSandboxPersonNumberOne00001", province="广东", city="揭阳", sex="1"),
    Person(openid="oSandboxPersonNumberTwo00002", province="北京", city="海淀", sex="2"),
)


class Seen(StrEnum):
    """What whoever scans an item sees of its product page."""

    WINDOW = "window"
    """The page has the module ``anti_fake``, and WeChat's own window shows the result (``native_show`` "true")."""
    LINK = "link"
    """The page has the module, and a link of the brand's own instead of the window (``native_show`` "false")."""
    PAGE = "page"
    """The page has no such module: nobody asks for a verdict (facts.md 2.6)."""
    NOTHING = "nothing"
    """No page: it is not published, and whoever scans is no tester (facts.md 1.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One scan, as it is to happen.

    :param region_code: where it happens, a division code of GB/T 2260; told later, by ``user_scan_product_async``.
    :param mode: another than the account's, to see it refused.
    :param skew_s: how far WeChat's clock is from ours, in seconds; below 0 it is late, and the push looks old.
    :param forged: signed with a token that is not the account's.
    :param seen: what the item's page shows.
    :param scene: ``1`` by a scan, ``2`` from a chat, favourites or Moments.
    """

    item: Item
    person: Person = PERSONS[0]
    region_code: str = "440000"
    format_: Format = Format.XML
    mode: Mode | None = None
    skew_s: int = 0
    forged: bool = False
    seen: Seen = Seen.WINDOW
    scene: str = "1"
