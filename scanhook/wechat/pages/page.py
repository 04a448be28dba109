"""A scan product page (商品主页): four parts, each of which can be updated alone. Performs no I/O.

The values take whatever WeChat answers; what may be sent is checked by :mod:`scanhook.wechat.pages.rules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from scanhook.errors import Refused
from scanhook.wechat.pages.actions import ActionInfo, AntiFake, ModuleInfo
from scanhook.wechat.pages.key import PageKey
from scanhook.wechat.pages.reading import NUMBER, TEXT, Misfit, Misfits, Other, listed, read, wire

__all__ = ["Banner", "BaseInfo", "Detail", "DetailInfo", "Page", "PageStatus", "Part", "read_page", "read_parts"]


class PageStatus(StrEnum):
    """The state of a page (seed, 查询商品信息)."""

    ON = "on"
    OFF = "off"
    CHECK = "check"
    REJECT = "reject"


class Part(StrEnum):
    """The four parts of a page."""

    BASE = "base_info"
    DETAIL = "detail_info"
    ACTION = "action_info"
    MODULE = "module_info"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseInfo:
    """What the product is.

    :param title: longer than 15 characters is cut by the client.
    :param category_id: one of those that :meth:`~scanhook.wechat.pages.client.ScanPages.merchant` gives.
    :param store_mgr_type: which shops are shown: ``auto``, WeChat finds them by the barcode; ``custom``, those listed.
    :param color: of the page's head: ``auto``, nothing, or six hexadecimal digits.
    :param retail_price: only in WeChat's answers: in yuan.
    :param status: only in WeChat's answers: a :class:`PageStatus`, or what else WeChat says.
    """

    title: str | None = field(default=None, metadata=TEXT)
    thumb_url: str | None = field(default=None, metadata=TEXT)
    brand_tag: str | None = field(default=None, metadata=TEXT)
    category_id: int | None = field(default=None, metadata=NUMBER)
    retail_price: str | None = field(default=None, metadata=TEXT)
    store_mgr_type: str | None = field(default=None, metadata=TEXT)
    store_vendorid_list: tuple[int | Other, ...] | None = field(default=None, metadata=listed(NUMBER))
    color: str | None = field(default=None, metadata=TEXT)
    status: str | None = field(default=None, metadata=TEXT)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """One picture of the page's head."""

    link: str | None = field(default=None, metadata=TEXT)
    desc: str | None = field(default=None, metadata=TEXT)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One paragraph about the product."""

    title: str | None = field(default=None, metadata=TEXT)
    desc: str | None = field(default=None, metadata=TEXT)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailInfo:
    """Pictures and paragraphs."""

    banner_list: tuple[Banner | Other, ...] | None = field(default=None, metadata=listed(Banner))
    detail_list: tuple[Detail | Other, ...] | None = field(default=None, metadata=listed(Detail))
    extra: Mapping[str, Any] = field(default_factory=dict)


_STAND_IN = PageKey(key_standard="qrcode", key_str="none")
"""For a page whose own key cannot be read, so that the rest of it is looked at, too."""
_KINDS: Mapping[Part, type[Any]] = {
    Part.BASE: BaseInfo,
    Part.DETAIL: DetailInfo,
    Part.ACTION: ActionInfo,
    Part.MODULE: ModuleInfo,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page, or those parts of it that are to change. Pages in the wild lack some of the parts."""

    key: PageKey
    base_info: BaseInfo | None = None
    detail_info: DetailInfo | None = None
    action_info: ActionInfo | None = None
    module_info: ModuleInfo | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """Which parts there are."""
        return tuple(part for part in Part if getattr(self, part) is not None)

    @property
    def status(self) -> str | None:
        """Its state as WeChat told it; ``None`` where it did not come from WeChat."""
        return self.base_info.status if self.base_info else None

    @property
    def anti_fake(self) -> AntiFake | None:
        """Its anti-counterfeit module; without one WeChat asks for no verdict."""
        modules = self.module_info.module_list if self.module_info else ()
        return next((module for module in modules if isinstance(module, AntiFake)), None)

    def only(self, parts: Iterable[Part]) -> Page:
        """Return the page with these parts alone.

        :raises Refused: when it lacks one of them.
        """
        wanted = tuple(parts)
        for part in wanted:
            if part not in self.parts:
                raise Refused(f"brand_info.{part}: is missing, and it is what shall be sent")
        return Page(key=self.key, **{part.value: getattr(self, part) for part in wanted})

    def with_parts_of(self, other: Page) -> Page:
        """Return the page as it is once the parts of another have replaced its own."""
        return replace(self, **{part.value: getattr(other, part) for part in other.parts})

    def as_wire(self) -> dict[str, Any]:
        """Write it as WeChat's JSON, with what only WeChat's answers have."""
        return {**self.key.body, "brand_info": {part.value: wire(getattr(self, part)) for part in self.parts}}

    def request(self) -> dict[str, Any]:
        """Write it as ``create`` and ``update`` take it: without what only WeChat's answers have."""
        sent = self
        if self.base_info:
            sent = replace(self, base_info=replace(self.base_info, retail_price=None, status=None))
        return sent.as_wire()


def read_parts(key: PageKey, brand_info: object, *, lenient: bool) -> Page:
    """Read ``brand_info`` into a page.

    :param lenient: it is WeChat's answer: parts that no page names are left out, since no update touches them.
    :raises Misfit: when it is not as the pages say.
    """
    if not isinstance(brand_info, Mapping):
        raise Misfit("brand_info", "must be an object")
    misfits, found = Misfits(), dict[str, Any]()
    for name in () if lenient else brand_info:
        if name not in list(Part):
            misfits.add(f"brand_info.{name}", f"is no part of a page; the parts are {', '.join(Part)}")
    for part in Part:
        if brand_info.get(part) is not None:
            with misfits.gathering():
                found[part.value] = read(_KINDS[part], brand_info[part], f"brand_info.{part}", lenient=lenient)
    misfits.tell()
    return Page(key=key, **found)


def read_page(document: object) -> Page:
    """Read a page as staff write it: what ``create`` takes and what :meth:`Page.as_wire` writes.

    :raises Misfit: when it is not as the pages say.
    """
    if not isinstance(document, Mapping):
        raise Misfit("the page", "must be an object with keystandard, keystr and brand_info")
    misfits = Misfits()
    for name in document:
        if name not in ("keystandard", "keystr", "brand_info"):
            misfits.add(str(name), "does not belong here: a page has keystandard, keystr and brand_info")
    key, page = _STAND_IN, None
    with misfits.gathering():
        key = _read_key(document)
    if "brand_info" not in document:
        misfits.add("brand_info", "is missing")
    else:
        with misfits.gathering():
            page = read_parts(key, document["brand_info"], lenient=False)
    misfits.tell()
    return page  # type: ignore[return-value]  # else something was told


def _read_key(document: Mapping[Any, Any]) -> PageKey:
    misfits, names = Misfits(), {"keystandard": "", "keystr": ""}
    for name in names:
        found = document.get(name)
        if isinstance(found, str):
            names[name] = found
        else:
            misfits.add(name, "is missing" if found is None else "must be a text in quotes")
    misfits.tell()
    try:
        return PageKey(key_standard=names["keystandard"], key_str=names["keystr"])
    except Refused as refused:
        raise Misfit("keystr", str(refused)) from None
