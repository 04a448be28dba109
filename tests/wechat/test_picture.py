from __future__ import annotations

import pytest

from scanhook.errors import Refused
from scanhook.wechat.picture import PICTURE_MAX_BYTES, PictureKind, image_upload, picture_kind, picture_size

# Pillow made one picture of each kind, 3 wide and 2 high; the JPEG is progressive, with Exif before its size.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000030000000208020000001216f14d0000001549444154789c633c2127c7"
    "c0c0c0c0c0c0c4000300132e01086ac065610000000049454e44ae426082"
)
GIF = bytes.fromhex("47494638376103000200810000cc0000cc33330000000000002c00000000030002000008080003000820304040003b")
JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffe1002a4578696600004d4d002a000000080001010e000200000007"
    "0000001a000000006538386362360000ffdb00430050373c463c32504641465a55505f78c882786e6e78f5afb991c8ff"
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc2000b08000200030101"
    "1100ffc40014000100000000000000000000000000000002ffda00080101000000011fffc40014100100000000000000"
    "000000000000000000ffda00080101000105027fffc40014100100000000000000000000000000000000ffda00080101"
    "00063f027fffc40014100100000000000000000000000000000000ffda0008010100013f217fffda0008010100000010"
    "ff00ffc40014100100000000000000000000000000000000ffda0008010100013f107fffd9"
)


@pytest.mark.parametrize(
    ("content", "content_type", "filename"), [(PNG, "image/png", "image.png"), (JPEG, "image/jpeg", "image.jpg")]
)
def test_an_image_is_known_by_what_stands_in_it(content: bytes, content_type: str, filename: str) -> None:
    upload = image_upload("/home/somebody/相框.gif", content)
    assert (upload.content, upload.content_type, upload.filename) == (content, content_type, filename)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG", b"%PDF-1.7", b"RIFF....WEBP"])
def test_anything_else_is_refused_whatever_its_name(content: bytes) -> None:
    with pytest.raises(Refused, match=r"^frame\.png is no PNG or JPEG image by what stands in it"):
        image_upload("frame.png", content)


def test_an_image_may_have_ten_megabytes_and_no_more() -> None:
    assert PICTURE_MAX_BYTES == 10_485_760
    assert len(image_upload("frame.png", PNG.ljust(PICTURE_MAX_BYTES)).content) == PICTURE_MAX_BYTES
    with pytest.raises(Refused, match="the image has more than 10,485,760 bytes"):
        image_upload("frame.png", PNG.ljust(PICTURE_MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("content", "kind"), [(PNG, PictureKind.PNG), (GIF, PictureKind.GIF), (JPEG, PictureKind.JPEG)]
)
def test_the_size_of_a_picture_is_read_from_its_beginning(content: bytes, kind: PictureKind) -> None:
    assert picture_kind(content) is kind
    assert picture_size("cup", content) == (3, 2)


@pytest.mark.parametrize("marker", [0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xCF])
def test_every_kind_of_jpeg_tells_its_size(marker: int) -> None:
    assert picture_size("cup", JPEG.replace(b"\xff\xc2", bytes([0xFF, marker]))) == (3, 2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF\x00\x00\x00\x00WEBPVP8 ",
        b"<svg/>",
        PNG[:20],
        GIF[:8],
        JPEG[:60],
        JPEG[:138],
        b"\xff\xd8\xff",
        PNG[:16] + bytes(4) + PNG[20:],
        PNG.replace(b"IHDR", b"IDAT"),
        b"\xff\xd8\xff\xe0\x00\x00\xff",
        b"\xff\xd8\xff\xff\xff\xff",
        JPEG.replace(b"\xff\xc2", b"\xff\xc4"),
    ],
    ids=range(13),
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match="cup is no PNG, JPEG or GIF picture by what stands in it, or it is damaged"):
        picture_size("cup", content)
