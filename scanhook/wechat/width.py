"""How wide a text is, where WeChat's pages count in Chinese characters (汉字). Performs no I/O."""

from __future__ import annotations

import unicodedata

__all__ = ["text_width"]

_WIDE = ("W", "F", "A")


def text_width(text: str) -> int:
    """Count how wide a text is: a Chinese character 2, a narrow one 1.

    WeChat does not say how it counts what is neither; a character that is wide in Chinese fonts counts as 2 here.
    """
    return sum(2 if unicodedata.east_asian_width(character) in _WIDE else 1 for character in text)
