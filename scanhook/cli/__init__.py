"""The ``scanhook`` command: one module for each noun, loaded when it is asked for."""

from __future__ import annotations

import errno
import os
from importlib import import_module

import click

from scanhook.errors import ScanhookError
from scanhook.interrupt import STOPPED, is_interrupt
from scanhook.release import VERSION

__all__ = ["main"]

_COMMANDS = {
    "albums": "Products in WeCom's product albums.",
    "apikeys": "Who may call the API.",
    "batches": "Batches of codes, their states and their history.",
    "bench": "Measure what this machine answers, and check every answer.",
    "catalog": "What WeChat's product systems know, in one table.",
    "codes": "Import codes, look one up, count them.",
    "demo": "Everything on one machine, with sample codes.",
    "doctor": "Say what is not right yet, and how to mend it.",
    "housekeeper": "What must happen now and then, beside another server.",
    "imports": "What was imported: list, show, give up.",
    "init": "Make a new house: settings, secrets, storage.",
    "live": "Goods of live broadcasts: add, and follow their review.",
    "pages": "WeChat's scan product pages.",
    "products": "The registry's products.",
    "sandbox": "A WeChat of your own, for development.",
    "scans": "What was scanned.",
    "serve": "Run the service.",
    "simulate": "Send one real push to a running service.",
    "storage": "Upgrade, check, back up and restore the databases.",
    "tickets": "Who came with a wxticket.",
    "union": "What may be promoted for a commission.",
    "window": "Products in a Channels account's window.",
}
_FAULTS = {
    errno.ENOENT: "the folder that you are in is gone: go to another one",
    errno.ENOSPC: "the output cannot be written: its disk is full",
}
"""Of the ground on which every command stands; of a file that has a name its command speaks."""


class _Commands(click.Group):
    """Loads a command's module when it is asked for, so that every command starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"scanhook.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ScanhookError as error:
            for line in str(error).splitlines():
                click.secho(f"error: {line}", fg="red", err=True)
            ctx.exit(1)
        except (KeyboardInterrupt, RuntimeError) as error:  # click's `Abort` is one too
            if not is_interrupt(error):
                raise
            # Of a command that has no word of its own for it, that asks, or that is still being loaded.
            click.echo("stopped", err=True)
            ctx.exit(STOPPED)
        except OSError as error:
            if error.filename is not None or error.errno not in _FAULTS:
                raise
            click.secho(f"error: {_FAULTS[error.errno]}", fg="red", err=True)
            if error.errno == errno.ENOSPC:  # what could not be written must not be tried again at the end
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            ctx.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="scanhook")
def main() -> None:
    """Tell consumers who scan a code in WeChat whether the item is real, fake or not yet activated."""
