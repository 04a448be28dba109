"""Recognises pictures by what stands in them, not by their names, and makes them ready to go up. Performs no I/O."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum

from scanhook.errors import Refused
from scanhook.wechat.api import Upload

__all__ = ["PICTURE_MAX_BYTES", "PictureKind", "image_upload", "picture_kind", "picture_size"]

PICTURE_MAX_BYTES = 10 * 1024 * 1024
"""Above this neither WeChat nor WeCom takes an image as temporary material: their pages on that. The pages of albums
and live goods give no size."""

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset((0x01, *range(0xD0, 0xD8)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    magic: tuple[bytes, ...]
    suffix: str
    content_type: str


class PictureKind(Enum):
    """What a picture is, by its first bytes."""

    PNG = _Form(magic=(b"\x89PNG\r\n\x1a\n",), suffix="png", content_type="image/png")
    JPEG = _Form(magic=(b"\xff\xd8\xff",), suffix="jpg", content_type="image/jpeg")
    GIF = _Form(magic=(b"GIF87a", b"GIF89a"), suffix="gif", content_type="image/gif")


def picture_kind(content: bytes) -> PictureKind | None:
    """Return what a picture is; ``None`` when it is none."""
    return next((kind for kind in PictureKind if content.startswith(kind.value.magic)), None)


def image_upload(
    name: str, content: bytes, *, kinds: tuple[PictureKind, ...] = (PictureKind.PNG, PictureKind.JPEG)
) -> Upload:
    """Make a file ready to go up as an image.

    :param name: of the file, for the error; what WeChat sees is a plain name of the right kind.
    :param kinds: what may go up.
    :raises Refused: when it is none of these, or too large.
    """
    if len(content) > PICTURE_MAX_BYTES:
        raise Refused(f"{name}: the image has more than {PICTURE_MAX_BYTES:,} bytes, which WeChat does not take")
    kind = picture_kind(content)
    if kind not in kinds or kind is None:
        wanted = " or ".join(each.name for each in kinds)
        raise Refused(f"{name} is no {wanted} image by what stands in it: save it as one of them")
    return Upload(filename=f"image.{kind.value.suffix}", content=content, content_type=kind.value.content_type)


def picture_size(name: str, content: bytes) -> tuple[int, int]:
    """Return a picture's width and height in pixels, as its first bytes have them.

    :param name: of the file, for the error.
    :raises Refused: when it is damaged, or no picture.
    """
    size = None
    try:
        match picture_kind(content):
            case PictureKind.PNG if content[12:16] == b"IHDR":
                size = struct.unpack(">II", content[16:24])
            case PictureKind.GIF:
                size = struct.unpack("<HH", content[6:10])
            case PictureKind.JPEG:
                size = _jpeg_size(content)
    except (struct.error, IndexError):
        size = None
    if size is None or 0 in size:
        raise Refused(f"{name} is no PNG, JPEG or GIF picture by what stands in it, or it is damaged")
    return size[0], size[1]


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    place = 2
    while content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # filling
            place += 1
        elif marker in _JPEG_BARE:
            place += 2
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", content[place + 5 : place + 9])
            return width, height
        else:
            place += 2 + struct.unpack(">H", content[place + 2 : place + 4])[0]
    return None
