"""How a product is shown beside what the API tells of it: name and picture, for which no answer ever fails."""

from __future__ import annotations

from scanhook.errors import ScanhookError
from scanhook.office import Presentation
from scanhook.registry import Product
from scanhook.wire.log import log
from scanhook.wire.service import Service

__all__ = ["shown_as", "shown_with"]

_NOTHING = Presentation(name="", image="")


def shown_as(service: Service, product: Product) -> Presentation:
    """Return the name and picture of a product; empty where there are none, or the catalog cannot be read."""
    try:
        return service.presentation(product) or _NOTHING
    except ScanhookError as error:
        log.warning("the catalog cannot be read", why=str(error))
        return _NOTHING


def shown_with(service: Service, account: str, key_standard: str, key_str: str) -> Presentation:
    """Return the same of a product that may not be there."""
    try:
        product = service.registry.find_product(account, key_standard, key_str)
    except ScanhookError as error:
        log.warning("the catalog cannot be read", why=str(error))
        return _NOTHING
    return shown_as(service, product) if product else _NOTHING
