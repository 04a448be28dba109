"""What several commands share: options, the way a code is written, and output for people and programs."""

from __future__ import annotations

import getpass
import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scanhook.clock import SystemClock
from scanhook.errors import Refused
from scanhook.registry import Batch, Product, RegistryStore
from scanhook.settings import House, find_config, load_settings
from scanhook.wire.storage import OpenStorage, open_storage

__all__ = [
    "CodeName",
    "OpenStorage",
    "account_name",
    "account_option",
    "code_argument",
    "config_option",
    "confirm_loss",
    "console",
    "every_batch",
    "file_content",
    "json_option",
    "named_product",
    "new_file",
    "operator",
    "own_command",
    "show_json",
    "show_table",
    "storage_of",
    "time_of",
    "utc",
    "wanted_product",
]

console = Console(highlight=False)

config_option = click.option(
    "--config",
    "house",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=lambda _context, _parameter, value: load_settings(find_config(value)),
    help="The settings file; else $SCANHOOK_CONFIG, else ./scanhook.toml.",
)
account_option = click.option("--account", metavar="NAME", help="An account of the settings; else the first one.")
json_option = click.option("--json", "as_json", is_flag=True, help="For programs: JSON on standard output.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeName:
    """A code as scanhook writes it: KEYSTANDARD/KEYSTR/EXTINFO."""

    key_standard: str
    key_str: str
    ext_info: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> CodeName:
        """Read a code's name; the ExtInfo may be empty, and may hold slashes of its own."""
        if not text.isprintable():  # bytes that are no text come like that, too
            raise click.BadParameter("the code holds a character that cannot be printed")
        parts = text.split("/", 2)
        if len(parts) < 2 or not (parts[0] and parts[1]):
            raise click.BadParameter("write KEYSTANDARD/KEYSTR/EXTINFO, such as qrcode/moment-frame/A1B2C3")
        return cls(key_standard=parts[0], key_str=parts[1], ext_info=parts[2] if len(parts) == 3 else "")


class _CodeType(click.ParamType[CodeName]):
    name = "code"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> CodeName:  # noqa: ARG002
        if value == "-":  # so that no code stands in the shell's history and the list of processes
            value = sys.stdin.readline().rstrip("\r\n")
        return value if isinstance(value, CodeName) else CodeName.parse(value)


CODE = _CodeType()
code_argument = click.argument("code", metavar="KEYSTANDARD/KEYSTR/EXTINFO", type=CODE)


@contextmanager
def storage_of(house: House) -> Iterator[OpenStorage]:
    """Open a house's storage for one command."""
    storage = open_storage(house, clock=SystemClock())
    try:
        yield storage
    finally:
        storage.close()


def account_name(house: House, given: str | None) -> str:
    """Return the account that is meant.

    :raises Refused: when the settings have none of that name.
    """
    names = list(house.settings.accounts)
    if given is None:
        return names[0]
    if given not in names:
        raise Refused(f"the settings have no account `{given}`; they have {', '.join(names)}")
    return given


def wanted_product(registry: RegistryStore, account: str, key_standard: str, key_str: str) -> Product:
    """Return a product.

    :raises Refused: when there is none.
    """
    product = registry.find_product(account, key_standard, key_str)
    if product is None:
        raise Refused(
            f"the account {account} has no product {key_standard}/{key_str}: see `scanhook products list`, "
            "or add it with `scanhook products add`"
        )
    return product


def named_product(registry: RegistryStore, account: str, name: str) -> Product:
    """Return a product by its name as scanhook writes it: KEYSTANDARD/KEYSTR.

    :raises Refused: when there is none.
    """
    key_standard, slash, key_str = name.partition("/")
    if not (key_standard and slash and key_str):
        raise click.BadParameter(f"`{name}` is no product: write KEYSTANDARD/KEYSTR, such as qrcode/moment-frame")
    return wanted_product(registry, account, key_standard, key_str)


def every_batch(registry: RegistryStore, product: Product | None = None) -> Iterator[Batch]:
    """Yield every visible batch, page by page."""
    after = 0
    while page := registry.batches(product, after=after):
        yield from page
        after = page[-1].id


def operator() -> str:
    """Return who runs the command, as the system knows them: for the history."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def own_command() -> str:
    """Return how this program is called, for lines that are to be pasted into a shell.

    That is ``scanhook`` where the search path leads to this very one; else its path, from the working directory on if
    it lies below.
    """
    called = Path(sys.argv[0])
    own = (called if called.name == "scanhook" else Path(sys.executable).with_name("scanhook")).absolute()
    if not own.is_file():
        return f"{shlex.quote(_from_here(Path(sys.executable)))} -m scanhook"
    found = shutil.which("scanhook")
    return "scanhook" if found and Path(found).samefile(own) else shlex.quote(_from_here(own))


def _from_here(path: Path) -> str:
    here = Path.cwd()
    if not path.is_relative_to(here):
        return str(path)
    below = path.relative_to(here)
    return str(below) if below.parent.name else f"./{below}"  # a bare name would be looked up in the search path


def time_of(text: str) -> float:
    """Read a time as people write it, in seconds since 1970; without a zone it is local time."""
    try:
        return max(datetime.fromisoformat(text).astimezone().timestamp(), 0)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"`{text}` is no time: write 2026-11-22 or 2026-11-22T08:00:00+08:00") from None


def confirm_loss(what: str, *, yes: bool) -> None:
    """Ask before something is lost.

    :param what: such as ``This clears the page``.
    :raises Refused: when nobody can be asked, or the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(f"{what}: say --yes if that is what you want")
    if not click.confirm(f"{what}. Go on?", err=True):
        raise Refused("nothing was changed")


def file_content(path: Path, *, max_bytes: int) -> bytes:
    """Read a file that people name; of one that is larger only so many bytes and one more.

    :raises Refused: when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None


def new_file(path: Path, content: bytes) -> None:
    """Write a file that is not there yet; what cannot be written whole does not stay.

    :raises Refused: when it is there already, or cannot be written.
    """
    try:
        file = path.open("xb")
    except FileExistsError:
        raise Refused(f"{path} is there already: name another file, or move it away") from None
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from None
    try:
        with file:
            file.write(content)
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise Refused(f"{path} cannot be written: {error.strerror}") from None


def show_json(value: object) -> None:
    """Print a value for programs."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
    """Print a table for people."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # A text of the users' own may hold brackets, which rich would take for its markup.
        table.add_row(*(cell if isinstance(cell, Text) else Text("" if cell is None else str(cell)) for cell in row))
    console.print(table)


def utc(seconds: float | None) -> str | None:
    """Write a time as ISO 8601 in UTC, to the second."""
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds")
