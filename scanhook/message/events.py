"""The messages of the scan product family, as values that cannot be built wrong. Performs no I/O.

Texts are kept exactly as WeChat sent them. Sources: the seed ``scan-product-management.md`` (组件消息) for
:class:`ScanProductCallback`, facts.md section 2 for the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

__all__ = [
    "ConsumerMessage",
    "EnterSession",
    "Message",
    "OtherEvent",
    "PageSubscribe",
    "PageVisit",
    "ProductEvent",
    "PushHead",
    "ReviewResult",
    "ScanProductCallback",
    "ScanRegion",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushHead:
    """What every push has.

    :param to_user_name: the account's original id, ``gh_…``.
    :param from_user_name: the person's openid. Personal data.
    :param create_time: seconds since 1970, WeChat's clock.
    :param msg_id: WeChat's id of the message; events have none.
    :raises ValueError: when one of them is empty or negative.
    """

    to_user_name: str
    from_user_name: str = field(repr=False)
    create_time: int
    msg_id: str | None = None

    def __post_init__(self) -> None:
        if not (self.to_user_name and self.from_user_name):
            raise ValueError("ToUserName and FromUserName must not be empty")
        if self.create_time < 0:
            raise ValueError("CreateTime must not be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductEvent(PushHead):
    """What every event about a product has.

    :param key_standard: ``ean13``, ``ean8``, ``qrcode`` or whatever WeChat will send one day.
    :param key_str: the content of the barcode, or the brand's own name of the product.
    :param ext_info: the item's code; empty where the product's picture carries none.
    :cvar event: WeChat's name of the event.
    :raises ValueError: when ``key_standard`` or ``key_str`` is empty.
    """

    event: ClassVar[str]

    key_standard: str
    key_str: str
    ext_info: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        PushHead.__post_init__(self)
        if not (self.key_standard and self.key_str):
            raise ValueError("KeyStandard and KeyStr must not be empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanProductCallback(ProductEvent):
    """``scan_product_callback``: is this item genuine? The one event that is answered with a verdict.

    :param need_anti_fake: whether WeChat shows the result in its own window.
    """

    event: ClassVar[str] = "scan_product_callback"

    need_anti_fake: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PageVisit(ProductEvent):
    """``user_scan_product``: somebody opened a product page, by scanning or otherwise (facts.md 2.1).

    :param country: as set in the person's profile, like ``province`` and ``city``; not the place of the scan.
    :param sex: ``1`` male, ``2`` female, ``0`` unknown.
    :param scene: ``1`` by a scan, ``2`` from a chat, favourites or Moments.
    """

    event: ClassVar[str] = "user_scan_product"

    country: str = ""
    province: str = ""
    city: str = ""
    sex: str = ""
    scene: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSubscribe(ProductEvent):
    """``subscribe`` whose EventKey tells that it came from a product page (facts.md 2.2).

    :param scene: ``scanbarcode`` or ``scanimage``.
    """

    event: ClassVar[str] = "subscribe"

    scene: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterSession(ProductEvent):
    """``user_scan_product_enter_session``: somebody went from a product page to the account (facts.md 2.3)."""

    event: ClassVar[str] = "user_scan_product_enter_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRegion(ProductEvent):
    """``user_scan_product_async``: where a scan happened; comes late or never (facts.md 2.4).

    :param region_code: GB/T 2260 division code; only the province (its first two digits) can be relied on.
    """

    event: ClassVar[str] = "user_scan_product_async"

    region_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewResult(ProductEvent):
    """``user_scan_product_verify_action``: WeChat reviewed a product page (facts.md 2.5).

    ``from_user_name`` is WeChat's review system here, and no person.

    :param result: ``verify_ok`` or ``verify_not_pass``.
    :param reason_msg: why it did not pass.
    """

    event: ClassVar[str] = "user_scan_product_verify_action"

    result: str
    reason_msg: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherEvent(PushHead):
    """An event that scanhook does not know. It is counted and answered ``success``."""

    event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerMessage(PushHead):
    """Something a person wrote or sent to the account. Its content is not even read.

    :param msg_type: ``text``, ``image``, ``voice`` …
    """

    msg_type: str


Message = (
    ScanProductCallback
    | PageVisit
    | PageSubscribe
    | EnterSession
    | ScanRegion
    | ReviewResult
    | OtherEvent
    | ConsumerMessage
)
"""Whatever a push can be."""
