from __future__ import annotations

import pytest

from scanhook.wechat.width import text_width


@pytest.mark.parametrize(
    ("text", "width"),
    [("茶杯", 4), ("TIT茶杯", 7), ("茶" * 14, 28), ("a" * 28, 28), ("ＡＢ", 4), ("ｱ", 1), ("…", 2), ("", 0)],
)
def test_a_chinese_character_is_as_wide_as_two_narrow_ones(text: str, width: int) -> None:
    assert text_width(text) == width
