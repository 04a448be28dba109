"""What a union product is made of (``union-product-list.md``, return values). Performs no I/O.

Ids are texts, prices and commissions are in fen, ratios in 1/10 000. The page's table of return values is folded away;
the names are those of its example, and where it has none (parameters, sales, coupons, the shop's app id) those that
client libraries read (facts.md 5.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from scanhook.wechat.answer import Answer

__all__ = [
    "Commission",
    "SaleParameter",
    "UnionCategory",
    "UnionPage",
    "UnionProduct",
    "UnionShop",
    "UnionSku",
    "read_union_product",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnionCategory:
    """A category of the tree, from its root to its leaf.

    :param name: may be empty: WeChat does not always say it.
    :param parent_id: empty when WeChat does not say it; ``0`` is the root.
    :param level: from 1; ``None`` when WeChat does not say it.
    """

    id: str
    name: str
    parent_id: str
    level: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleParameter:
    """What tells one SKU from another, such as colour: red.

    :param value_id: empty, like ``value``, when WeChat names only what is chosen by.
    """

    name_id: str
    name: str
    value_id: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnionSku:
    """A SKU.

    :param status: the page does not say what it means.
    :param sale_price_fen: what it costs.
    :param market_price_fen: what it is said to cost elsewhere.
    """

    id: str
    status: int | None
    code: str
    image: str
    sale_price_fen: int | None
    market_price_fen: int | None
    stock: int | None
    parameters: tuple[SaleParameter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """What a promoter earns.

    :param ratio: in 1/10 000 of the price.
    :param value_fen: for one sale.
    """

    offered: bool
    ratio: int | None
    value_fen: int | None

    @property
    def percent(self) -> Decimal | None:
        """The ratio in percent."""
        return None if self.ratio is None else Decimal(self.ratio) / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class UnionShop:
    """The shop that sells.

    :param app_id: empty when WeChat does not say it.
    """

    app_id: str
    name: str
    image: str
    guaranteed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UnionProduct:
    """A product that may be promoted.

    :param status: the page does not say what it means; its example has 5.
    :param min_price_fen: of the cheapest SKU.
    :param parameters: names and values, such as material and wood.
    :param coupon_id: empty when it has no coupon of the union's.
    """

    id: str
    status: int | None
    title: str
    subtitle: str
    images: tuple[str, ...]
    categories: tuple[UnionCategory, ...]
    brand: str
    brand_id: str
    model: str
    description: str
    detail_images: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]
    min_price_fen: int | None
    stock: int | None
    sold: int | None
    orders: int | None
    express_template_id: str
    skus: tuple[UnionSku, ...]
    commission: Commission
    shop: UnionShop
    coupon_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnionPage:
    """One page of products.

    :param total: of all products that were found.
    """

    products: tuple[UnionProduct, ...]
    total: int


def read_union_product(answer: Answer) -> UnionProduct:
    """Read one entry of ``productList``.

    :raises WechatUnreachable: when it is not what the page says.
    """
    product = answer.part("product")
    about = product.part_or_empty("info")
    detail = about.part_or_empty("detail")
    return UnionProduct(
        id=answer.id("productId"),
        status=_whole(product, "status"),
        title=about.text("title", ""),
        subtitle=about.text("subTitle", ""),
        images=about.texts("headImg"),
        categories=tuple(map(_category, about.parts("category"))),
        brand=about.text("brand", ""),
        brand_id=about.id("brandId", ""),
        model=about.text("model", ""),
        description=detail.text("desc", ""),
        detail_images=detail.texts("detailImg"),
        parameters=tuple((pair.text("key", ""), pair.text("value", "")) for pair in about.parts("param")),
        min_price_fen=_whole(about, "minPrice"),
        stock=_whole(about, "totalStockNum"),
        sold=_whole(about, "totalSoldNum"),
        orders=_whole(about, "totalOrderNum"),
        express_template_id=about.part_or_empty("expressInfo").id("templateId", ""),
        skus=tuple(map(_sku, product.parts("skus"))),
        commission=_commission(answer.part_or_empty("leagueExInfo")),
        shop=_shop(answer.part_or_empty("shopInfo")),
        coupon_id=_coupon_id(answer.part_or_empty("couponInfo")),
    )


def _category(answer: Answer) -> UnionCategory:
    return UnionCategory(
        id=answer.id("catId"),
        name=answer.text("name", ""),
        parent_id=answer.id("fCatId", ""),
        level=_whole(answer.part_or_empty("catInfo"), "catLevel"),
    )


def _sku(answer: Answer) -> UnionSku:
    about = answer.part_or_empty("productSkuInfo")
    return UnionSku(
        id=answer.id("skuId"),
        status=_whole(answer, "status"),
        code=about.text("skuCode", ""),
        image=about.text("thumbImg", ""),
        sale_price_fen=_whole(about, "salePrice"),
        market_price_fen=_whole(about, "marketPrice"),
        stock=_whole(about.part_or_empty("stockInfo"), "stockNum"),
        parameters=tuple(
            _sale_parameter(names)
            for chosen in about.parts("saleParam")
            if (names := tuple(map(_category, chosen.parts("categorys"))))
        ),
    )


def _sale_parameter(names: tuple[UnionCategory, ...]) -> SaleParameter:
    # The example's lists hold two: what is chosen by, and below it what was chosen.
    chosen_by, chosen = names[0], names[-1] if len(names) > 1 else None
    return SaleParameter(
        name_id=chosen_by.id,
        name=chosen_by.name,
        value_id=chosen.id if chosen else "",
        value=chosen.name if chosen else "",
    )


def _commission(answer: Answer) -> Commission:
    return Commission(
        offered=answer.truth("hasCommission"),
        ratio=_whole(answer, "commissionRatio"),
        value_fen=_whole(answer, "commissionValue"),
    )


def _shop(answer: Answer) -> UnionShop:
    return UnionShop(
        app_id=answer.text("appId", ""),
        name=answer.text("name", ""),
        image=answer.text("headImgUrl", ""),
        guaranteed=answer.truth("guaranteeFlag"),
    )


def _coupon_id(answer: Answer) -> str:
    return answer.id("couponId", "") if answer.truth("hasCoupon") else ""


def _whole(answer: Answer, name: str) -> int | None:
    return answer.whole(name) if answer.has(name) else None
