"""Pictures on WeCom's side: attachments go up, and come down as temporary material (facts.md 5.1). Performs no I/O.

The pages "上传附件资源" and "获取临时素材" are not among the seeds, which refer to them. From them: a media id is valid
for three days and shared by a company's applications; an image is a JPG or PNG of 6 bytes to 10 MB; ``attachment_type``
is 1 for moments (朋友圈) and 2 for product albums; an error in the place of a file is JSON. The codes are WeCom's
global ones. How long a picture in an album can be fetched they do not say: here without end.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scanhook.sandbox.route import Asked, Blob, Posted, Refusal, Right, Route

__all__ = ["ROUTES", "Attachment", "AttachmentShelf"]

_VALID_S = 3 * 86400
_IMAGE_MAX_BYTES = 10 * 1024 * 1024
_FILE_MIN_BYTES = 6
_KEPT_MAX = 500
"""The sandbox's own limit, so that a long test does not fill the memory: the oldest that are in no album go first."""
_MOMENTS, _ALBUMS = "1", "2"
_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png", "png"), (b"\xff\xd8\xff", "image/jpeg", "jpg"))


@dataclass(slots=True, kw_only=True)
class Attachment:
    """One picture that went up.

    :param purpose: its attachment type.
    :param in_album: whether a product was given it.
    """

    content: bytes = field(repr=False)
    content_type: str
    filename: str
    purpose: str
    uploaded_at: float
    in_album: bool = False


class AttachmentShelf:
    """A company's pictures."""

    def __init__(self) -> None:
        self._attachments: dict[str, Attachment] = {}

    def keep(self, content: bytes, *, purpose: str, now: float) -> str:
        """Keep a picture.

        :returns: its media id.
        :raises Refusal: when it is no picture, or not of a size that may go up.
        """
        if not _FILE_MIN_BYTES <= len(content) <= _IMAGE_MAX_BYTES:
            raise Refusal(40009, "invalid image size")
        kind = next(((type_, suffix) for magic, type_, suffix in _KINDS if content.startswith(magic)), None)
        if kind is None:
            raise Refusal(40004, "invalid media type")
        self._make_room()
        media_id = secrets.token_hex(32)  # no leading hyphen, which a shell command would take for an option
        self._attachments[media_id] = Attachment(
            content=content,
            content_type=kind[0],
            filename=f"{media_id}.{kind[1]}",
            purpose=purpose,
            uploaded_at=now,
        )
        return media_id

    def find(self, media_id: str, *, now: float) -> Attachment | None:
        """Return a picture that can be fetched; ``None`` when there is none any more."""
        found = self._attachments.get(media_id)
        return found if found and (found.in_album or now < found.uploaded_at + _VALID_S) else None

    def fits_albums(self, media_id: str, *, now: float) -> bool:
        """Tell whether a product may be given a picture: it went up for albums, and can still be fetched."""
        found = self.find(media_id, now=now)
        return found is not None and found.purpose == _ALBUMS

    def keep_for_good(self, media_id: str) -> None:
        """Note that a picture is in an album."""
        self._attachments[media_id].in_album = True

    def _make_room(self) -> None:
        if len(self._attachments) >= _KEPT_MAX:
            oldest = next((key for key, kept in self._attachments.items() if not kept.in_album), None)
            self._attachments.pop(oldest or next(iter(self._attachments)))


def _upload_attachment(asked: Asked) -> Mapping[str, Any]:
    purpose = asked.query.get("attachment_type")
    if asked.query.get("media_type") != "image":
        raise Refusal(40005, "invalid type: the sandbox takes images, and albums take nothing else")
    if purpose not in (_MOMENTS, _ALBUMS):
        raise Refusal(40035, "invalid parameter: attachment_type")
    file: Posted | None = asked.files.get("media")
    if file is None:
        raise Refusal(41005, "media data missing")
    media_id = asked.tenant.shelf(AttachmentShelf).keep(file.content, purpose=purpose, now=asked.now)
    return {"errmsg": "", "type": "image", "media_id": media_id, "created_at": int(asked.now)}


def _get(asked: Asked) -> Blob:
    found = asked.tenant.shelf(AttachmentShelf).find(asked.query.get("media_id", ""), now=asked.now)
    if found is None:
        raise Refusal(40007, "invalid media_id")
    return Blob(content=found.content, content_type=found.content_type, filename=found.filename)


ROUTES = (
    Route(
        method="POST",
        path="/cgi-bin/media/upload_attachment",
        handle=_upload_attachment,
        right=Right.ALBUMS,
        rule="上传附件资源 (not among the seeds; facts.md 5.1): media_type image, attachment_type 1 or 2, JPG or PNG.",
    ),
    Route(
        method="GET",
        path="/cgi-bin/media/get",
        handle=_get,
        right=Right.ALBUMS,  # as on WeCom's side; the page itself asks for no right
        rule="获取临时素材 (not among the seeds): any application of the company fetches what any of them sent up.",
    ),
)
