"""The settings of WeChat's own systems: where they are, who calls them, and what their products are shown with."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from scanhook.settings.address import is_address
from scanhook.settings.table import Table, from_files

__all__ = [
    "AlbumsSettings",
    "CatalogSettings",
    "LandingSettings",
    "SystemSettings",
    "TokenSettings",
    "UnionSettings",
    "WechatSettings",
    "check_base",
]

API_BASE = "https://api.weixin.qq.com"
WECOM_BASE = "https://qyapi.weixin.qq.com"
FALLBACKS = (
    "https://api2.weixin.qq.com",
    "https://sh.api.weixin.qq.com",
    "https://sz.api.weixin.qq.com",
    "https://hk.api.weixin.qq.com",
)
CLEAR_PATH = "/scan/scanticket/check"
"""What the page gives for clearing the scan record of a code: the URL of the ticket check (facts.md section 0, 1)."""


def check_base(url: str) -> str:
    """Return the address of a server without a slash at its end.

    :raises ValueError: when it is no address, or has a path, or a password, which errors would show.
    """
    if not is_address(url) or urlsplit(url).path not in ("", "/"):
        raise ValueError('write the server\'s address alone, such as "https://api.weixin.qq.com"')
    return url.rstrip("/")


class WechatSettings(Table):
    """``[wechat]``: WeChat's own APIs.

    :param api_fallbacks: asked when ``api_base`` cannot be reached; left out, WeChat's other domains, and none where
        ``api_base`` is not WeChat's.
    :param clear_path: where the scan record of a code is cleared; the page gives the URL of the ticket check.
    """

    api_base: str = API_BASE
    api_fallbacks: tuple[str, ...] | None = None
    wecom_base: str = WECOM_BASE
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 8.0
    clear_path: str = CLEAR_PATH
    ticket_window_s: Annotated[float, Field(gt=0, le=86400)] = 1200.0

    @field_validator("clear_path")
    @classmethod
    def _check_clear_path(cls, path: str) -> str:
        if not re.fullmatch(r"/[\w/.-]*", path, re.ASCII):
            raise ValueError('write a path, such as "/scan/scanticket/check"')
        return path

    @field_validator("api_base", "wecom_base")
    @classmethod
    def _check_base(cls, url: str) -> str:
        return check_base(url)

    @field_validator("api_fallbacks")
    @classmethod
    def _check_fallbacks(cls, urls: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if urls is None else tuple(check_base(url) for url in urls)

    @property
    def api_bases(self) -> tuple[str, ...]:
        """The addresses of WeChat's API in the order in which they are tried."""
        fallbacks = self.api_fallbacks
        if fallbacks is None:
            fallbacks = FALLBACKS if self.api_base == API_BASE else ()
        return (self.api_base, *fallbacks)


def check_token_source(source: str, token: SecretStr, command: tuple[str, ...]) -> None:
    """Find out whether what a token source needs is there, and nothing that only another one would use.

    :raises ValueError: when it is not.
    """
    match source:
        case "static" if not token.get_secret_value():
            raise ValueError('access_token is missing, and token_source = "static" needs it (or access_token_file)')
        case "command" if not command:
            raise ValueError('token_command is missing: write a program and its arguments, such as ["/opt/token", "1"]')
    for name, given, user in (
        ("access_token", token.get_secret_value(), "static"),
        ("token_command", command, "command"),
    ):
        if given and source != user:
            raise ValueError(
                f'{name} is given, and token_source = "{source}" does not use it: write token_source = "{user}", '
                f"or leave {name} out"
            )


class TokenSettings(Table):
    """How an access token is come by; part of every table that names who calls."""

    token_source: Literal["stable", "token", "static", "command", "none"] = "stable"  # noqa: S105  (no secret)
    access_token: SecretStr = SecretStr("")
    token_command: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        check_token_source(self.token_source, self.access_token, self.token_command)
        return self


class SystemSettings(TokenSettings):
    """``[catalog.pages]``, ``[catalog.window]``, ``[catalog.live]``: who calls one of WeChat's product systems.

    :param account: an account of the settings; else ``app_id`` and ``app_secret`` of another.
    """

    account: str = ""
    app_id: str = ""
    app_secret: SecretStr = SecretStr("")
    app_secret_file: str = ""

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: Any) -> Any:
        return from_files(values, ("app_secret", "access_token"), named=("app_secret",))

    @model_validator(mode="after")
    def _check_who(self) -> Self:
        if self.account and self.app_id:
            raise ValueError("both account and app_id are given: leave one of them out")
        return self


class UnionSettings(SystemSettings):
    """``[catalog.union]``: the catalog takes only products of these shops, or that are found by these words."""

    shop_app_ids: tuple[str, ...] = ()
    query: str = ""


class AlbumsSettings(Table):
    """``[catalog.albums]``: the WeCom application that may see the company's product albums."""

    corp_id: str = ""
    corp_secret: SecretStr = SecretStr("")
    corp_secret_file: str = ""
    token_source: Literal["gettoken", "static", "command"] = "gettoken"  # noqa: S105  (no secret)
    access_token: SecretStr = SecretStr("")
    token_command: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: Any) -> Any:
        return from_files(values, ("corp_secret", "access_token"), named=("corp_secret",))

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        check_token_source(self.token_source, self.access_token, self.token_command)
        return self


class CatalogSettings(Table):
    """``[catalog.*]``: the five systems that know products, each with its own kind of account."""

    pages: SystemSettings = SystemSettings()
    albums: AlbumsSettings = AlbumsSettings()
    window: SystemSettings = SystemSettings()
    live: SystemSettings = SystemSettings()
    union: UnionSettings = UnionSettings()


class LandingSettings(Table):
    """``[landing]``: how the brand shows itself on the page behind a product page's link."""

    brand: str = ""
    logo_file: str = ""
    color: str = ""
    privacy_url: str = ""

    @field_validator("color")
    @classmethod
    def _check_color(cls, color: str) -> str:
        if not re.fullmatch(r"(#[0-9a-fA-F]{6})?", color):
            raise ValueError('write a colour as six hex digits, such as "#07c160"')
        return color

    @field_validator("privacy_url")
    @classmethod
    def _check_privacy_url(cls, url: str) -> str:
        if not re.fullmatch(r"(https://[^/\s]+(/\S*)?)?", url):
            raise ValueError('write the address of the page, such as "https://www.example.com/privacy"')
        return url
