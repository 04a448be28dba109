"""``/catalog``: what WeChat's product systems know, and which entries of it show a product of the registry."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from scanhook.errors import Refused
from scanhook.office import CatalogEntry, EntryKey, KeyScope
from scanhook.office.catalog import ID_MAX_CHARS, CatalogSync, Wanted, only_one
from scanhook.office.directory import entries_of
from scanhook.registry import Product
from scanhook.wechat import System
from scanhook.wire.api.operation import Call, Operation
from scanhook.wire.api.paging import read_cursor, write_cursor
from scanhook.wire.api.problems import FieldFault, Stop, not_found, problem
from scanhook.wire.api.schema import Answer, Given, Moment, Paged, carried

__all__ = ["OPERATIONS"]

_CURSOR_PARTS = 3

EntryId = Annotated[
    str,
    Field(min_length=1, max_length=ID_MAX_CHARS, description="Of a scan product page: KEYSTANDARD/KEYSTR."),
    AfterValidator(carried),
]
Owner = Annotated[
    str, Field(max_length=64, description="The app id or corp id whose product it is."), AfterValidator(carried)
]
Words = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(carried)]


class CatalogQuery(Paged):
    """Chooses entries."""

    system: System | None = None
    owner: Owner | None = None
    id: EntryId | None = None
    state: Annotated[Words | None, Field(description="In the system's own word, such as `on` of a page.")] = None
    name: Annotated[Words | None, Field(description="A part of the name.")] = None
    gone: Annotated[bool, Field(description="Also those that have gone from their system.")] = False


class EntryShown(Answer):
    """A product as one of WeChat's systems has it; what the system does not give is null."""

    system: System
    owner: str
    id: str
    name: str | None
    price_fen: int | None
    image: Annotated[str | None, Field(description="An address; of an album the id of a material.")]
    state: str | None
    first_seen: Moment
    last_seen: Moment
    gone: Annotated[Moment | None, Field(description="When a complete sync missed it.")]


class CatalogPage(Answer):
    """Entries, in the order of system, owner and id."""

    items: list[EntryShown]
    next_cursor: str | None


class SyncShown(Answer):
    """The newest run through one system."""

    system: System
    owner: str
    started: Moment
    finished: Moment | None
    failed: Moment | None
    why: str | None
    seen: int
    added: int
    changed: int
    gone: int


class SyncsShown(Answer):
    """The newest run through each system, by system and owner."""

    items: list[SyncShown]


class EntryName(Given):
    """An entry of the catalog."""

    system: System
    id: EntryId
    owner: Annotated[Owner | None, Field(description="Needed where several have that id.")] = None


class TiesShown(Answer):
    """What shows a product, the best first."""

    tied: Annotated[list[EntryShown], Field(description="What staff tied, in the order of tying.")]
    page: Annotated[EntryShown | None, Field(description="The scan product page of the same name: tied by itself.")]
    name: Annotated[str | None, Field(description="What the product is shown with, like `image`.")]
    image: str | None


def _shown(entry: CatalogEntry) -> EntryShown:
    listed = entry.listed
    return EntryShown(
        system=entry.system,
        owner=entry.owner,
        id=listed.id,
        name=listed.name,
        price_fen=listed.price,
        image=listed.image,
        state=listed.state,
        first_seen=entry.first_seen,
        last_seen=entry.seen_at,
        gone=entry.gone_at,
    )


def _list(call: Call) -> CatalogPage:
    query: CatalogQuery = call.query
    wanted = Wanted(
        system=query.system, owner=query.owner, id=query.id, state=query.state, name=query.name, gone=query.gone
    )
    found = call.service.office.catalog.entries(wanted, after=_after(query.cursor), limit=query.limit + 1)
    page = found[: query.limit]
    return CatalogPage(
        items=[_shown(entry) for entry in page],
        next_cursor=write_cursor("catalog", *page[-1].key) if len(found) > query.limit else None,
    )


