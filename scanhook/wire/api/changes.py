"""``POST /changes``: the life of products, batches, ranges and single codes; and taking changes back."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from flask import url_for
from pydantic import AfterValidator, Field, model_validator

from scanhook.office import KeyScope
from scanhook.registry import Action, Change, Level, LookUp, Order, Scope
from scanhook.wire.api.history import ChangeShown, shown_change
from scanhook.wire.api.operation import Call, Operation, Told
from scanhook.wire.api.problems import FieldFault, Stop, not_found, problem
from scanhook.wire.api.schema import AccountName, ExtInfo, Given, Key, When, Why, carried

__all__ = ["CODES_MAX", "OPERATIONS", "CodeName"]

CODES_MAX = 100_000
TARGETS_MAX = 1000
POSITION_MAX = 1 << 53
_FAULTS_MAX = 20

Confirm = Annotated[
    bool, Field(description="Needed where more codes are touched than `[registry] confirm_above` says.")
]


class Target(Given):
    """A product, a batch of it, or a range of the batch: by positions or from code to code, both included."""

    account: AccountName | None = None
    keystandard: Key
    keystr: Key
    batch: Annotated[
        Annotated[str, AfterValidator(carried)] | None, Field(min_length=1, max_length=64, description="Its name.")
    ] = None
    first: Annotated[int | None, Field(ge=1, le=POSITION_MAX)] = None
    last: Annotated[int | None, Field(ge=1, le=POSITION_MAX)] = None
    first_code: ExtInfo | None = None
    last_code: ExtInfo | None = None

    @model_validator(mode="after")
    def _check_complete(self) -> Self:
        if (self.first is None) is not (self.last is None):
            raise ValueError("first and last belong together")
        if (self.first_code is None) is not (self.last_code is None):
            raise ValueError("first_code and last_code belong together")
        if self.first is not None and self.first_code is not None:
            raise ValueError("a range has positions or codes, not both")
        if self.first is not None and self.batch is None:
            raise ValueError("positions are of a batch: name it")
        return self

    @property
    def level(self) -> Level:
        """Which level it is about."""
        if self.first is not None or self.first_code is not None:
            return Level.RANGE
        return Level.BATCH if self.batch is not None else Level.PRODUCT


class NewChange(Given):
    """A change of products, batches or ranges."""

    action: Action
    level: Literal[Level.PRODUCT, Level.BATCH, Level.RANGE]
    targets: Annotated[list[Target], Field(min_length=1, max_length=TARGETS_MAX)]
    why: Why
    at: Annotated[When | None, Field(description="When an activation or an expiry takes effect; else now.")] = None
    confirm: Confirm = False

    @model_validator(mode="after")
    def _check_level(self) -> Self:
        # Said twice on purpose: whoever forgets the batch's name must not recall the whole product.
        if any(target.level is not self.level for target in self.targets):
            raise ValueError(f"every target must be a {self.level}, as `level` says")
        return self


class CodeName(Given):
    """A code."""

    account: AccountName | None = None
    keystandard: Key
    keystr: Key
    extinfo: ExtInfo


class CodesChange(Given):
    """A change of single codes."""

    action: Action
    codes: Annotated[list[CodeName], Field(min_length=1, max_length=CODES_MAX)]
    why: Why
    at: Annotated[When | None, Field(description="When an activation or an expiry takes effect; else now.")] = None
    confirm: Confirm = False


class Undo(Given):
    """Takes a change back."""

    why: Why
    confirm: Confirm = False


def _change(call: Call) -> Told:
    given: NewChange = call.body
    scopes = tuple(_scope(call, target, index) for index, target in enumerate(given.targets))
    return _made(call, given, scopes)


def _change_codes(call: Call) -> Told:
    given: CodesChange = call.body
    found = [_look_up(call, code, f"codes.{index}.account") for index, code in enumerate(given.codes)]
    missing = [index for index, seen in enumerate(found) if seen.code is None]
    if missing:
        raise _unregistered([f"codes.{index}" for index in missing])
    products = {seen.product.id: seen.product for seen in found if seen.product}
    tags = tuple(dict.fromkeys(seen.tag for seen in found if seen.tag))
    product = next(iter(products.values())) if len(products) == 1 else None
    return _made(call, given, (Scope(product=product, tags=tags),))


def _undo(call: Call) -> Told:
    given: Undo = call.body
    found = call.service.registry.find_change(call.path["id"])
    if found is None:
        raise not_found("there is no such change: see GET changes")
    _check_confirmed(call, found.codes, confirm=given.confirm)
    return _told(call.service.registry.undo(found.id, who=call.who, why=given.why))


def _made(call: Call, given: NewChange | CodesChange, scopes: tuple[Scope, ...]) -> Told:
    order = Order(
        action=given.action,
        scopes=scopes,
        who=call.who,
        why=given.why,
        at=int(given.at.timestamp()) if given.at else None,
    )
    _check_confirmed(call, call.service.registry.size_of(order.scopes), confirm=given.confirm)
    return _told(call.service.registry.change(order))


def _told(change: Change) -> Told:
    return Told(content=shown_change(change), headers={"Location": url_for(".api_show_change", id=change.id)})


def _check_confirmed(call: Call, codes: int, *, confirm: bool) -> None:
    above = call.service.house.settings.registry.confirm_above
    if codes > above and not confirm:
        raise problem(
            409,
            f"this changes {codes:,} codes, more than {above:,}: send it again with `confirm` true if that is what "
            "you want",
            type_="urn:scanhook:confirm",
            title="Confirmation needed",
            codes=codes,
        )


def _scope(call: Call, target: Target, index: int) -> Scope:
    call.account(target.account, field=f"targets.{index}.account")
    product = call.product(target.account, target.keystandard, target.keystr)
    # The registry would name the batch, and what stands there by mistake may be a code.
    if target.batch is not None and call.service.registry.find_batch(product, target.batch) is None:
        raise _fault(f"targets.{index}.batch", "the product has no batch of this name: see GET batches")
    if target.first_code is None or target.last_code is None:
        return Scope(product=product, batch=target.batch, first=target.first, last=target.last)
    ends = [_end(call, target, code) for code in (target.first_code, target.last_code)]
    missing = [name for name, end in zip(("first_code", "last_code"), ends, strict=True) if end.code is None]
    if missing:
        raise _unregistered([f"targets.{index}.{name}" for name in missing])
    first, last = (end.code for end in ends if end.code)
    if first.batch != last.batch or target.batch not in (None, first.batch):
        raise _fault(f"targets.{index}", "the two codes are not of one batch, or not of the one that is named")
    return Scope(product=product, batch=first.batch, first=first.position, last=last.position)


def _end(call: Call, target: Target, ext_info: str) -> LookUp:
    account = call.account(target.account)
    return call.service.registry.look_up(account, target.keystandard, target.keystr, ext_info)


def _look_up(call: Call, code: CodeName, field: str) -> LookUp:
    account = call.account(code.account, field=field)
    return call.service.registry.look_up(account, code.keystandard, code.keystr, code.extinfo)


def _unregistered(fields: list[str]) -> Stop:
    faults = [FieldFault(field=field, message="this code is not registered") for field in fields[:_FAULTS_MAX]]
    return problem(
        422, f"{len(fields):,} of the codes are not registered; nothing was changed", errors=faults, codes=len(fields)
    )


def _fault(field: str, message: str) -> Stop:
    return problem(422, "some fields cannot be taken", errors=[FieldFault(field=field, message=message)])


OPERATIONS = (
    Operation(
        id="change",
        method="POST",
        path="/changes",
        tag="changes",
        summary="Change the state of products, batches or ranges: activate, suspend, recall, stolen, void, expire.",
        scope=KeyScope.OPERATE,
        handle=_change,
        body=NewChange,
        answer=ChangeShown,
        status=201,
        problems=(404, 409),
    ),
    Operation(
        id="undo_change",
        method="POST",
        path="/changes/{id}/undo",
        tag="changes",
        summary="Take a change back by a new one; refused while a newer change overlaps it.",
        scope=KeyScope.OPERATE,
        handle=_undo,
        body=Undo,
        answer=ChangeShown,
        status=201,
        problems=(409,),
    ),
    Operation(
        id="change_codes",
        method="POST",
        path="/codes/changes",
        tag="codes",
        summary="Change the state of single codes: all of them, or none.",
        scope=KeyScope.OPERATE,
        handle=_change_codes,
        body=CodesChange,
        answer=ChangeShown,
        status=201,
        problems=(409,),
    ),
)
