"""``scanhook codes mint`` and ``sheets``: new codes for a printer, and QR sheets of them."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from scanhook.cli.common import (
    account_name,
    account_option,
    config_option,
    json_option,
    named_product,
    operator,
    show_json,
    storage_of,
)
from scanhook.cli.progress import progress_bar
from scanhook.clock import SystemClock
from scanhook.errors import Refused
from scanhook.registry.agefile import AGE_SUFFIX, Identities, Recipient
from scanhook.registry.mint import mint_codes
from scanhook.registry.mintorder import Minted, MintOrder
from scanhook.registry.normalise import Normalisation
from scanhook.registry.printfile import PrintLine, read_print_lines
from scanhook.registry.sheets import Layout, draw_sheets
from scanhook.settings import House

__all__ = ["mint", "sheets"]

_STEPS = {"mint": "minting", "sort": "sorting", "load": "loading", "draw": "drawing"}


@click.command()
@click.argument("codes", metavar="N", type=int)
@click.option("--product", required=True, metavar="KEYSTANDARD/KEYSTR", help="Whose codes they are.")
@click.option("--batch", required=True, metavar="NAME", help="A new batch: each is minted once.")
@click.option(
    "--to",
    "path",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The printer's file: CSV with position, serial, content (of the QR code) and batch.",
)
@click.option("--for", "taken_by", required=True, metavar="NAME", help="Who takes the file, for the record.")
@click.option("--age-key", metavar="KEY", help="Encrypt to the printer's key: age1…, or @FILE with it.")
@click.option("--why", default="minted for the printer", show_default=True, metavar="TEXT", help="For the history.")
@click.option("--by", "who", metavar="NAME", help="Who mints, for the history; else the system's name of you.")
@account_option
@json_option
@config_option
def mint(house: House, account: str | None, product: str, age_key: str | None, *, as_json: bool, **given: Any) -> None:
    """Mint N new codes: 80 random bits each, and a check character.

    They are written to FILE and nowhere else: the registry keeps tags, from which no code can be made. So FILE is
    handed over once; no command can make it again. The codes are issued: scans are answered `not_active` until the
    batch is activated.
    """
    path: Path = given["path"]
    recipient = Recipient.read(age_key) if age_key else None
    if recipient and path.suffix != AGE_SUFFIX:
        raise Refused(f"an encrypted file is known by its suffix: name it {path.name}{AGE_SUFFIX}")
    if not recipient and path.suffix == AGE_SUFFIX:
        raise Refused(f"{path.name} is the name of an encrypted file: give the printer's key with --age-key")
    started = time.monotonic()
    with storage_of(house) as storage, progress_bar(_STEPS, quiet=as_json) as progress:
        order = MintOrder(
            **{**given, "who": given["who"] or operator()},
            product=named_product(storage.registry, account_name(house, account), product),
            recipient=recipient,
        )
        minted = mint_codes(storage.registry, order, pepper=storage.pepper, clock=SystemClock(), progress=progress)
    if as_json:
        return show_json(_as_dict(minted))
    return _tell(minted, time.monotonic() - started)


def _tell(minted: Minted, seconds: float) -> None:
    product, handover = minted.product, minted.handover
    name = f"{product.key_standard}/{product.key_str}"
    if minted.rules_set:
        click.echo(
            f"The normalisation of {name} was the default, {Normalisation()}; it is now {product.normalisation}, which "
            "minted codes are made for."
        )
    if minted.slips_unseen:
        click.secho(
            f"note: {name} has the normalisation {product.normalisation}, without `check`: a mistyped code is then "
            "answered like a made-up one, and not as unreadable",
            fg="yellow",
            err=True,
        )
    click.echo(f"{minted.codes:,} codes are minted in {seconds:.1f} s, and stand in {handover.path}")
    click.echo(f"taken by {handover.taken_by}; SHA-256 {handover.sha256}")
    if not handover.recipient:
        click.secho(
            "note: whoever reads this file can print genuine codes: move it to the printer and delete it here; with "
            "--age-key only the printer could open it",
            fg="yellow",
            err=True,
        )
    click.echo("It is the only one: no command makes it again. Once the codes are printed, activate them:")
    click.echo(f"scanhook batches activate {shlex.quote(minted.batch)} --product {shlex.quote(name)} --why …")


def _as_dict(minted: Minted) -> dict[str, Any]:
    return {
        "account": minted.product.account,
        "keystandard": minted.product.key_standard,
        "keystr": minted.product.key_str,
        "batch": minted.batch,
        "codes": minted.codes,
        "file": minted.handover.path,
        "taken_by": minted.handover.taken_by,
        "encrypted_to": minted.handover.recipient or None,
        "sha256": minted.handover.sha256,
        "change": minted.change_id,
        "normalisation": str(minted.product.normalisation),
        "normalisation_set": minted.rules_set,
        "slips_recognised": not minted.slips_unseen,
    }


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--identity", metavar="FILE", type=click.Path(path_type=Path), help="The secret age key, for a .age file."
)
@click.option("--columns", default=5, show_default=True, type=int, help="Codes side by side on a page.")
@click.option("--rows", default=8, show_default=True, type=int, help="Rows of codes on a page.")
@click.option("--first", default=1, show_default=True, type=int, help="The first position to draw.")
@click.option("--last", type=int, metavar="INTEGER", help="The last position to draw; else the file's last.")
@json_option
def sheets(
    file: Path, folder: Path, identity: Path | None, first: int, last: int | None, *, as_json: bool, **layout: int
) -> None:
    """Draw QR sheets from a printer's file: A4 pages as SVG, with the serial below each code.

    DIR is made when it is not there; nothing in it is overwritten.
    """
    if first < 1 or (last is not None and last < first):
        raise Refused("the range is none: positions count from 1, and the first comes first")
    identities = Identities.read(identity) if identity else None
    grid = Layout(**layout)
    with (
        closing(read_print_lines(file, identities=identities)) as lines,
        progress_bar(_STEPS, quiet=as_json) as progress,
    ):
        wanted = _between(lines, first, last)
        drawn = draw_sheets(wanted, folder, layout=grid, progress=lambda done, of: progress("draw", done, of))
    if as_json:
        return show_json({"codes": drawn.codes, "pages": [str(page) for page in drawn.pages]})
    return click.echo(f"{drawn.codes:,} codes are drawn on {len(drawn.pages):,} pages in {folder}.")


def _between(lines: Iterator[PrintLine], first: int, last: int | None) -> Iterator[PrintLine]:
    """Return the codes of a range; a printer's file is in the order of positions."""
    for line in lines:
        if last is not None and line.position > last:
            return
        if line.position >= first:
            yield line