def _after(cursor: str | None) -> EntryKey | None:
    if cursor is None:
        return None
    system, owner, id_ = map(str, read_cursor("catalog", cursor, parts=_CURSOR_PARTS))
    try:
        return EntryKey(System(system), owner, id_)
    except ValueError:
        fault = FieldFault(field="cursor", message="this is no `next_cursor` of this list")
        raise problem(422, "some fields cannot be taken", errors=[fault]) from None


def _syncs(call: Call) -> SyncsShown:
    return SyncsShown(items=[_shown_sync(sync) for sync in call.service.office.catalog.syncs()])


def _shown_sync(sync: CatalogSync) -> SyncShown:
    return SyncShown(
        system=sync.system,
        owner=sync.owner,
        started=sync.started_at,
        finished=sync.finished_at,
        failed=sync.failed_at,
        why=sync.why,
        seen=sync.seen,
        added=sync.added,
        changed=sync.changed,
        gone=sync.gone,
    )


def _ties(call: Call) -> TiesShown:
    return _shown_ties(call, _product(call))


def _tie(call: Call) -> TiesShown:
    product = _product(call)
    entry = _named(call, call.body)
    call.service.office.catalog.tie(product, entry.key, now=int(call.service.clock.now()))
    return _shown_ties(call, product)


def _untie(call: Call) -> TiesShown:
    product = _product(call)
    if not call.service.office.catalog.untie(product, _named(call, call.body).key):
        raise not_found("the product is not tied to that entry; a page of the same name is tied by itself")
    return _shown_ties(call, product)


def _product(call: Call) -> Any:
    return call.product(call.path["account"], call.path["keystandard"], call.path["keystr"])


def _named(call: Call, given: EntryName) -> CatalogEntry:
    wanted = Wanted(system=given.system, id=given.id, owner=given.owner, gone=True)
    found = call.service.office.catalog.entries(wanted, limit=2)
    if not found:
        raise not_found("the catalog has no such entry: see GET catalog, or let `scanhook catalog sync` fill it")
    try:
        return only_one(found)
    except Refused as error:
        raise _several(error) from None


def _several(error: Refused) -> Stop:
    return problem(422, "some fields cannot be taken", errors=[FieldFault(field="owner", message=error.why)])


def _shown_ties(call: Call, product: Product) -> TiesShown:
    shown = call.service.presentation(product)
    tied, page = entries_of(call.service.office.catalog, call.service.house.settings, product)
    return TiesShown(
        tied=[_shown(entry) for entry in tied],
        page=_shown(page) if page else None,
        name=(shown and shown.name) or None,
        image=(shown and shown.image) or None,
    )


_TIES = "/products/{account}/{keystandard}/{keystr}/ties"
OPERATIONS = (
    Operation(
        id="list_catalog",
        method="GET",
        path="/catalog",
        tag="catalog",
        summary="List what WeChat's product systems know: pages, albums, window, live, union.",
        scope=KeyScope.READ,
        handle=_list,
        query=CatalogQuery,
        answer=CatalogPage,
    ),
    Operation(
        id="list_catalog_syncs",
        method="GET",
        path="/catalog/syncs",
        tag="catalog",
        summary="Tell when each system was read last, and what came of it.",
        scope=KeyScope.READ,
        handle=_syncs,
        answer=SyncsShown,
    ),
    Operation(
        id="list_ties",
        method="GET",
        path=_TIES,
        tag="catalog",
        summary="Tell which entries of the catalog show a product, and with what name and picture.",
        scope=KeyScope.READ,
        handle=_ties,
        answer=TiesShown,
        problems=(422,),
    ),
    Operation(
        id="tie_product",
        method="POST",
        path=_TIES,
        tag="catalog",
        summary="Tie a product to an entry of the catalog, so that it is shown with its name and picture.",
        scope=KeyScope.ADMIN,
        handle=_tie,
        body=EntryName,
        answer=TiesShown,
    ),
    Operation(
        id="untie_product",
        method="POST",
        path=f"{_TIES}/drop",
        tag="catalog",
        summary="Take a tie back.",
        scope=KeyScope.ADMIN,
        handle=_untie,
        body=EntryName,
        answer=TiesShown,
    ),
)
