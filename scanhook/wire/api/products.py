"""``/products``: the registry's products and their settings. Their state is changed by ``/changes``."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from flask import url_for
from pydantic import AfterValidator, Field

from scanhook.message import CodeResult
from scanhook.office import KeyScope
from scanhook.registry import ACCOUNT_REASONS, Mark, Normalisation, Product, Reason, State, strictest
from scanhook.wire.api.operation import Call, Operation, Told
from scanhook.wire.api.paging import read_cursor, write_cursor
from scanhook.wire.api.picturing import shown_as
from scanhook.wire.api.problems import problem
from scanhook.wire.api.schema import (
    AccountName,
    Answer,
    AnswerWord,
    Given,
    Key,
    Moment,
    Paged,
    Why,
    answer_word,
    carried,
)
from scanhook.wire.service import Service

__all__ = ["OPERATIONS", "MarkShown", "ProductName", "shown_mark", "shown_name"]

QR_PREFIX_MAX_CHARS = 500


class Rule(StrEnum):
    """A rule by which codes are normalised."""

    TRIM = "trim"
    WIDTH = "width"
    UPPER = "upper"
    LOOK_ALIKES = "look-alikes"
    CHECK = "check"


class Setting(StrEnum):
    """What a reason is answered with; ``default`` is what it is without a setting, ``success`` is no verdict."""

    REAL = "real"
    FAKE = "fake"
    NOT_ACTIVE = "not_active"
    SUCCESS = "success"
    DEFAULT = "default"


def _settable(reason: Reason) -> Reason:
    if reason in ACCOUNT_REASONS:
        raise ValueError("it arises where there is no product, so no product can set it")
    return reason


class ProductSettings(Given):
    """What can be set; what is not given stays as it is."""

    loading: Annotated[bool | None, Field(description="While loading, unknown codes are not called fake.")] = None
    normalisation: Annotated[
        list[Rule] | None, Field(max_length=len(Rule), description="Fixed by the product's first loaded code.")
    ] = None
    verdicts: Annotated[
        dict[Annotated[Reason, AfterValidator(_settable)], Setting] | None,
        Field(description="By reason."),
    ] = None
    qr_prefix: Annotated[
        Annotated[str, AfterValidator(carried)] | None,
        Field(max_length=QR_PREFIX_MAX_CHARS, description="What stands before the ExtInfo in the product's QR code."),
    ] = None
    why: Why | None = None


class NewProduct(ProductSettings):
    """A product to add."""

    account: AccountName | None = None
    keystandard: Key
    keystr: Key


class ProductName(Answer):
    """What a product is called."""

    account: str
    keystandard: str
    keystr: str


class MarkShown(Answer):
    """What one level (a product, a batch) says of its codes; the strictest level is in force."""

    state: State
    activates_at: Moment | None
    expires_at: Moment | None
    change: Annotated[int | None, Field(description="The newest change that wrote it.")]


class ProductShown(ProductName):
    """A product."""

    mark: MarkShown
    loading: bool
    normalisation: list[Rule]
    verdicts: Annotated[dict[Reason, AnswerWord], Field(description="Of every reason, set or not.")]
    qr_prefix: str
    name: Annotated[str | None, Field(description="From the catalog, like `image`: what the product is shown with.")]
    image: Annotated[str | None, Field(description="The address of a picture.")]


class ProductPage(Answer):
    """Products, in the order of account, keystandard and keystr."""

    items: list[ProductShown]
    next_cursor: str | None


def shown_mark(mark: Mark, now: float) -> MarkShown:
    """Show a mark, with the state that its own level gives now."""
    states = [mark.state]
    states += [State.EXPIRED] if mark.is_expired(now) else []
    states += [State.ISSUED] if mark.is_waiting(now) else []
    return MarkShown(
        state=strictest(*states),
        activates_at=mark.activates_at,
        expires_at=mark.expires_at,
        change=mark.change_id or None,
    )


def shown_name(product: Product) -> ProductName:
    """Show what a product is called."""
    return ProductName(account=product.account, keystandard=product.key_standard, keystr=product.key_str)


def _shown(product: Product, service: Service) -> ProductShown:
    seen = shown_as(service, product)
    return ProductShown(
        account=product.account,
        keystandard=product.key_standard,
        keystr=product.key_str,
        mark=shown_mark(product.mark, service.clock.now()),
        loading=product.loading,
        normalisation=[Rule(rule) for rule in str(product.normalisation).split(",") if rule != "none"],
        verdicts={reason: answer_word(product.answer_to(reason)) for reason in Reason if reason not in ACCOUNT_REASONS},
        qr_prefix=product.qr_prefix,
        name=seen.name or None,
        image=seen.image or None,
    )


def _list(call: Call) -> ProductPage:
    query: Paged = call.query
    seen = tuple(read_cursor("products", query.cursor, parts=3)) if query.cursor else ()
    found = []
    for product in call.service.registry.products():
        name = (product.account, product.key_standard, product.key_str)
        if tuple(map(str, seen)) < name:
            found.append(product)
        if len(found) > query.limit:
            break
    page = found[: query.limit]
    last = page[-1] if len(found) > query.limit else None
    return ProductPage(
        items=[_shown(product, call.service) for product in page],
        next_cursor=write_cursor("products", last.account, last.key_standard, last.key_str) if last else None,
    )


def _show(call: Call) -> ProductShown:
    product = call.product(call.path["account"], call.path["keystandard"], call.path["keystr"])
    return _shown(product, call.service)


def _add(call: Call) -> Told:
    given: NewProduct = call.body
    account = call.account(given.account)
    try:
        product = Product(
            id=secrets.token_bytes(8), account=account, key_standard=given.keystandard, key_str=given.keystr
        )
    except ValueError as error:
        raise problem(422, str(error)) from None
    call.service.registry.add_product(_changed(product, given), who=call.who, why=given.why or "")
    where = url_for(".api_show_product", account=account, keystandard=product.key_standard, keystr=product.key_str)
    return Told(content=_current(call, product), headers={"Location": where})


def _set(call: Call) -> ProductShown:
    given: ProductSettings = call.body
    product = call.product(call.path["account"], call.path["keystandard"], call.path["keystr"])
    call.service.registry.save_product(_changed(product, given), was=product, who=call.who, why=given.why or "")
    return _current(call, product)


def _current(call: Call, product: Product) -> ProductShown:
    found = call.product(product.account, product.key_standard, product.key_str)
    return _shown(found, call.service)


def _changed(product: Product, given: ProductSettings) -> Product:
    rules = given.normalisation
    return replace(
        product,
        loading=product.loading if given.loading is None else given.loading,
        normalisation=product.normalisation if rules is None else Normalisation.parse(",".join(rules)),
        verdicts=product.verdicts if given.verdicts is None else _merged(product.verdicts, given.verdicts),
        qr_prefix=product.qr_prefix if given.qr_prefix is None else given.qr_prefix,
    )


def _merged(
    verdicts: Mapping[Reason, CodeResult | None], given: Mapping[Reason, Setting]
) -> dict[Reason, CodeResult | None]:
    merged = {reason: result for reason, result in verdicts.items() if reason not in given}
    for reason, setting in given.items():
        if setting is not Setting.DEFAULT:
            merged[reason] = None if setting is Setting.SUCCESS else CodeResult(setting.value)
    return merged


_ONE = "/products/{account}/{keystandard}/{keystr}"
OPERATIONS = (
    Operation(
        id="list_products",
        method="GET",
        path="/products",
        tag="products",
        summary="List the products.",
        scope=KeyScope.READ,
        handle=_list,
        query=Paged,
        answer=ProductPage,
    ),
    Operation(
        id="add_product",
        method="POST",
        path="/products",
        tag="products",
        summary="Add a product. Importing codes adds the products that they name by itself.",
        scope=KeyScope.ADMIN,
        handle=_add,
        body=NewProduct,
        answer=ProductShown,
        status=201,
    ),
    Operation(
        id="show_product",
        method="GET",
        path=_ONE,
        tag="products",
        summary="Show a product and what it answers.",
        scope=KeyScope.READ,
        handle=_show,
        answer=ProductShown,
        problems=(422,),
    ),
    Operation(
        id="set_product",
        method="PATCH",
        path=_ONE,
        tag="products",
        summary="Change a product's settings; what is not given stays as it is.",
        scope=KeyScope.ADMIN,
        handle=_set,
        body=ProductSettings,
        answer=ProductShown,
    ),
)
