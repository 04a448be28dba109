"""``/batches``: batches with their states in force, handovers and history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from scanhook.office import KeyScope
from scanhook.registry import Batch, State
from scanhook.wire.api.history import ChangeShown, find_batch, shown_change
from scanhook.wire.api.operation import Call, Operation
from scanhook.wire.api.paging import number_after, write_cursor
from scanhook.wire.api.products import MarkShown, ProductName, shown_mark, shown_name
from scanhook.wire.api.schema import Answer, Moment, OfProduct, Paged

__all__ = ["OPERATIONS"]

_CHANGES = 50


class BatchQuery(Paged, OfProduct):
    """Chooses batches."""

    name: Annotated[str | None, Field(max_length=64, description="Only those of this name.")] = None


class LoadShown(Answer):
    """Codes that came into a batch together."""

    state: Annotated[State, Field(description="What their file said.")]
    codes: int
    at: Moment
    minted: bool


class BatchShown(Answer):
    """A batch."""

    id: int
    product: ProductName
    name: str
    codes: int
    positions: Annotated[int, Field(description="The highest position that was given away.")]
    states: Annotated[
        dict[State, int],
        Field(description="Codes by the state in force, as far as product and batch say; ranges and codes may differ."),
    ]
    mark: MarkShown
    ranged: Annotated[bool, Field(description="Whether a range of it was ever changed.")]
    made_at: Moment
    forgotten: Annotated[bool, Field(description="Minted, and nobody has activated any of it for a long time.")]
    loads: list[LoadShown]


class HandoverShown(Answer):
    """A minted file that was handed over."""

    file: str
    taken_by: str
    at: Moment
    encrypted_to: str | None
    sha256: str


class BatchDetail(BatchShown):
    """A batch with its handovers and its newest changes."""

    handovers: list[HandoverShown]
    changes: Annotated[list[ChangeShown], Field(description="The newest first; more of them: GET changes?batch=ID.")]


class BatchPage(Answer):
    """Batches, in the order of their ids."""

    items: list[BatchShown]
    next_cursor: str | None


def _shown(batch: Batch, call: Call) -> BatchShown:
    now = call.service.clock.now()
    return BatchShown(
        id=batch.id,
        product=shown_name(batch.product),
        name=batch.name,
        codes=batch.codes,
        positions=batch.positions,
        states=batch.states_at(now),
        mark=shown_mark(batch.mark, now),
        ranged=batch.ranged,
        made_at=batch.made_at,
        forgotten=batch.is_forgotten(now, hours=call.service.house.settings.registry.unactivated_hours),
        loads=[LoadShown(state=load.state, codes=load.codes, at=load.at, minted=load.minted) for load in batch.loads],
    )


def _list(call: Call) -> BatchPage:
    query: BatchQuery = call.query
    found = call.service.registry.batches(
        call.chosen_product(query),
        name=query.name,
        after=number_after("batches", query.cursor) or 0,
        limit=query.limit + 1,
    )
    page = found[: query.limit]
    return BatchPage(
        items=[_shown(batch, call) for batch in page],
        next_cursor=write_cursor("batches", page[-1].id) if len(found) > query.limit else None,
    )


def _show(call: Call) -> BatchDetail:
    batch = find_batch(call, call.path["id"])
    handovers = [
        HandoverShown(
            file=Path(handover.path).name,
            taken_by=handover.taken_by,
            at=handover.at,
            encrypted_to=handover.recipient or None,
            sha256=handover.sha256,
        )
        for handover in batch.handovers
    ]
    changes = [shown_change(change) for change in call.service.registry.changes(batch=batch, limit=_CHANGES)]
    return BatchDetail(**dict(_shown(batch, call)), handovers=handovers, changes=changes)


OPERATIONS = (
    Operation(
        id="list_batches",
        method="GET",
        path="/batches",
        tag="batches",
        summary="List the batches.",
        scope=KeyScope.READ,
        handle=_list,
        query=BatchQuery,
        answer=BatchPage,
        problems=(404,),
    ),
    Operation(
        id="show_batch",
        method="GET",
        path="/batches/{id}",
        tag="batches",
        summary="Show a batch with its states in force, its handovers and its history.",
        scope=KeyScope.READ,
        handle=_show,
        answer=BatchDetail,
    ),
)
