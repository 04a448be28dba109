"""``scanhook codes``: bring codes in, look one up, change their state, count them."""

from __future__ import annotations

import click

from scanhook.cli.codes_import import import_
from scanhook.cli.codes_mint import mint, sheets
from scanhook.cli.codes_show import check, export, stats
from scanhook.cli.codes_state import add_code_verbs

__all__ = ["codes"]


@click.group()
def codes() -> None:
    """Import, mint and look up codes, change their state, count them."""


for _command in (import_, mint, sheets, check, stats, export):
    codes.add_command(_command)
add_code_verbs(codes)
