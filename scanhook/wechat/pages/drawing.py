"""Fetches the picture of a QR code from where WeChat keeps it: no API, and no token goes there."""

from __future__ import annotations

import httpx2

from scanhook.errors import WechatUnreachable
from scanhook.wechat.deadline import Deadline, DeadlineTransport
from scanhook.wechat.picture import picture_kind

__all__ = ["DRAWING_MAX_BYTES", "fetch_drawing"]

DRAWING_MAX_BYTES = 4 * 1024 * 1024


def fetch_drawing(url: str, *, timeout_s: float) -> bytes:
    """Return a picture: PNG, JPEG or GIF.

    :param url: the ``pic_url`` of a :class:`~scanhook.wechat.pages.qrcode.QrCode`; no error repeats it.
    :param timeout_s: for all of it, from the first byte of the connection to the picture's last, redirects included.
    :raises WechatUnreachable: when there is none, or something else is in its place.
    """
    deadline = Deadline()
    try:
        with (
            deadline.within(timeout_s),
            httpx2.Client(
                transport=DeadlineTransport(deadline),
                timeout=timeout_s,
                follow_redirects=True,
                max_redirects=3,
                trust_env=False,
            ) as client,
            client.stream("GET", url) as answer,
        ):
            answer.raise_for_status()
            content = b""
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > DRAWING_MAX_BYTES:
                    raise _without(f"it has more than {DRAWING_MAX_BYTES:,} bytes")
    except httpx2.HTTPStatusError as error:
        raise _without(f"the server answers {error.response.status_code}") from None
    except httpx2.TimeoutException:
        raise _without(f"it did not come within {timeout_s:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise _without(type(error).__name__) from None
    if picture_kind(content) is None:
        raise _without("what came is no picture")
    return content


def _without(why: str) -> WechatUnreachable:
    return WechatUnreachable(f"the QR code's picture cannot be fetched: {why}", acted=False)
