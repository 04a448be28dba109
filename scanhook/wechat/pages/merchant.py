"""What an account may make pages of: brand tags, categories, barcode segments (facts.md 1.1). Performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scanhook.errors import WechatUnreachable
from scanhook.wechat.answer import Answer

__all__ = ["Category", "MerchantInfo", "Right", "read_merchant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A category of products, by WeChat's number and name."""

    id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """In which categories pages may be made of the barcodes of one segment.

    :param firm_code: the first digits of the barcodes (号段); ``None`` where the older answer gives categories for all.
    """

    firm_code: int | None
    categories: tuple[Category, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MerchantInfo:
    """What WeChat has granted to an account.

    :param rights: one for each segment; of the older answer one for all of them.
    :param firm_codes: all segments.
    """

    brand_tags: tuple[str, ...]
    rights: tuple[Right, ...]
    firm_codes: tuple[int, ...]

    def owns(self, barcode: str) -> bool:
        """Tell whether a barcode lies in one of the segments (61305, 61323)."""
        return any(barcode.startswith(str(code)) for code in self.firm_codes)


def read_merchant(found: Mapping[str, Any], *, path: str) -> MerchantInfo:
    """Read either shape of the answer.

    :raises WechatUnreachable: when it has neither.
    """
    answer = Answer(found, path=path)
    rights = tuple(_right(row) for row in answer.parts("verified_list"))
    codes = [right.firm_code for right in rights if right.firm_code is not None]
    older = _categories(answer)
    if older:
        rights = (*rights, Right(firm_code=None, categories=older))
    codes += _older_codes(found, path)
    return MerchantInfo(
        brand_tags=answer.texts("brand_tag_list"), rights=rights, firm_codes=tuple(dict.fromkeys(codes))
    )


def _older_codes(found: Mapping[str, Any], path: str) -> list[int]:
    name = "verified_firm_code_list"
    codes = found.get(name) or []
    if not isinstance(codes, list):
        raise WechatUnreachable(f"{path}: the answer is not what the page says: {name}", acted=None)
    return [Answer({"code": code}, path=path, place=name).whole("code") for code in codes]


def _right(row: Answer) -> Right:
    return Right(firm_code=row.whole("verified_firm_code"), categories=_categories(row))


def _categories(row: Answer) -> tuple[Category, ...]:
    return tuple(
        Category(id=each.whole("verified_cate_id"), name=each.text("verified_cate_name", ""))
        for each in row.parts("verified_cate_list")
    )
