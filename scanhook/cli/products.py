"""``scanhook products``: the registry's products."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from scanhook.cli.common import (
    OpenStorage,
    account_name,
    account_option,
    config_option,
    every_batch,
    json_option,
    operator,
    show_json,
    show_table,
    storage_of,
    utc,
    wanted_product,
)
from scanhook.cli.states import add_verbs, state_of
from scanhook.errors import Refused
from scanhook.message import CodeResult
from scanhook.office.calling import office_of
from scanhook.office.directory import owners
from scanhook.registry import Action, Normalisation, Product, Reason, Scope
from scanhook.settings import House

__all__ = ["products"]


@click.group()
def products() -> None:
    """Add products, set what they answer, change their state."""


def _settings_options(command: Any) -> Any:
    for option in (
        click.option(
            "--normalise", metavar="RULES", help="trim, width, upper, look-alikes, check; by commas, or none."
        ),
        click.option(
            "--verdict",
            "verdicts",
            metavar="REASON=RESULT",
            multiple=True,
            help="What a reason is answered with: real, fake, not_active, success or default. Several may be given.",
        ),
        click.option("--loading/--not-loading", default=None, help="While loading, unknown codes are not called fake."),
        click.option("--qr-prefix", metavar="TEXT", help="What stands before the ExtInfo in the product's QR code."),
        click.option("--why", metavar="TEXT", default="", help="Why, for the history."),
    ):
        command = option(command)
    return command


@products.command()
@click.argument("key_standard", metavar="KEYSTANDARD")
@click.argument("key_str", metavar="KEYSTR")
@account_option
@_settings_options
@config_option
def add(house: House, account: str | None, key_standard: str, key_str: str, why: str, **given: Any) -> None:
    """Add a product. Importing codes adds the products that they name by itself."""
    name = account_name(house, account)
    try:
        product = Product(id=secrets.token_bytes(8), account=name, key_standard=key_standard, key_str=key_str)
    except ValueError as error:
        raise Refused(str(error)) from None
    with storage_of(house) as storage:
        storage.registry.add_product(_changed(product, **given), who=operator(), why=why)
    click.echo(f"{name}: {key_standard}/{key_str} is added.")


@products.command("set")
@click.argument("key_standard", metavar="KEYSTANDARD")
@click.argument("key_str", metavar="KEYSTR")
@account_option
@_settings_options
@config_option
def set_(house: House, account: str | None, key_standard: str, key_str: str, why: str, **given: Any) -> None:
    """Change a product. What is not given stays as it is."""
    if all(value in (None, ()) for value in given.values()):
        raise click.UsageError("nothing is given that could be changed")
    with storage_of(house) as storage:
        product = wanted_product(storage.registry, account_name(house, account), key_standard, key_str)
        storage.registry.save_product(_changed(product, **given), was=product, who=operator(), why=why)
    click.echo(f"{product.account}: {key_standard}/{key_str} is changed. It counts from the next scan on.")


@products.command("list")
@json_option
@config_option
def list_(house: House, *, as_json: bool) -> None:
    """List the products."""
    with storage_of(house) as storage:
        found = [_as_dict(product) for product in storage.registry.products()]
    if as_json:
        return show_json(found)
    if not found:
        click.echo("There is no product yet: import codes with `scanhook codes import`, or use `products add`.")
        return None
    columns = ("account", "keystandard", "keystr", "state", "normalisation", "loading", "qr_prefix")
    return show_table(columns, [[product[column] for column in columns] for product in found])


@products.command()
@click.argument("key_standard", metavar="KEYSTANDARD")
@click.argument("key_str", metavar="KEYSTR")
@account_option
@json_option
@config_option
def show(house: House, account: str | None, key_standard: str, key_str: str, *, as_json: bool) -> None:
    """Show a product, with its name and picture from the catalog, and what each reason is answered with."""
    with storage_of(house) as storage, office_of(house) as office:
        product = wanted_product(storage.registry, account_name(house, account), key_standard, key_str)
        now = time.time()
        batches = [
            {"batch": batch.name, "states": batch.states_at(now), "codes": batch.codes}
            for batch in every_batch(storage.registry, product)
        ]
        shown = office.store.catalog.presentation(product, owner=owners(house.settings).get(product.account, ""))
    described = {
        **_as_dict(product),
        "name": (shown and shown.name) or None,
        "image": (shown and shown.image) or None,
        "batches": batches,
    }
    if as_json:
        return show_json(described)
    verdicts = described.pop("verdicts")
    show_table(
        ("setting", "value"),
        [
            (name, value)
            for name, value in described.items()
            if name != "batches" and (value is not None or name not in ("name", "image"))
        ],
        title=f"{key_standard}/{key_str}",
    )
    return show_table(("reason", "answer"), list(verdicts.items()))


def _arguments(command: Any) -> Any:
    for option in (
        account_option,
        click.argument("key_str", metavar="KEYSTR"),
        click.argument("key_standard", metavar="KEYSTANDARD"),
    ):
        command = option(command)
    return command


def _choose(storage: OpenStorage, house: House, given: dict[str, Any]) -> list[Scope]:
    account = account_name(house, given["account"])
    return [Scope(product=wanted_product(storage.registry, account, given["key_standard"], given["key_str"]))]


# Activating a product lifts what it forbade itself; its issued codes wait for their batches.
add_verbs(
    products,
    what="a product",
    arguments=_arguments,
    choose=_choose,
    helps={Action.ACTIVATE: "Lift what a product itself forbids; issued codes wait for an activation of their own."},
    timed=(Action.EXPIRE,),
)


def _changed(
    product: Product, *, normalise: str | None, verdicts: tuple[str, ...], loading: bool | None, qr_prefix: str | None
) -> Product:
    try:
        return replace(
            product,
            normalisation=product.normalisation if normalise is None else Normalisation.parse(normalise),
            verdicts=_verdicts_after(product.verdicts, verdicts),
            loading=product.loading if loading is None else loading,
            qr_prefix=product.qr_prefix if qr_prefix is None else qr_prefix,
        )
    except ValueError as error:
        raise Refused(str(error)) from None


def _verdicts_after(
    before: Mapping[Reason, CodeResult | None], given: tuple[str, ...]
) -> Mapping[Reason, CodeResult | None]:
    verdicts = dict(before)
    for pair in given:
        reason, equals, result = pair.partition("=")
        if not equals or reason not in list(Reason) or result not in (*CodeResult, "success", "default"):
            raise Refused(
                f"`{pair}` is not REASON=RESULT: the reasons are {', '.join(Reason)}; "
                f"the results are {', '.join(CodeResult)}, success and default"
            )
        if result == "default":
            verdicts.pop(Reason(reason), None)
        else:
            verdicts[Reason(reason)] = None if result == "success" else CodeResult(result)
    return verdicts


def _as_dict(product: Product) -> dict[str, Any]:
    return {
        "account": product.account,
        "keystandard": product.key_standard,
        "keystr": product.key_str,
        "state": state_of(product.mark, time.time()),
        "activates_at": utc(product.mark.activates_at),
        "expires_at": utc(product.mark.expires_at),
        "normalisation": str(product.normalisation),
        "loading": product.loading,
        "qr_prefix": product.qr_prefix,
        "verdicts": {
            reason: product.answer_to(reason) or "success" for reason in Reason if reason != Reason.UNKNOWN_PRODUCT
        },
    }
