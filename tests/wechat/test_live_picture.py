from __future__ import annotations

import pytest

from scanhook.errors import Refused
from scanhook.wechat.live_picture import live_picture
from tests.wechat.test_picture import JPEG, PNG


def _png(width: int, height: int) -> bytes:
    return PNG[:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + PNG[24:]


@pytest.mark.parametrize("size", [(300, 300), (1, 300), (300, 1)])
def test_a_picture_of_up_to_300_pixels_goes_up(size: tuple[int, int]) -> None:
    upload = live_picture("茶杯.png", _png(*size))
    assert (upload.filename, upload.content_type, upload.content) == ("image.png", "image/png", _png(*size))


def test_a_jpeg_goes_up_by_its_right_type() -> None:
    assert live_picture("cup", JPEG).content_type == "image/jpeg"


@pytest.mark.parametrize("size", [(301, 300), (300, 301), (4000, 3000)])
def test_a_larger_picture_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(Refused, match=f"cup.png: the picture is {size[0]} × {size[1]} pixels"):
        live_picture("cup.png", _png(*size))


def test_a_picture_of_more_than_ten_megabytes_is_refused() -> None:
    with pytest.raises(Refused, match="more than 10,485,760 bytes"):
        live_picture("cup", PNG + bytes(10 * 1024 * 1024))


@pytest.mark.parametrize("content", [b"<svg/>", PNG[:20]])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match="cup is no PNG"):
        live_picture("cup", content)
