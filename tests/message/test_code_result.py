from __future__ import annotations

from scanhook.message import CodeResult


def test_wechat_understands_three_words() -> None:
    assert [str(result) for result in CodeResult] == ["real", "fake", "not_active"]
