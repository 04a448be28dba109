"""``GET /changes``: who changed what, when and why."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from scanhook.office import KeyScope
from scanhook.registry import Batch, Change, Level
from scanhook.storage import TAG_BYTES
from scanhook.wire.api.operation import Call, Operation
from scanhook.wire.api.paging import NUMBER_MAX, number_after, write_cursor
from scanhook.wire.api.problems import not_found
from scanhook.wire.api.products import ProductName, shown_name
from scanhook.wire.api.schema import Answer, Moment, OfProduct, Paged

__all__ = ["OPERATIONS", "ChangeShown", "find_batch", "shown_change"]


class ChangeShown(Answer):
    """A change that was made."""

    id: int
    at: Moment
    who: str
    why: str
    action: Annotated[
        str, Field(description="activate, suspend, recall, stolen, void, expire; undo, import, mint, set")
    ]
    level: Level
    product: ProductName | None
    batch: str | None
    codes: Annotated[int, Field(description="How many codes it was about.")]
    takes_effect_at: Moment | None
    details: dict[str, Any]
    undoes: int | None
    undone_by: int | None


class ChangePage(Answer):
    """Changes, the newest first."""

    items: list[ChangeShown]
    next_cursor: str | None


class ChangeQuery(Paged, OfProduct):
    """Chooses changes: of everything, of a product, of a batch and what lies in it, or of one code."""

    batch: Annotated[int | None, Field(ge=0, le=NUMBER_MAX, description="A batch's id.")] = None
    code: Annotated[
        str | None,
        Field(
            min_length=2 * TAG_BYTES,
            max_length=2 * TAG_BYTES,
            pattern="^[0-9a-f]*$",
            description="A code by its tag in hex, as scans and checks show it.",
        ),
    ] = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if sum(chosen is not None for chosen in (self.keystr, self.batch, self.code)) > 1:
            raise ValueError("choose by a product, or by a batch, or by a code")
        return self


def shown_change(change: Change) -> ChangeShown:
    """Show a change."""
    details = dict(change.details)
    at = details.pop("takes_effect_at", None)
    return ChangeShown(
        id=change.id,
        at=change.at,
        who=change.who,
        why=change.why,
        action=change.action,
        level=change.level,
        product=shown_name(change.product) if change.product else None,
        batch=change.batch,
        codes=change.codes,
        takes_effect_at=at if isinstance(at, int) else None,
        details=details,
        undoes=change.undoes,
        undone_by=change.undone_by,
    )


def find_batch(call: Call, id_: int) -> Batch:
    """Return the batch of an id, with its handovers.

    :raises Stop: 404, when there is none.
    """
    registry = call.service.registry
    for batch in registry.batches(after=id_ - 1, limit=1):
        if batch.id == id_:
            return registry.find_batch(batch.product, batch.name) or batch
    raise not_found("there is no such batch: see GET batches")


def _list(call: Call) -> ChangePage:
    query: ChangeQuery = call.query
    registry = call.service.registry
    found = registry.changes(
        product=call.chosen_product(query),
        batch=None if query.batch is None else find_batch(call, query.batch),
        tag=bytes.fromhex(query.code) if query.code else None,
        before=number_after("changes", query.cursor),
        limit=query.limit + 1,
    )
    page = found[: query.limit]
    return ChangePage(
        items=[shown_change(change) for change in page],
        next_cursor=write_cursor("changes", page[-1].id) if len(found) > query.limit else None,
    )


def _show(call: Call) -> ChangeShown:
    found = call.service.registry.find_change(call.path["id"])
    if found is None:
        raise not_found("there is no such change: see GET changes")
    return shown_change(found)


OPERATIONS = (
    Operation(
        id="list_changes",
        method="GET",
        path="/changes",
        tag="changes",
        summary="Show who changed what, when and why, the newest first.",
        scope=KeyScope.READ,
        handle=_list,
        query=ChangeQuery,
        answer=ChangePage,
        problems=(404,),
    ),
    Operation(
        id="show_change",
        method="GET",
        path="/changes/{id}",
        tag="changes",
        summary="Show a change.",
        scope=KeyScope.READ,
        handle=_show,
        answer=ChangeShown,
    ),
)
