"""The state of single codes, lists of them, and ranges from code to code: ``scanhook codes activate`` and its like."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from scanhook.cli.common import CODE, CodeName, OpenStorage, account_name, account_option, wanted_product
from scanhook.cli.states import add_verbs
from scanhook.errors import Refused
from scanhook.registry import LookUp, Scope
from scanhook.settings import House

__all__ = ["add_code_verbs"]

_HEADER = ["keystandard", "keystr", "extinfo"]
_PRINTED = ["position", "serial"]
_NAMED_LINES = 10


def add_code_verbs(group: click.Group) -> None:
    """Add activate, suspend, recall … to a group."""
    add_verbs(group, what="codes", arguments=_arguments, choose=_choose)


def _arguments(command: Any) -> Any:
    for option in (
        click.option(
            "--list",
            "list_",
            metavar="FILE",
            type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
            help="Codes, one on a line: KEYSTANDARD/KEYSTR/EXTINFO, or EXTINFO with --product, or a code file, "
            "or a printer's file with --product. `-` is standard input.",
        ),
        click.option("--product", metavar="KEYSTANDARD/KEYSTR", help="Whose codes the lines of --list are."),
        click.option("--from", "from_", type=CODE, metavar="CODE", help="With --to: all codes between, both included."),
        click.option("--to", type=CODE, metavar="CODE", help="The last code, in the same batch."),
        account_option,
        click.argument("names", metavar="KEYSTANDARD/KEYSTR/EXTINFO…", nargs=-1, type=CODE),
    ):
        command = option(command)
    return command


def _choose(storage: OpenStorage, house: House, given: dict[str, Any]) -> list[Scope]:
    account = account_name(house, given["account"])
    if bool(given["from_"]) is not bool(given["to"]):
        raise click.UsageError("--from and --to belong together")
    if sum(map(bool, (given["names"], given["list_"], given["from_"]))) != 1:
        raise click.UsageError("name codes, or give --list FILE, or --from CODE --to CODE")
    if given["from_"]:
        return [_between(storage, account, given["from_"], given["to"])]
    if given["list_"]:
        return [_listed(storage, account, given["list_"], given["product"])]
    found = [(code, _look_up(storage, account, code)) for code in given["names"]]
    missing = [number for number, (_, seen) in enumerate(found, 1) if seen.code is None]
    if missing:
        numbers = ", ".join(map(str, missing[:_NAMED_LINES]))
        raise Refused(f"not registered: code {numbers} of those you named; nothing was changed")
    return [_scope([seen for _, seen in found])]


def _look_up(storage: OpenStorage, account: str, code: CodeName) -> LookUp:
    return storage.registry.look_up(account, code.key_standard, code.key_str, code.ext_info)


def _scope(found: list[LookUp]) -> Scope:
    products = {seen.product.id: seen.product for seen in found if seen.product is not None}
    tags = tuple(dict.fromkeys(seen.tag for seen in found if seen.tag is not None))
    return Scope(product=next(iter(products.values())) if len(products) == 1 else None, tags=tags)


def _between(storage: OpenStorage, account: str, first: CodeName, last: CodeName) -> Scope:
    ends = [_look_up(storage, account, code) for code in (first, last)]
    for name, seen in zip(("--from", "--to"), ends, strict=True):
        if seen.code is None:
            raise Refused(f"the code of {name} is not registered; nothing was changed")
    (start, end), product = [seen.code for seen in ends if seen.code], ends[0].product
    if product is None or ends[1].product is None or product.id != ends[1].product.id or start.batch != end.batch:
        raise Refused("the codes of --from and --to are not of one batch; nothing was changed")
    if start.position > end.position:
        raise Refused(
            f"the range is upside down: --from is position {start.position}, --to is position {end.position}; "
            "exchange them"
        )
    return Scope(product=product, batch=start.batch, first=start.position, last=end.position)


def _listed(storage: OpenStorage, account: str, path: Path, product: str | None) -> Scope:
    found: list[LookUp] = []
    missing: list[int] = []
    for line, code in _lines(path, product):
        seen = _look_up(storage, account, code)
        if not found and not missing and seen.product is None:
            wanted_product(storage.registry, account, code.key_standard, code.key_str)
        if seen.code is None:
            missing.append(line)
        else:
            found.append(seen)
    if missing:
        named = ", ".join(map(str, missing[:_NAMED_LINES])) + (" …" if len(missing) > _NAMED_LINES else "")
        raise Refused(
            f"{path}: {len(missing):,} of its codes are not registered (lines {named}); nothing was changed: "
            "take them out, or import them first"
        )
    if not found:
        raise Refused(f"{path} holds no code")
    return _scope(found)


def _lines(path: Path, product: str | None) -> Iterator[tuple[int, CodeName]]:
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Refused(f"{path} cannot be read: {why}") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    names = text.partition("\n")[0].strip().lower().split(",")
    header = names[:3] == _HEADER
    try:
        if names[:2] == _PRINTED:
            yield from _printed(rows, product)
            return
        for row in rows:
            if not any(row) or (header and rows.line_num == 1):
                continue
            yield rows.line_num, _read(row, product, header=header)
    except (csv.Error, Refused) as error:
        raise Refused(f"{path}, line {rows.line_num}: {error}") from None


def _printed(rows: Any, product: str | None) -> Iterator[tuple[int, CodeName]]:
    """Read the file of a mint."""
    next(rows)
    if product is None:
        raise Refused("this is a printer's file: say with --product whose codes it holds")
    key_standard, _, key_str = product.partition("/")
    for row in rows:
        if len(row) > 1:
            yield rows.line_num, CodeName(key_standard=key_standard, key_str=key_str, ext_info=row[1])


def _read(row: list[str], product: str | None, *, header: bool) -> CodeName:
    if header:
        if len(row) < len(_HEADER) or not all(row[:3]):
            raise Refused("write keystandard,keystr,extinfo")
        return CodeName(key_standard=row[0], key_str=row[1], ext_info=row[2])
    if len(row) != 1:
        raise Refused("write one code on each line, or begin the file with keystandard,keystr,extinfo")
    if product is not None:
        key_standard, _, key_str = product.partition("/")
        return CodeName(key_standard=key_standard, key_str=key_str, ext_info=row[0])
    if row[0].count("/") < 2:
        raise Refused("write KEYSTANDARD/KEYSTR/EXTINFO, or say --product")
    return CodeName.parse(row[0])
