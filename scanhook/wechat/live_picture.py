"""The picture of live goods (``live-goods-add.md``, coverImgUrl). Performs no I/O."""

from __future__ import annotations

from scanhook.errors import Refused
from scanhook.wechat.api import Upload
from scanhook.wechat.picture import PictureKind, image_upload, picture_size

__all__ = ["LIVE_PICTURE_MAX_PX", "live_picture"]

LIVE_PICTURE_MAX_PX = 300
"""Wide and high."""


def live_picture(name: str, content: bytes) -> Upload:
    """Make a file ready to go up as the picture of live goods.

    :param name: of the file, for the error; what WeChat sees is a plain name of the right kind.
    :raises Refused: when it is no PNG, JPEG or GIF, damaged, or too large.
    """
    upload = image_upload(name, content, kinds=tuple(PictureKind))
    width, height = picture_size(name, content)
    if width > LIVE_PICTURE_MAX_PX or height > LIVE_PICTURE_MAX_PX:
        raise Refused(
            f"{name}: the picture is {width} × {height} pixels, and {LIVE_PICTURE_MAX_PX} × {LIVE_PICTURE_MAX_PX} is "  # noqa: RUF001
            "all that WeChat takes for live goods: make it smaller"
        )
    return upload
