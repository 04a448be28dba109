"""``scanhook init``: a new house."""

from __future__ import annotations

import json
import os
import secrets
import string
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from scanhook.cli.common import own_command
from scanhook.clock import SystemClock
from scanhook.envelope import AesKey, Keyring, Mode
from scanhook.errors import Refused, SettingsError
from scanhook.journal import open_journal
from scanhook.office import open_office
from scanhook.registry import open_registry
from scanhook.settings.table import from_files
from scanhook.storage import Pepper, StorageUrl

__all__ = ["NewHouse", "init", "make_house"]

_ALPHABET = string.ascii_letters + string.digits
_LAST_OF_KEY = "AEIMQUYcgkosw048"  # 43 characters hold two bits more than 32 bytes; these leave them 0
_TOKEN_CHARS = 32
_CONFIG = "scanhook.toml"
_DEFAULT_STORAGE = "sqlite:///data"
_VARIABLE = "SCANHOOK_STORAGE__"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHouse:
    """What a new house is made from; an empty text is left for the engineer to fill in.

    :param storage: where the storage is made; its URL may hold a password.
    :param names_storage: whether the settings file names it; the environment may do that.
    """

    app_id: str = ""
    original_id: str = ""
    token: str = field(default="", repr=False)
    encoding_aes_key: str = field(default="", repr=False)
    app_secret: str = field(default="", repr=False)
    mode: str = "safe"
    bind: str = "127.0.0.1:8000"
    storage: str = field(default=_DEFAULT_STORAGE, repr=False)
    names_storage: bool = True


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--app-id", default="", help="开发者ID(AppID), wx…: console, 设置与开发 → 基本配置.")
@click.option("--original-id", default="", help="原始ID, gh_…: console, 账号设置 → 账号详情.")
@click.option("--token", default="", help="令牌(Token), 3 to 32 letters and digits; a new one if not given.")
@click.option("--encoding-aes-key", default="", help="消息加解密密钥, 43 letters and digits; a new one if not given.")
@click.option("--app-secret", default="", help="开发者密码(AppSecret); only for calling WeChat's own APIs.")
@click.option(
    "--mode",
    type=click.Choice(["safe", "compat", "plain"]),
    default="safe",
    show_default=True,
    help="消息加解密方式: 安全模式, 兼容模式, 明文模式.",
)
@click.option(
    "--storage",
    metavar="URL",
    default="",
    help="sqlite:///FOLDER, or postgresql://USER:PASSWORD@HOST/DATABASE; - reads it from standard input, so that no "
    f"shell remembers the password. [default: {_DEFAULT_STORAGE}]",
)
def init(folder: Path, *, storage: str, **given: str) -> None:
    """Make a new house in DIR: settings, secrets and an empty storage.

    Token, key and pepper are made where they are not given. What is there already is never overwritten.
    """
    url, is_ours = _storage_wanted(storage)
    asked = {name: given[name] or _ask(question) for name, question in _QUESTIONS.items()}
    texts: dict[str, Any] = {**given, **asked}
    config = make_house(folder, NewHouse(**texts, storage=url, names_storage=is_ours))
    click.echo(f"{config} is made. Its secrets stand in it and in {config.parent / 'secrets'}: keep both private.\n")
    for name in (name for name, value in asked.items() if not value):
        click.secho(f"Fill in `{name}` in {config}: {_QUESTIONS[name]}.", fg="yellow")
    _tell_next(config, mode=given["mode"])


def _tell_next(config: Path, *, mode: str) -> None:
    command, option = own_command(), "" if config.parent == Path.cwd() else f" --config {config}"
    click.echo(
        f"Next:\n"
        f"  {command} codes import FILE.csv{option}\n"
        f"  {command} doctor{option}\n"
        f"  {command} serve{option}\n"
        "Then enter in the console (设置与开发 → 基本配置 → 服务器配置):\n"
        "  URL                    https://YOUR-DOMAIN/wechat/callback\n"
        f"  Token, EncodingAESKey  as they stand in {config}\n"
        f"  消息加解密方式           {_MODES[mode]}\n\n"
        f"Keep a copy of {config.parent / 'secrets' / 'pepper'} in a safe place, apart from the storage's backups:\n"
        "without it no code that is printed can ever be recognised again."
    )


_QUESTIONS = {
    "app_id": "AppID (wx…, console: 设置与开发 → 基本配置)",
    "original_id": "original id (gh_…, console: 账号设置 → 账号详情 → 原始ID)",
}
_MODES = {"safe": "安全模式", "compat": "兼容模式", "plain": "明文模式"}


