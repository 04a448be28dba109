"""The housekeeper's part in the catalog: once a day it reads the systems that the settings name, a little at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

from scanhook.clock import Clock
from scanhook.errors import Refused, WechatError
from scanhook.office import CatalogStore
from scanhook.office.catalog import CatalogSync
from scanhook.office.directory import check_meant, named_systems, open_source
from scanhook.office.syncing import sync_system
from scanhook.settings import Settings
from scanhook.storage import StorageUrl
from scanhook.storage.lease import Lease, take_lease
from scanhook.wechat import System, TokenKeep, caller_of
from scanhook.wire.log import log

__all__ = ["SLICE_S", "SYNC_EVERY_S", "TRY_AGAIN_S", "is_due", "sync_some", "take_catalog"]

SYNC_EVERY_S = 86_400
TRY_AGAIN_S = 3_600
"""After a failure."""
SLICE_S = 20.0
"""So long the other duties wait for this one; a run that is not through by then goes on in the next round."""


def take_catalog(url: StorageUrl) -> Lease | None:
    """Take the lease of whoever syncs: one at a time.

    :raises StorageError: when the storage is not there, or cannot be written.
    """
    return take_lease(url, "catalog")


def is_due(newest: CatalogSync | None, *, now: float) -> bool:
    """Tell whether a system is to be read now.

    :param newest: the newest run through it.
    """
    if newest is None:
        return True
    if newest.finished_at is not None:
        return not 0 <= now - newest.finished_at < SYNC_EVERY_S
    return newest.failed_at is None or not 0 <= now - newest.failed_at < TRY_AGAIN_S


def sync_some(
    settings: Settings,
    catalog: CatalogStore,
    *,
    keep: TokenKeep,
    clock: Clock,
    monotonic: Callable[[], float] = time.monotonic,
) -> list[str]:
    """Read the systems that are due, until it takes too long. What fails is logged, and tried again in an hour.

    :returns: the systems that were read, or read on.
    :raises StorageError: when the directory cannot be read or written.
    """
    named = named_systems(settings)
    lease = take_catalog(keep.url) if named else None
    if lease is None:
        return []
    until = monotonic() + SLICE_S
    done = []
    with lease:
        newest = {(sync.system, sync.owner): sync for sync in catalog.syncs()}
        for system in filter(partial(_is_meant, settings), named):
            owner = caller_of(settings, system).app_id
            if monotonic() >= until or not is_due(newest.get((system, owner)), now=clock.now()):
                continue
            done.append(system.value)
            try:
                _sync(settings, system, catalog, keep=keep, clock=clock, enough=lambda: monotonic() >= until)
            except (WechatError, Refused) as error:
                log.warning("a system cannot be read into the catalog", system=system.value, why=str(error))
    return done


def _is_meant(settings: Settings, system: System) -> bool:
    # `scanhook catalog sync` says why one is not; every minute would be too often.
    try:
        check_meant(settings, system)
    except Refused:
        return False
    return True


def _sync(
    settings: Settings,
    system: System,
    catalog: CatalogStore,
    *,
    keep: TokenKeep,
    clock: Clock,
    enough: Callable[[], bool],
) -> None:
    api, source = open_source(settings, system, keep=keep, clock=clock)
    left_out: list[int] = []
    with closing(api):
        sync = sync_system(catalog, source, clock=clock, enough=enough, leave_out=left_out.append)
    if sync.finished_at is not None:
        log.info(
            "the catalog was read",
            system=system.value,
            seen=sync.seen,
            added=sync.added,
            changed=sync.changed,
            gone=sync.gone,
            left_out=sum(left_out),
        )
