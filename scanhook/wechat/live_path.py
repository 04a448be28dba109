"""Writes the path of a mini program's page as live goods need it. Performs no I/O.

The page says of ``url``: 路径参数存在 url 的,该参数的值需要进行 encode 处理再填入. That is read so: where a parameter
of the path holds a URL, or is called ``url``, the value of that parameter is percent-encoded, and nothing else is.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from scanhook.errors import Refused

__all__ = ["encode_page_path"]

_ENCODED = re.compile(r"[A-Za-z0-9_.~-]*(%[0-9A-Fa-f]{2}[A-Za-z0-9_.~-]*)*", re.ASCII)


def encode_page_path(path: str) -> str:
    """Return a page's path with its URLs encoded; what is encoded already stays as it is.

    :param path: such as ``pages/web/index?url=https://shop.example.com/1``.
    :raises Refused: when it is no page of a mini program, or nobody can tell where a URL in it ends.
    """
    if not path or path != path.strip() or not path.isprintable() or " " in path:
        raise Refused("the page's path is empty, or holds blanks or what cannot be printed")
    page, mark, query = path.partition("?")
    if "://" in page:
        raise Refused(f"`{path}` is a web address: give the page of the mini program, such as pages/index/index")
    if not mark:
        return path
    parts = query.split("&")
    return f"{page}?" + "&".join(_encode(part, last=index == len(parts) - 1) for index, part in enumerate(parts))


def _encode(part: str, *, last: bool) -> str:
    name, mark, value = part.partition("=")
    if not mark or not ("://" in value or (name.lower() == "url" and not _ENCODED.fullmatch(value))):
        return part
    if "?" in value and not last:
        raise Refused(
            f"nobody can tell where the URL in the parameter `{name}` ends, as it has parameters of its own: "
            f"percent-encode it, like {name}={quote(unquote(value.partition('?')[0]), safe='')}%3F…"
        )
    return f"{name}={quote(value, safe='')}"
