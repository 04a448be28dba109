"""Addresses of servers, as they stand in the settings. Performs no I/O."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ["is_address"]


def is_address(url: str) -> bool:
    """Tell whether a URL has a host, perhaps a port and a path, and nothing else, such as a password."""
    if not re.fullmatch(r"https?://[^/\s?#@]+(/[!-~]*)?", url) or set("?#") & set(url):
        return False
    try:
        return bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:
        return False
