from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from scanhook.errors import StorageError
from scanhook.office import Presentation
from scanhook.registry import Product
from scanhook.wire.api.picturing import shown_as, shown_with

FRAME = Product(id=bytes(8), account="main", key_standard="qrcode", key_str="moment-frame")
NOTHING = Presentation(name="", image="")
PICTURE = Presentation(name="微信相框", image="https://x.example/frame.png")


def broken(*_: object) -> Any:
    raise StorageError("the disk gave an error")


def service(*, find: Any = lambda *_: FRAME, present: Any = lambda _: PICTURE) -> Any:
    return SimpleNamespace(registry=SimpleNamespace(find_product=find), presentation=present)


def test_a_product_is_shown_with_what_the_catalog_says() -> None:
    assert shown_as(service(), FRAME) == PICTURE
    assert shown_with(service(), "main", "qrcode", "moment-frame") == PICTURE


@pytest.mark.parametrize(
    "house",
    [
        service(find=lambda *_: None),
        service(find=broken),
        service(present=lambda _: None),
        service(present=broken),
    ],
    ids=["no product", "no registry", "no entry", "no catalog"],
)
def test_where_there_is_nothing_to_show_nothing_fails(house: Any) -> None:
    assert shown_with(house, "main", "qrcode", "moment-frame") == NOTHING
