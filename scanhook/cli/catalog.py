"""``scanhook catalog``: what WeChat's five product systems know, in one table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from scanhook.cli.catalog_sync import SYSTEMS, sync
from scanhook.cli.common import (
    account_name,
    account_option,
    config_option,
    json_option,
    named_product,
    show_json,
    show_table,
    storage_of,
    utc,
)
from scanhook.errors import Refused
from scanhook.office import CatalogEntry, CatalogStore
from scanhook.office.calling import office_of
from scanhook.office.catalog import Wanted, only_one, page_id
from scanhook.office.directory import owners
from scanhook.registry import Product, RegistryStore
from scanhook.settings import House
from scanhook.wechat import System
from scanhook.wechat.yuan import in_yuan

__all__ = ["catalog"]

_PAGE_ROWS = 1000
_system_argument = click.argument("system", metavar="SYSTEM", type=SYSTEMS)
_owner_option = click.option("--owner", metavar="ID", help="Whose: the app id or corp id there, where several have it.")


@click.group()
def catalog() -> None:
    """Bring the products of WeChat's five systems into one table: pages, albums, window, live, union.

    A product of the registry that is tied to entries of it is shown with their name and picture, in verdicts and on the
    landing page. The scan product page of the same KEYSTANDARD/KEYSTR is tied by itself.
    """


catalog.add_command(sync)


@catalog.command("list")
@click.option("--system", type=SYSTEMS, help="Only of this system.")
@click.option("--state", metavar="WORD", help="Only in this state, such as `on` of a page.")
@click.option("--name", metavar="TEXT", help="Only with this in the name.")
@click.option("--gone", is_flag=True, help="Also what has gone from its system.")
@json_option
@config_option
def list_(house: House, system: str | None, state: str | None, name: str | None, *, gone: bool, as_json: bool) -> None:
    """List the products that `catalog sync` found."""
    wanted = Wanted(system=System(system) if system else None, state=state, name=name, gone=gone)
    with office_of(house) as office:
        found = list(_every(office.store.catalog, wanted))
    if as_json:
        return show_json([_as_dict(entry) for entry in found])
    if not found:
        return click.echo("There is nothing like that in the directory. `scanhook catalog sync` fills it.")
    return show_table(
        ("system", "id", "name", "yuan", "state", "last seen"),
        [
            (
                entry.system.value,
                entry.listed.id,
                entry.listed.name,
                _yuan(entry),
                f"{entry.listed.state or ''} (gone)".strip() if entry.gone_at else entry.listed.state,
                utc(entry.seen_at),
            )
            for entry in found
        ],
    )


@catalog.command()
@_system_argument
@click.argument("id_", metavar="ID")
@_owner_option
@json_option
@config_option
def show(house: House, system: str, id_: str, owner: str | None, *, as_json: bool) -> None:
    """Show an entry, and which products of the registry it shows."""
    with storage_of(house) as storage, office_of(house) as office:
        entry = _entry(office.store.catalog, System(system), id_, owner)
        shown = _as_dict(entry) | {"products": list(_shows(house, entry, office.store.catalog, storage.registry))}
    if as_json:
        return show_json(shown)
    return show_table(
        ("", ""),
        [
            (name.replace("_", " "), ", ".join(value) if isinstance(value, list) else value)
            for name, value in shown.items()
        ],
    )


def _shows(house: House, entry: CatalogEntry, store: CatalogStore, registry: RegistryStore) -> Iterator[str]:
    ties = set(store.ties_of(entry.key))
    whose = owners(house.settings)
    for product in registry.products():
        own = (
            entry.system is System.PAGES
            and entry.owner == whose.get(product.account)
            and entry.listed.id == page_id(product.key_standard, product.key_str)
        )
        if own or product.id in ties:
            yield f"{product.account}: {_called(product)}{'' if product.id in ties else ' (by itself)'}"


@catalog.command()
@click.argument("product", metavar="KEYSTANDARD/KEYSTR")
@_system_argument
@click.argument("id_", metavar="ID")
@_owner_option
@account_option
@config_option
def tie(house: House, product: str, system: str, id_: str, owner: str | None, account: str | None) -> None:
    """Tie a product of the registry to an entry, so that it is shown with its name and picture.

    Of several, what was tied first comes first; the scan product page of the same name comes last.
    """
    with storage_of(house) as storage, office_of(house) as office:
        found = named_product(storage.registry, account_name(house, account), product)
        entry = _entry(office.store.catalog, System(system), id_, owner)
        new = office.store.catalog.tie(found, entry.key, now=int(office.keep.clock.now()))
    name = f" ({entry.listed.name})" if entry.listed.name else ""
    click.echo(f"{found.account}: {product} {'is now' if new else 'was already'} tied to {system} {id_}{name}.")


@catalog.command()
@click.argument("product", metavar="KEYSTANDARD/KEYSTR")
@_system_argument
@click.argument("id_", metavar="ID")
@_owner_option
@account_option
@config_option
def untie(house: House, product: str, system: str, id_: str, owner: str | None, account: str | None) -> None:
    """Take a tie back."""
    with storage_of(house) as storage, office_of(house) as office:
        found = named_product(storage.registry, account_name(house, account), product)
        entry = _entry(office.store.catalog, System(system), id_, owner)
        if not office.store.catalog.untie(found, entry.key):
            raise Refused(f"{product} is not tied to {system} {id_}; a page of the same name is tied by itself")
    click.echo(f"{found.account}: {product} is no longer tied to {system} {id_}.")


def _every(store: CatalogStore, wanted: Wanted) -> Iterator[CatalogEntry]:
    after = None
    while page := store.entries(wanted, after=after, limit=_PAGE_ROWS):
        yield from page
        after = page[-1].key


def _entry(store: CatalogStore, system: System, id_: str, owner: str | None) -> CatalogEntry:
    found = store.entries(Wanted(system=system, id=id_, owner=owner, gone=True), limit=2)
    if not found:
        raise Refused(
            f"the directory has no {system} {id_}: see `scanhook catalog list --system {system}`, or fill it with "
            "`scanhook catalog sync`"
        )
    return only_one(found)


def _as_dict(entry: CatalogEntry) -> dict[str, Any]:
    listed = entry.listed
    return {
        "system": entry.system.value,
        "owner": entry.owner,
        "id": listed.id,
        "name": listed.name,
        "price_fen": listed.price,
        "image": listed.image,
        "state": listed.state,
        "first_seen": utc(entry.first_seen),
        "last_seen": utc(entry.seen_at),
        "gone": utc(entry.gone_at),
    }


def _called(product: Product) -> str:
    return f"{product.key_standard}/{product.key_str}"


def _yuan(entry: CatalogEntry) -> str | None:
    return None if entry.listed.price is None else in_yuan(entry.listed.price)
