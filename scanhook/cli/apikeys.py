"""``scanhook apikeys``: who may call the service's API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import click

from scanhook.cli.common import config_option, json_option, show_json, show_table, utc
from scanhook.clock import SystemClock
from scanhook.office import ApiKey, KeyScope, OfficeStore, open_office
from scanhook.settings import House
from scanhook.storage import Pepper
from scanhook.storage.lock import use_storage
from scanhook.wire.storage import storage_url

__all__ = ["apikeys"]


@click.group()
def apikeys() -> None:
    """Make, list and revoke the keys of those who call the API."""


@apikeys.command()
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in KeyScope]),
    required=True,
    help="read: look up and list; operate: also ask for verdicts, import, change states; admin: everything.",
)
@json_option
@config_option
def add(house: House, name: str, scope: str, *, as_json: bool) -> None:
    """Make a key for NAME and show it: this once, and never again."""
    with _office_of(house) as office:
        key, presented = office.add_key(name, KeyScope(scope))
    if as_json:
        return show_json({**_as_dict(key), "key": presented})
    click.echo(presented)
    return click.secho(
        f"This is the key of {name} ({scope}). Keep it now: scanhook keeps only a hash of it, and cannot show it "
        "again. It goes into the header `Authorization: Bearer sh_…`.",
        err=True,
    )


@apikeys.command("list")
@json_option
@config_option
def list_(house: House, *, as_json: bool) -> None:
    """List every key, with its last use to the minute; the revoked ones too."""
    with _office_of(house) as office:
        rows = [_as_dict(key) for key in office.api_keys()]
    if as_json:
        return show_json(rows)
    if not rows:
        return click.echo("There are no keys yet: make one with `scanhook apikeys add NAME --scope read`.")
    return show_table(tuple(name.replace("_", " ") for name in rows[0]), [tuple(row.values()) for row in rows])


@apikeys.command()
@click.argument("name")
@json_option
@config_option
def revoke(house: House, name: str, *, as_json: bool) -> None:
    """Take NAME's key out of use, at once and for good."""
    with _office_of(house) as office:
        key = office.revoke_key(name)
    if as_json:
        return show_json(_as_dict(key))
    return click.echo(f"The key of {name} (sh_{key.id}_…) is revoked: the next request with it is refused.")


@contextmanager
def _office_of(house: House) -> Iterator[OfficeStore]:
    pepper = Pepper.load(house.pepper_path)
    url = storage_url(house)
    url.check_made()
    with closing(use_storage(url)), closing(open_office(url, pepper=pepper, clock=SystemClock())) as office:
        yield office


def _as_dict(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "scope": key.scope.value,
        "begins_with": f"sh_{key.id}_",
        "created": utc(key.created_at),
        "last_used": utc(key.last_used_at),
        "revoked": utc(key.revoked_at),
    }
