"""How live goods are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from scanhook.cli.common import utc
from scanhook.wechat.live_goods import Goods
from scanhook.wechat.live_ledger import KeptGoods
from scanhook.wechat.live_price import PriceType

__all__ = ["shown_goods", "shown_state"]


def shown_goods(goods: Goods) -> dict[str, Any]:
    """Return goods as people and programs see them: prices in yuan."""
    return {name: shown(goods) for name, shown in _SHOWN.items()}


def shown_state(goods_id: str, goods: Goods | None, kept: KeptGoods | None) -> dict[str, Any]:
    """Return goods with what is kept of them here; what WeChat does not know of them is ``None``."""
    unknown = dict.fromkeys(_SHOWN) | {
        "goods_id": goods_id,
        "name": kept.name if kept else "",
        "state": "unknown to WeChat",
    }
    return {
        **(shown_goods(goods) if goods else unknown),
        "audit_id": kept.audit_id if kept else None,
        "added": utc(kept.added_at) if kept else None,
    }


def _shown_price(goods: Goods) -> str:
    if goods.price2 is None:
        return f"{goods.price:.2f}"
    if goods.price_type == PriceType.DISCOUNT:
        return f"{goods.price2:.2f} instead of {goods.price:.2f}"
    return f"{goods.price:.2f} to {goods.price2:.2f}"


_SHOWN: Mapping[str, Callable[[Goods], Any]] = MappingProxyType(
    {
        "goods_id": lambda goods: goods.id,
        "name": lambda goods: goods.name,
        "state": lambda goods: goods.state,
        "status": lambda goods: goods.status,
        "price": _shown_price,
        "price_type": lambda goods: goods.price_type,
        "price_yuan": lambda goods: f"{goods.price:f}",
        "price2_yuan": lambda goods: None if goods.price2 is None else f"{goods.price2:f}",
        "image": lambda goods: goods.image,
        "path": lambda goods: goods.path,
        "by_api": lambda goods: goods.by_api,
        "third_party_app_id": lambda goods: goods.third_party_app_id,
    }
)
