"""What a look-up is asked with, and the tags of many of them: the same on every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scanhook.registry.product import Product
from scanhook.storage import Pepper

__all__ = ["Asked", "Name", "Tagged", "tag_all"]

Name = tuple[str, str, str]
"""The account, keystandard and keystr of a product."""
Asked = tuple[str, str, str, str]
"""A product's name and an ExtInfo as it was pushed."""
Tagged = tuple[Name, str, bytes | None]
"""A product's name, the ExtInfo in its normal form and its tag; without a product the last two are empty."""


def tag_all(asked: Sequence[Asked], products: Mapping[Name, Product | None], *, pepper: Pepper) -> list[Tagged]:
    """Return what each is to be looked up by, in their order.

    :param products: as far as they are known.
    """
    by_name: dict[Name, dict[str, Tagged]] = {}
    for account, key_standard, key_str, ext_info in asked:
        name = account, key_standard, key_str
        by_name.setdefault(name, {})[ext_info] = name, "", None
    for name, tagged in by_name.items():
        product = products.get(name)
        if product is not None:
            apply = product.normalisation.apply
            normals = [apply(ext_info) for ext_info in tagged]
            for ext_info, normal, tag in zip(tagged, normals, _tags(pepper, product, normals), strict=True):
                tagged[ext_info] = name, normal, tag
    return [by_name[account, key_standard, key_str][ext_info] for account, key_standard, key_str, ext_info in asked]


def _tags(pepper: Pepper, product: Product, normals: Sequence[str]) -> Sequence[bytes | None]:
    try:
        return list(pepper.tags(product.id, normals))
    except UnicodeEncodeError:
        # Half of a surrogate pair is no text, and stands in no code file: it must not fail the others of its group.
        return [_tag(pepper, product, normal) for normal in normals]


def _tag(pepper: Pepper, product: Product, normal: str) -> bytes | None:
    try:
        return pepper.tag(product.id, normal)
    except UnicodeEncodeError:
        return None
