"""Opens the product systems for the directory, as the settings say: which of them are meant, and whose products."""

from __future__ import annotations

from scanhook.clock import Clock
from scanhook.errors import Refused
from scanhook.office.catalog import CatalogEntry, page_id
from scanhook.office.catalogstore import CatalogStore
from scanhook.office.pages_source import PagesSource
from scanhook.office.sources import AlbumsSource, LiveSource, UnionSource, WindowSource
from scanhook.office.syncing import Source
from scanhook.registry import Product
from scanhook.settings import Settings
from scanhook.wechat import Api, System, TokenKeep, caller_of, open_api
from scanhook.wechat.albums import Albums
from scanhook.wechat.live import LiveGoods
from scanhook.wechat.pages import ScanPages
from scanhook.wechat.union import Union
from scanhook.wechat.union_filter import UnionFilter

__all__ = ["check_meant", "entries_of", "named_systems", "open_source", "owners"]


def named_systems(settings: Settings) -> tuple[System, ...]:
    """Return the systems that the settings name in a table of their own, ``[catalog.SYSTEM]``."""
    return tuple(system for system in System if system.value in settings.catalog.model_fields_set)


def owners(settings: Settings) -> dict[str, str]:
    """Return the app id of each account, by its name: whose its scan product pages are."""
    return {name: account.app_id for name, account in settings.accounts.items() if account.app_id}


def entries_of(
    catalog: CatalogStore, settings: Settings, product: Product
) -> tuple[list[CatalogEntry], CatalogEntry | None]:
    """Return what shows a product: the entries that staff tied to it, and the page that is tied by itself.

    :raises StorageError: when the directory cannot be read.
    """
    owner, id_ = owners(settings).get(product.account, ""), page_id(product.key_standard, product.key_str)
    return catalog.tied(product), catalog.known(System.PAGES, owner, [id_]).get(id_)


def check_meant(settings: Settings, system: System, *, account: str | None = None) -> None:
    """Find out whether a system can be read, as far as the settings tell.

    :raises Refused: when they do not; the sentence says what to write where.
    """
    caller_of(settings, system, account=account)
    union = settings.catalog.union
    if system is System.UNION and not (union.shop_app_ids or union.query):
        raise Refused(
            "the union has the products of all shops that use it: write shop_app_ids or query into [catalog.union], "
            "so that the directory takes yours"
        )


def open_source(
    settings: Settings, system: System, *, keep: TokenKeep, clock: Clock, account: str | None = None
) -> tuple[Api, Source]:
    """Open a product system for reading. Whoever opens it closes the API.

    :param account: an account of the settings calls, instead of who stands in ``[catalog.SYSTEM]``.
    :raises Refused: as :func:`check_meant`.
    """
    check_meant(settings, system, account=account)
    owner = caller_of(settings, system, account=account).app_id
    api = open_api(settings, system, keep=keep, account=account)
    return api, _source(settings, system, api=api, owner=owner, clock=clock)


def _source(settings: Settings, system: System, *, api: Api, owner: str, clock: Clock) -> Source:
    match system:
        case System.PAGES:
            return PagesSource(owner=owner, pages=ScanPages(api))
        case System.ALBUMS:
            return AlbumsSource(owner=owner, albums=Albums(api))
        case System.WINDOW:
            return WindowSource(owner=owner, api=api, clock=clock)
        case System.LIVE:
            return LiveSource(owner=owner, goods=LiveGoods(api))
        case System.UNION:
            union = settings.catalog.union
            wanted = UnionFilter(query=union.query, shop_app_ids=union.shop_app_ids)
            return UnionSource(owner=owner, union=Union(api), wanted=wanted)
