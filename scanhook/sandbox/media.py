"""Temporary material: pictures that were uploaded, and hold for three days. Performs no I/O.

The page "新增临时素材" is not among the seeds; ``live-goods-add.md`` says that a mediaID is valid for three days. The
codes are WeChat's global ones.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scanhook.sandbox.picture import kind_of
from scanhook.sandbox.route import Asked, Blob, Posted, Refusal, Right, Route

__all__ = ["IMAGE_MAX_BYTES", "ROUTES", "Material", "MediaShelf"]

IMAGE_MAX_BYTES = 10 * 1024 * 1024
_KEPT_S = 3 * 86400
_KEPT_MAX = 500
"""The sandbox's own limit: the oldest go first, so that a long test does not fill the memory."""

_RULE = "新增临时素材 (not among the seeds): type image, PNG, JPEG or GIF of up to 10 MB; valid three days."


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """An uploaded picture."""

    content: bytes = field(repr=False)
    content_type: str
    filename: str
    uploaded_at: float


class MediaShelf:
    """A tenant's temporary material."""

    def __init__(self) -> None:
        self._materials: dict[str, Material] = {}

    def keep(self, file: Posted, *, now: float) -> str:
        """Keep a picture.

        :returns: its media id.
        :raises Refusal: when it is no picture, or too large.
        """
        if len(file.content) > IMAGE_MAX_BYTES:
            raise Refusal(40009, "invalid image size")
        content_type = kind_of(file.content)
        if content_type is None:
            raise Refusal(40005, "invalid file type")
        media_id = secrets.token_hex(32)  # no leading hyphen, which a shell command would take for an option
        while len(self._materials) >= _KEPT_MAX:
            self._materials.pop(next(iter(self._materials)))
        self._materials[media_id] = Material(
            content=file.content, content_type=content_type, filename=file.filename, uploaded_at=now
        )
        return media_id

    def find(self, media_id: str, *, now: float) -> Material | None:
        """Return a picture; ``None`` when there is none, or its three days are over."""
        found = self._materials.get(media_id)
        return found if found and now < found.uploaded_at + _KEPT_S else None


def _upload(asked: Asked) -> Mapping[str, Any]:
    if asked.query.get("type") != "image":
        raise Refusal(40004, "invalid media type")
    file = asked.files.get("media")
    if file is None or not file.content:
        raise Refusal(41005, "media data missing")
    media_id = asked.tenant.shelf(MediaShelf).keep(file, now=asked.now)
    return {"type": "image", "media_id": media_id, "created_at": int(asked.now)}


def _get(asked: Asked) -> Blob:
    found = asked.tenant.shelf(MediaShelf).find(asked.query.get("media_id", ""), now=asked.now)
    if found is None:
        raise Refusal(40007, "invalid media_id")
    return Blob(content=found.content, content_type=found.content_type, filename=found.filename)


ROUTES = (
    Route(method="POST", path="/cgi-bin/media/upload", handle=_upload, right=Right.NONE, rule=_RULE),
    Route(method="GET", path="/cgi-bin/media/get", handle=_get, right=Right.NONE, rule=_RULE),
)
