"""What a brand owner was granted on the scan pages: brands, categories and barcode segments. Performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scanhook.sandbox.policy import MerchantShape

__all__ = ["CATEGORIES", "Merchant"]

CATEGORIES = {537117576: "果泥/菜泥/肉泥", 538071212: "食品/茶叶/特产/滋补品", 200531967: "调味品"}
_SEGMENTS = ("6900873", "6390000", "69014818", "69300570", "69544767")


@dataclass(slots=True)
class Merchant:
    """What ``merchantinfo/get`` tells; facts.md 1.1. The segments are those of the pages' own samples.

    :param segments: 号段: the first 7 to 9 digits of an EAN-13; of an EAN-8 the whole of it.
    """

    brand_tags: list[str] = field(default_factory=lambda: ["小耿哥8", "testtag"])
    categories: dict[int, str] = field(default_factory=lambda: dict(CATEGORIES))
    segments: list[str] = field(default_factory=lambda: list(_SEGMENTS))

    def tell(self, shape: MerchantShape) -> Mapping[str, Any]:
        """Return the answer in one of its two shapes."""
        listed = [{"verified_cate_id": number, "verified_cate_name": name} for number, name in self.categories.items()]
        if shape is MerchantShape.OLDER:
            return {
                "verified_cate_list": listed,
                "verified_firm_code_list": [int(segment) for segment in self.segments],
                "brand_tag_list": list(self.brand_tags),
            }
        return {
            "brand_tag_list": list(self.brand_tags),
            "verified_list": [
                {"verified_firm_code": int(segment), "verified_cate_list": listed} for segment in self.segments
            ],
        }

    def owns(self, keystandard: str, keystr: str) -> bool:
        """Tell whether a code lies in the merchant's segments; a ``qrcode`` needs none."""
        match keystandard:
            case "ean13":
                return any(keystr.startswith(segment) for segment in self.segments)
            case "ean8":
                return keystr in self.segments
        return True