def make_house(folder: Path, new: NewHouse) -> Path:
    """Make a house and return the path of its settings file.

    :raises Refused: when the folder holds a house, or part of one, already, or the database a storage.
    :raises SettingsError: when the storage's URL cannot be read.
    :raises StorageError: when the storage cannot be made.
    """
    folder = folder.absolute()
    config, secret_folder = folder / _CONFIG, folder / "secrets"
    url = _parsed(new.storage, folder)
    for path in (config, secret_folder / "pepper", url.folder):
        if path.exists():
            raise Refused(f"{path} is there already: choose another folder, or go on with the house that is there")
    settings = _settings(new)
    try:
        with _gone_if_refused(secret_folder / "pepper", secret_folder / "main.app_secret"):
            secret_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            pepper = Pepper.create(secret_folder / "pepper")
            _write_private(secret_folder / "main.app_secret", new.app_secret + "\n")
            _make_storage(url, pepper)
        # Last, so that a folder without it was not finished.
        _write_private(config, settings)
    except OSError as error:
        raise Refused(f"{error.filename} cannot be made: {error.strerror}") from None
    return config


def _make_storage(url: StorageUrl, pepper: Pepper) -> None:
    if url.address:
        from scanhook.storage.postgres.tables import make_tables  # noqa: PLC0415  (psycopg only where it is used)

        make_tables(url.address, pepper=pepper)
        url.folder.mkdir(mode=0o700)
        return
    clock = SystemClock()
    open_registry(url, pepper=pepper, clock=clock).close()
    open_journal(url, pepper=pepper).close()
    open_office(url, pepper=pepper, clock=clock).close()


@contextmanager
def _gone_if_refused(*paths: Path) -> Iterator[None]:
    """Take back what was written when the storage cannot be made, so that the same command can be given again."""
    folders = [folder for folder in (paths[0].parent, *paths[0].parent.parents) if not folder.exists()]
    try:
        yield
    except BaseException:
        for undo in (*(path.unlink for path in paths), *(folder.rmdir for folder in folders)):
            with suppress(OSError):
                undo()
        raise


def _parsed(storage: str, folder: Path) -> StorageUrl:
    if not storage.isprintable():
        raise SettingsError("the storage's URL holds a character that cannot be printed")
    return StorageUrl.parse(storage, base=folder)


def _storage_wanted(given: str) -> tuple[str, bool]:
    """Return where the storage shall be, and whether the settings file must say so.

    What the environment says wins at every start, too.
    """
    said = {name: value for name in ("url", "url_file") if (value := os.environ.get(_VARIABLE + name.upper()))}
    if not said:
        return _read_storage(given) or _DEFAULT_STORAGE, True
    if given:
        raise Refused(f"{_VARIABLE}URL is set, and wins over the settings: unset it, or leave out --storage")
    try:
        return from_files(said, ("url",))["url"], False
    except ValueError as error:
        raise Refused(f"environment, {_VARIABLE}URL_FILE: {error}") from None


def _read_storage(given: str) -> str:
    if given != "-":
        return given
    asked: str = click.prompt("storage", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    return asked.strip()


def _settings(new: NewHouse) -> str:
    token = new.token or "".join(secrets.choice(_ALPHABET) for _ in range(_TOKEN_CHARS))
    key = new.encoding_aes_key or "".join(secrets.choice(_ALPHABET) for _ in range(42)) + secrets.choice(_LAST_OF_KEY)
    values = {"app_id": new.app_id, "original_id": new.original_id, "token": token, "key": key}
    for name, value in values.items():
        if not value.isascii() or not value.isprintable() or '"' in value or "\\" in value:
            raise Refused(f"{name} holds characters that no id or secret of WeChat's has")
    try:
        # The ids may still be empty; whatever is given must be right.
        Keyring(
            mode=Mode(new.mode),
            original_id=new.original_id or "gh_",
            receive_id=new.app_id or "wx",
            tokens=(token,),
            aes_keys=(AesKey(encoded=key),),
        )
    except ValueError as error:
        raise Refused(str(error)) from None
    # JSON writes a text as TOML does.
    url = f"url = {json.dumps(new.storage, ensure_ascii=False)}" if new.names_storage else _NAMED_OUTSIDE
    return _TEMPLATE.format(bind=new.bind, mode=new.mode, url=url, **values)


_NAMED_OUTSIDE = f"# url: the environment names it ({_VARIABLE}URL)"
_TEMPLATE = """\
# scanhook's settings; the README explains each. This file holds secrets: keep it private (chmod 600).

[service]
bind = "{bind}"
public_url = ""                      # the address that WeChat reaches, such as "https://scan.example.com"

[storage]
{url}
pepper_file = "secrets/pepper"

[accounts.main]
app_id = "{app_id}"
original_id = "{original_id}"
token = "{token}"
encoding_aes_key = "{key}"
app_secret_file = "secrets/main.app_secret"
mode = "{mode}"

[verifier]
chain = ["registry://"]
"""


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _ask(question: str) -> str:
    if not sys.stdin.isatty():
        return ""
    answer: str = click.prompt(question, default="", show_default=False)
    return answer.strip()
