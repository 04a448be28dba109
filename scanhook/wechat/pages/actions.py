"""What a page's service area offers (推广服务区), and its modules (facts.md 1.2). Performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from scanhook.wechat.pages.reading import FLAG, TEXT, Other, listed, nested, tagged

__all__ = [
    "ACTION_KINDS",
    "MODULE_KINDS",
    "Action",
    "ActionInfo",
    "AntiFake",
    "CardAction",
    "LinkAction",
    "MediaAction",
    "Module",
    "ModuleInfo",
    "PriceAction",
    "ProductAction",
    "RecommendAction",
    "Recommendation",
    "Recommended",
    "StoreAction",
    "TextAction",
    "UserAction",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaAction:
    """A video."""

    type: ClassVar[str] = "media"
    link: str = field(metadata=TEXT)
    image: str | None = field(default=None, metadata=TEXT)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAction:
    """A text about the product or a campaign."""

    type: ClassVar[str] = "text"
    text: str = field(metadata=TEXT)
    name: str | None = field(default=None, metadata=TEXT)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkAction:
    """A link; with ``showtype`` "banner" it is a picture to be tapped."""

    type: ClassVar[str] = "link"
    name: str | None = field(default=None, metadata=TEXT)
    link: str = field(metadata=TEXT)
    image: str | None = field(default=None, metadata=TEXT)
    showtype: str | None = field(default=None, metadata=TEXT)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_banner(self) -> bool:
        """Whether it is a picture to be tapped."""
        return self.showtype == "banner"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAction:
    """An official account to follow; ``appid`` is its app id, and in the wild also its original id."""

    type: ClassVar[str] = "user"
    appid: str = field(metadata=TEXT)
    name: str | None = field(default=None, metadata=TEXT)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardAction:
    """A coupon of WeChat's, one whose codes are not the brand's own."""

    type: ClassVar[str] = "card"
    cardid: str = field(metadata=TEXT)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceAction:
    """The recommended price, in yuan, as a text such as "12.00"."""

    type: ClassVar[str] = "price"
    retail_price: str = field(metadata=TEXT)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductAction:
    """A product of a WeChat shop (微信小店)."""

    type: ClassVar[str] = "product"
    name: str | None = field(default=None, metadata=TEXT)
    productid: str = field(metadata=TEXT)
    digest: str | None = field(default=None, metadata=TEXT)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAction:
    """A link to a shop, with its price in yuan."""

    type: ClassVar[str] = "store"
    name: str | None = field(default=None, metadata=TEXT)
    link: str = field(metadata=TEXT)
    sale_price: str = field(metadata=TEXT)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommended:
    """Another page of the same account, which must be published."""

    keystandard: str = field(metadata=TEXT)
    keystr: str = field(metadata=TEXT)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """Which pages are recommended."""

    recommend_type: str = field(metadata=TEXT)
    recommend_list: tuple[Recommended | Other, ...] = field(metadata=listed(Recommended))
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendAction:
    """Other products of the brand."""

    type: ClassVar[str] = "recommend"
    recommend: Recommendation = field(metadata=nested(Recommendation))
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AntiFake:
    """The anti-counterfeit module (防伪组件).

    :param native_show: WeChat shows the verdict in a window of its own.
    :param anti_fake_url: the brand's own page, where WeChat shows no window.
    """

    type: ClassVar[str] = "anti_fake"
    native_show: bool = field(metadata=FLAG)
    anti_fake_url: str | None = field(default=None, metadata=TEXT)
    extra: Mapping[str, Any] = field(default_factory=dict)


Action: TypeAlias = (
    MediaAction
    | TextAction
    | LinkAction
    | UserAction
    | CardAction
    | PriceAction
    | ProductAction
    | StoreAction
    | RecommendAction
    | Other
)
Module: TypeAlias = AntiFake | Other

ACTION_KINDS = (
    MediaAction,
    TextAction,
    LinkAction,
    UserAction,
    CardAction,
    PriceAction,
    ProductAction,
    StoreAction,
    RecommendAction,
)
MODULE_KINDS = (AntiFake,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionInfo:
    """The service area of a page."""

    action_list: tuple[Action, ...] = field(default=(), metadata=listed(tagged(ACTION_KINDS)))
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleInfo:
    """The modules of a page."""

    module_list: tuple[Module, ...] = field(default=(), metadata=listed(tagged(MODULE_KINDS)))
    extra: Mapping[str, Any] = field(default_factory=dict)
