from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from pathlib import Path

import pytest

from scanhook.errors import SettingsError
from scanhook.settings.wechat import LandingSettings
from scanhook.wire.landing.theme import LOGO_MAX_BYTES, Logo, Theme, contrast, ink_on

CSS = Theme.load(LandingSettings()).css


@pytest.mark.parametrize(
    ("one", "other", "is_"),
    [
        ("#ffffff", "#000000", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#767676", "#FFFFFF", 4.54),
        ("#ff0000", "#ffffff", 4.0),
    ],
)
def test_contrast_is_what_the_standard_says(one: str, other: str, is_: float) -> None:
    assert contrast(one, other) == contrast(other, one) == pytest.approx(is_, abs=0.005)


def test_a_text_can_be_read_on_every_colour() -> None:
    steps = [f"{value:02x}" for value in range(0, 256, 17)]
    colors = [f"#{red}{green}{blue}" for red in steps for green in steps for blue in steps]
    assert min(contrast(ink_on(color), color) for color in colors) >= 4.5
    assert (ink_on("#0a6b3d"), ink_on("#ffe600")) == ("#ffffff", "#000000")


def _colors(text: str) -> dict[str, str]:
    found = dict(re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})", text))
    return {
        name: color if len(color) == 7 else "#" + "".join(2 * digit for digit in color[1:])
        for name, color in found.items()
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_of_the_page_can_be_read(scheme: str) -> None:
    light, dark = re.fullmatch(r"(.*)@media \(prefers-color-scheme:dark\)\{(.*?\})\}.*", CSS, re.DOTALL).groups()  # type: ignore[union-attr]
    colors = _colors(light) | {"brand": "#1f2a37", "brand-ink": "#ffffff"} | (_colors(dark) if scheme == "dark" else {})
    pairs = [(tone, f"{tone}-bg") for tone in ("good", "warn", "bad", "plain")]
    pairs += [("ink", "card"), ("ink", "paper"), ("soft", "card"), ("soft", "paper"), ("brand-ink", "brand")]
    found = {(text, ground): contrast(colors[text], colors[ground]) for text, ground in pairs}
    assert {pair: value for pair, value in found.items() if value < 4.5} == {}


def test_the_style_is_admitted_by_its_hash_and_asks_nobody_else() -> None:
    theme = Theme.load(LandingSettings(color="#A1b2C3"))
    digest = b64encode(hashlib.sha256(theme.css.encode()).digest()).decode()
    assert theme.style_source == f"'sha256-{digest}'"
    assert theme.css.endswith(":root{--brand:#A1b2C3;--brand-ink:#000000}")
    assert re.findall(r"url\(|@import|</", theme.css) == []


@pytest.mark.parametrize(
    ("content", "type_"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"GIF89a....", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg/>', "image/svg+xml"),
    ],
)
def test_a_logo_is_served_as_what_it_is(tmp_path: Path, content: bytes, type_: str) -> None:
    path = tmp_path / "logo.bin"
    path.write_bytes(content)
    assert Logo.load(path) == Logo(content=content, content_type=type_)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is no picture"),
        (b"<html><svg></html>", "is no picture"),
        (b"%PDF-1.7", "is no picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * LOGO_MAX_BYTES, "more than 256 KiB"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_logo_that_cannot_be_shown_stops_the_start(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "logo"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"^landing.logo_file: .*{why}"):
        Theme.load(LandingSettings(logo_file=str(path)))


def test_a_picture_that_does_not_load_takes_no_room() -> None:
    # A browser gives a broken picture room, and its own sign, wherever the size is fixed.
    rule = Theme.load(LandingSettings()).css.partition("\n.picture{")[2].partition("}")[0].split(";")
    names = {each.partition(":")[0] for each in rule}
    assert {"max-width", "max-height"} <= names
    assert names.isdisjoint({"width", "height", "min-width", "min-height", "border", "padding", "margin"})
