"""A push that is as plain as WeChat sends it, and as proxies hand it on: in one piece, with nothing to be understood.

Most pushes are so, and reading one here takes 2 µs; gunicorn's parser, which must know all requests, takes 16. What is
not beyond doubt is left to that parser: this only ever says "plain", or nothing, and never refuses.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from scanhook.envelope import BODY_MAX_BYTES
from scanhook.wire.callback import CALLBACK_PATH

__all__ = ["PlainRequest", "read_plain"]

_HEAD_MAX_BYTES = 4096
_FIELDS_MAX = 40
_TARGET = re.compile(rb"POST (%b(?:/[\w.-]+)?)\?([!\"$-~]*) HTTP/1\.1" % re.escape(CALLBACK_PATH.encode()))
"""No fragment, and nothing in the path that stands for something else. No other request is looked at any further: its
head may hold what must not stay in memory."""
_FIELD = re.compile(rb"([A-Za-z0-9-]+):([ \t!-~]*)")
_LENGTH = re.compile(rb"[1-9][0-9]{0,4}")
_HOST = re.compile(rb"[A-Za-z0-9.:\[\]-]+")
_NOT_PLAIN = frozenset(
    {
        # The body may end elsewhere, or something else is asked for than an answer.
        *(b"connection", b"expect", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        # gunicorn has a say in these.
        *(b"x-forwarded-protocol", b"x-forwarded-ssl"),
    }
)
_ONCE = (b"host", b"content-length", b"content-type", b"x-forwarded-proto")


class PlainRequest(NamedTuple):
    """A whole request.

    :ivar path: as it stands in the request line.
    :ivar query: what stands behind the ``?``.
    :ivar content_type: the header's value; empty without one.
    """

    path: str
    query: bytes
    content_type: str
    body: bytes


def read_plain(data: bytes) -> PlainRequest | None:
    """Read what came over a connection at once.

    :param data: what came since the last request's end.
    :returns: the request, if the data is one POST with a short body, whole and with nothing behind it, in the
        strictest reading of RFC 9112; else ``None``, and somebody who knows all of HTTP must look.
    """
    line_end = data.find(b"\r\n", 0, _HEAD_MAX_BYTES)
    head_end = data.find(b"\r\n\r\n", line_end, _HEAD_MAX_BYTES)
    if line_end < 0 or head_end < 0:
        return None
    line = _TARGET.fullmatch(data, 0, line_end)
    if line is None or data.count(b"\r\n", line_end, head_end) > _FIELDS_MAX:
        return None
    fields = _read_fields(data[line_end + 2 : head_end])
    if fields is None or len(data) != head_end + 4 + fields[0]:
        return None
    return PlainRequest(line[1].decode(), line[2], fields[1], data[head_end + 4 :])


@lru_cache(maxsize=256)
def _read_fields(block: bytes) -> tuple[int, str] | None:
    """Return the body's length and type; kept, for a sender's heads are alike."""
    values: dict[bytes, bytes] = {}
    for line in block.split(b"\r\n"):
        field = _FIELD.fullmatch(line)
        if field is None:
            return None
        name, value = field[1].lower(), field[2].strip(b" \t")
        if name in _ONCE and name in values:
            return None
        if name in _NOT_PLAIN and (name, value.lower()) != (b"connection", b"keep-alive"):
            return None
        values[name] = value
    length = _LENGTH.fullmatch(values.get(b"content-length", b""))
    if length is None or int(length[0]) > BODY_MAX_BYTES or not _HOST.fullmatch(values.get(b"host", b"")):
        return None
    return int(length[0]), values.get(b"content-type", b"").decode()
