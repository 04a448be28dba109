from __future__ import annotations

import click
import pytest

from scanhook.cli.common import CODE, CodeName, utc


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("qrcode/moment-frame/A1", ("qrcode", "moment-frame", "A1")),
        ("qrcode/moment-frame/a/b/", ("qrcode", "moment-frame", "a/b/")),
        ("ean13/6901481811083/", ("ean13", "6901481811083", "")),
        ("ean13/6901481811083", ("ean13", "6901481811083", "")),
    ],
)
def test_a_code_is_written_with_slashes(text: str, parts: tuple[str, str, str]) -> None:
    code = CodeName.parse(text)
    assert (code.key_standard, code.key_str, code.ext_info) == parts
    assert CODE.convert(code, None, None) is code


@pytest.mark.parametrize("text", ["", "/", "a", "a/", "/b", "/b/c", "//"])
def test_anything_else_is_no_code(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write KEYSTANDARD/KEYSTR/EXTINFO"):
        CodeName.parse(text)


def test_a_code_does_not_show_its_secret_part() -> None:
    assert "A1B2C3" not in repr(CodeName.parse("qrcode/moment-frame/A1B2C3"))


@pytest.mark.parametrize(("seconds", "text"), [(0.9, "1970-01-01T00:00:00+00:00"), (None, None)])
def test_a_time_is_written_in_utc(seconds: float | None, text: str | None) -> None:
    assert utc(seconds) == text
