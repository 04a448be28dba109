"""Every setting, with its default. The table in the README is held to this file by a test."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from scanhook.settings.address import is_address
from scanhook.settings.table import NAME_PATTERN, Table, from_files
from scanhook.settings.wechat import CatalogSettings, LandingSettings, TokenSettings, WechatSettings

__all__ = [
    "AccountSettings",
    "JournalSettings",
    "RegistrySettings",
    "ServiceSettings",
    "Settings",
    "StorageSettings",
    "VerifierSettings",
]

AES_KEY_CHARS = 43

_TOKEN = re.compile(r"[A-Za-z0-9]{3,32}", re.ASCII)
_AES_KEY = re.compile(rf"[A-Za-z0-9]{{{AES_KEY_CHARS}}}", re.ASCII)
_TAKEN_NAMES = frozenset({"logo"})
"""Of other pages below /landing."""
_PORTS = {"http": 80, "https": 443}
_BIND = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[^:\s]+):(?P<port>\d{1,5})")


def _free(name: str) -> str:
    if name in _TAKEN_NAMES:
        raise ValueError(f"its page would be /landing/{name}, which is taken: choose another name")
    return name


def _is_this_machine(host: str) -> bool:
    if host in ("localhost", "::1"):
        return True
    try:
        return socket.inet_aton(host)[0] == 127  # it also reads 127.1 and 0x7f000001
    except OSError:
        return False


class ServiceSettings(Table):
    """``[service]``: how the service is reached."""

    bind: str = "127.0.0.1:8000"
    public_url: str = ""
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    threads: Annotated[int, Field(ge=2, le=512)] = 64
    timestamp_window_s: Annotated[float, Field(gt=0, le=86400)] = 300.0
    monitor_token: SecretStr = SecretStr("")

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: Any) -> Any:
        return from_files(values, ("monitor_token",))

    @field_validator("workers", "threads", "timestamp_window_s", mode="before")
    @classmethod
    def _refuse_truth(cls, given: Any) -> Any:
        if isinstance(given, bool):
            raise ValueError("write a number, not true or false")  # noqa: TRY004  (pydantic's way)
        return given

    @field_validator("bind")
    @classmethod
    def _check_bind(cls, bind: str) -> str:
        found = _BIND.fullmatch(bind)
        if not found or not 0 < int(found["port"]) < 65536:
            raise ValueError('write HOST:PORT, such as "127.0.0.1:8000"')
        return bind

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, url: str) -> str:
        if url and not re.fullmatch(r"https?://[^/\s]+(/\S*)?", url):
            raise ValueError('write the address that WeChat reaches, such as "https://scan.example.com"')
        if url.rstrip("/").endswith("/wechat/callback"):
            raise ValueError("leave /wechat/callback out: scanhook adds it")
        return url.rstrip("/")


class StorageSettings(Table):
    """``[storage]``: where registry and journal are kept."""

    url: SecretStr = SecretStr("sqlite:///data")
    connections: int = Field(default=8, ge=2, le=200)
    pepper_file: Path = Path("secrets/pepper")

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: Any) -> Any:
        return from_files(values, ("url",))


class AccountSettings(TokenSettings):
    """``[accounts.NAME]``: an official account that pushes to us.

    :param forward_url: where pushes other than scans go on to, byte for byte.
    :param forward_scans: whether a copy of scan events goes there too.
    """

    app_id: str = ""
    original_id: str = ""
    token: SecretStr = SecretStr("")
    encoding_aes_key: SecretStr = SecretStr("")
    previous_tokens: tuple[SecretStr, ...] = ()
    previous_encoding_aes_keys: tuple[SecretStr, ...] = ()
    app_secret: SecretStr = SecretStr("")
    app_secret_file: str = ""
    mode: Literal["safe", "compat", "plain"] = "safe"
    receive_id: str = ""
    forward_url: str = ""
    forward_scans: bool = False

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: Any) -> Any:
        return from_files(values, ("token", "encoding_aes_key", "app_secret", "access_token"), named=("app_secret",))

    @field_validator("token", "previous_tokens")
    @classmethod
    def _check_tokens(cls, given: Any) -> Any:
        for token in given if isinstance(given, tuple) else (given,):
            if not _TOKEN.fullmatch(token.get_secret_value()):
                raise ValueError("a token is 3 to 32 letters and digits: copy it from the console (令牌 Token)")
        return given

    @field_validator("encoding_aes_key", "previous_encoding_aes_keys")
    @classmethod
    def _check_keys(cls, given: Any) -> Any:
        for key in given if isinstance(given, tuple) else (given,):
            if not _AES_KEY.fullmatch(key.get_secret_value()):
                raise ValueError(
                    f"an EncodingAESKey is {AES_KEY_CHARS} letters and digits: see the console (消息加解密密钥)"
                )
        return given

    @field_validator("forward_url")
    @classmethod
    def _check_forward_url(cls, url: str) -> str:
        if url and not is_address(url):
            raise ValueError(
                'write the address of your own server without a query, such as "https://old.example.com/wx"'
            )
        return url

    @field_validator("app_id")
    @classmethod
    def _check_app_id(cls, app_id: str) -> str:
        if app_id and not re.fullmatch(r"wx[0-9A-Za-z]+", app_id):
            raise ValueError(
                "an AppID is wx… followed by letters and digits: copy it from the console (开发者ID AppID)"
            )
        return app_id

    @field_validator("original_id")
    @classmethod
    def _check_original_id(cls, original_id: str) -> str:
        if original_id and not re.fullmatch(r"gh_\w+", original_id, re.ASCII):
            raise ValueError("an original id is gh_… followed by letters and digits: copy it from the console (原始ID)")
        return original_id

    @model_validator(mode="after")
    def _check_complete(self) -> Self:
        if not self.token.get_secret_value():
            raise ValueError("token is missing: copy it from the console (令牌 Token)")
        if self.mode != "plain" and not self.encoding_aes_key.get_secret_value():
            raise ValueError(
                f"encoding_aes_key is missing, and {self.mode} mode needs it: copy it from the console (消息加解密密钥)"
            )
        if not self.app_id:
            raise ValueError(
                "app_id is empty: it stands in the console under 设置与开发 → 基本配置 (开发者ID AppID, wx…)"
            )
        if not self.original_id:
            raise ValueError("original_id is empty: it stands in the console under 账号设置 → 账号详情 (原始ID, gh_…)")
        return self


class VerifierSettings(Table):
    """``[verifier]``: who says what is genuine."""

    chain: Annotated[tuple[str, ...], Field(min_length=1)] = ("registry://",)
    timeout_s: Annotated[float, Field(gt=0, le=3)] = 2.0
    secret: SecretStr = SecretStr("")
    allow_private_addresses: bool = False
    on_undecided: Literal["503", "success"] = "503"

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: Any) -> Any:
        return from_files(values, ("secret",))


class RegistrySettings(Table):
    """``[registry]``: how staff are guarded from mistakes."""

    confirm_above: Annotated[int, Field(ge=0)] = 10_000
    unactivated_hours: Annotated[float, Field(ge=0)] = 168.0


class JournalSettings(Table):
    """``[journal]``: how long what consumers did is kept."""

    keep_openid_days: Annotated[int, Field(ge=0, le=36500)] = 0
    keep_scans_days: Annotated[int, Field(ge=0, le=36500)] = 0


class Settings(Table):
    """The whole of ``scanhook.toml``.

    Make it with :func:`scanhook.settings.load_settings`, which knows where each value came from.
    """

    service: ServiceSettings = ServiceSettings()
    storage: StorageSettings = StorageSettings()
    registry: RegistrySettings = RegistrySettings()
    journal: JournalSettings = JournalSettings()
    accounts: Annotated[
        dict[Annotated[str, Field(pattern=NAME_PATTERN), AfterValidator(_free)], AccountSettings], Field(min_length=1)
    ]
    verifier: VerifierSettings = VerifierSettings()
    wechat: WechatSettings = WechatSettings()
    catalog: CatalogSettings = CatalogSettings()
    landing: LandingSettings = LandingSettings()

    @model_validator(mode="after")
    def _check_forward_urls(self) -> Self:
        for name, account in self.accounts.items():
            if account.forward_url and self._is_ours(account.forward_url):
                raise ValueError(f"accounts.{name}.forward_url names this very service: pushes would go in a ring")
        return self

    def _is_ours(self, url: str) -> bool:
        """Tell whether a push that is sent there would come back to us."""
        if self.service.public_url and url.startswith(f"{self.service.public_url}/wechat/callback"):
            return True
        asked, bound = urlsplit(url), urlsplit(f"http://{self.service.bind}")
        if (asked.port or _PORTS[asked.scheme]) != bound.port:
            return False
        return asked.hostname == bound.hostname or _is_this_machine(asked.hostname or "")
