"""How the brand shows itself: its colour kept readable, its logo, and the page's style with the hash that admits it."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from scanhook.errors import SettingsError
from scanhook.settings.wechat import LandingSettings

__all__ = ["LOGO_MAX_BYTES", "Logo", "Theme", "contrast", "ink_on"]

LOGO_MAX_BYTES = 256 * 1024
_COLOR = "#1f2a37"
_INKS = ("#ffffff", "#000000")
_READABLE = 4.5
"""WCAG 2.2, 1.4.3. One of white and black has it on every colour."""
_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """A picture that is served as what its bytes say that it is."""

    content: bytes = field(repr=False)
    content_type: str

    @classmethod
    def load(cls, path: Path) -> Logo:
        """Read a logo.

        :raises SettingsError: when there is none, it is too large, or it is none of PNG, JPEG, GIF, WebP and SVG.
        """
        try:
            with path.open("rb") as file:
                content = file.read(LOGO_MAX_BYTES + 1)
        except OSError as error:
            raise SettingsError(f"landing.logo_file: {path} cannot be read: {error.strerror}") from None
        if len(content) > LOGO_MAX_BYTES:
            raise SettingsError(
                f"landing.logo_file: {path} has more than {LOGO_MAX_BYTES // 1024} KiB: make it smaller"
            )
        content_type = _type_of(content)
        if content_type is None:
            raise SettingsError(f"landing.logo_file: {path} is no picture: give a PNG, JPEG, GIF, WebP or SVG file")
        return cls(content=content, content_type=content_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """What all pages of one house have in common.

    :param brand: the brand's name; empty when it is not set.
    :param css: the whole style.
    :param style_source: what the content security policy says of it.
    """

    brand: str
    privacy_url: str
    logo: Logo | None
    css: str = field(repr=False)
    style_source: str

    @classmethod
    def load(cls, settings: LandingSettings) -> Theme:
        """Make the theme that the settings ask for.

        :raises SettingsError: when the logo cannot be used.
        """
        color = settings.color or _COLOR
        css = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
        css += f":root{{--brand:{color};--brand-ink:{ink_on(color)}}}"
        digest = b64encode(hashlib.sha256(css.encode()).digest()).decode()
        return cls(
            brand=settings.brand,
            privacy_url=settings.privacy_url,
            logo=Logo.load(Path(settings.logo_file)) if settings.logo_file else None,
            css=css,
            style_source=f"'sha256-{digest}'",
        )


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (``#rrggbb``), 1 to 21, as WCAG 2.2 reckons it."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def ink_on(color: str) -> str:
    """Return in which colour a text is readable on a colour."""
    return next(ink for ink in _INKS if contrast(ink, color) >= _READABLE)


def _luminance(color: str) -> float:
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _type_of(content: bytes) -> str | None:
    for signature, content_type in _SIGNATURES:
        if content.startswith(signature):
            return content_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    head = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!--", b"<!DOCTYPE svg")) and b"<svg" in content):
        return "image/svg+xml"
    return None
