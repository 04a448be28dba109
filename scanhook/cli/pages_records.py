"""``scanhook pages clear-scans``: how often a code was scanned, from zero: at WeChat, and in our own journal."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

import click

from scanhook.cli.common import (
    CodeName,
    OpenStorage,
    code_argument,
    config_option,
    confirm_loss,
    json_option,
    operator,
    show_json,
    storage_of,
)
from scanhook.cli.pages_call import pages_of, registry_account, who_option
from scanhook.errors import Refused, ScanhookError
from scanhook.journal import Reset
from scanhook.settings import House
from scanhook.wechat.pages import PageKey

__all__ = ["clear_scans"]

_LOSS = "This asks WeChat to forget how often the code was scanned"
_OWN_LOSS = f"{_LOSS}, and lets our own counts of it begin anew"


@click.command("clear-scans")
@code_argument
@click.option(
    "--own-counts",
    is_flag=True,
    help="Let our own counts of the code begin anew, too. Its scans stay in the journal.",
)
@click.option("--why", metavar="TEXT", default="", help="With --own-counts: why, for whoever checks the code later.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@who_option
@json_option
@config_option
def clear_scans(
    house: House, account: str | None, code: CodeName, *, own_counts: bool, why: str, yes: bool, as_json: bool
) -> None:
    """Ask WeChat to count the scans of a code from zero. - reads the code from standard input."""
    if why and not own_counts:
        raise click.UsageError("--why belongs to --own-counts: WeChat keeps no reason")
    key = PageKey(key_standard=code.key_standard, key_str=code.key_str)
    name = registry_account(house, account)
    if own_counts and name is None:
        raise Refused("these pages belong to no account of the settings, so we count no scans of theirs")
    if name is not None:
        _tell_unknown(house, name, code, needed=own_counts)
    confirm_loss(_OWN_LOSS if own_counts else _LOSS, yes=yes)
    resets: list[Reset] = []
    with ExitStack() as stack:
        # What is wrong with our storage must be known before WeChat forgets anything.
        storage = stack.enter_context(storage_of(house)) if own_counts else None
        client = stack.enter_context(pages_of(house, account))
        client.request_clearing(key, ext_info=code.ext_info)
        if storage is not None and name is not None:
            resets = _reset(storage, name, code, why)
    if as_json:
        counts = _figures(resets) if own_counts else None
        return show_json({**key.body, "requested": True, "own_counts_reset": own_counts, "own_counts": counts})
    click.echo("Requested. WeChat's answer proves nothing, as its page gives no URL of its own for this call.")
    if not own_counts:
        return click.echo("Our own counts are untouched.")
    said = " and ".join(f"{each.was.scans:,} (persons: {each.was.persons:,})" for each in resets if each.was)
    return click.echo(f"Our own counts begin anew; scans until now: {said or 'none'}. The scans stay in the journal.")


def _tell_unknown(house: House, account: str, code: CodeName, *, needed: bool) -> None:
    """Warn of a code that the registry does not know: a slip of the pen would change nothing, and say nothing.

    :param needed: whether a storage that cannot be opened ends the command.
    """
    try:
        with storage_of(house) as storage:
            known = storage.registry.look_up(account, code.key_standard, code.key_str, code.ext_info).code is not None
    except ScanhookError:
        if needed:
            raise
        return
    if not known:
        click.secho(
            f"warning: the registry of the account {account} has no such code of {code.key_standard}/{code.key_str}: "
            "see that it is written right. WeChat may have counted it all the same",
            fg="yellow",
            err=True,
        )


def _reset(storage: OpenStorage, account: str, code: CodeName, why: str) -> list[Reset]:
    named = (account, code.key_standard, code.key_str, code.ext_info)
    # A verifier that knows nothing of the registry leaves the stray tag, also where a product is found.
    tags = dict.fromkeys((storage.registry.look_up(*named).tag, storage.pepper.stray_tag(*named)))
    return storage.journal.reset_counts(
        [tag for tag in tags if tag is not None], who=operator(), why=why, now=time.time()
    )


def _figures(resets: list[Reset]) -> dict[str, Any]:
    """Return what there was; somebody whom two verifiers counted is two persons."""
    there_was = [reset.was for reset in resets if reset.was]
    return {"scans": sum(was.scans for was in there_was), "persons": sum(was.persons for was in there_was)}
