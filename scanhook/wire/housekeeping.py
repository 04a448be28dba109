"""The housekeeper's round: everything that must happen now and then, and that no scan may wait for.

Of several machines on one storage, one keeps house, and every one looks after what only it has: files, and its list of
erasures.

Each duty is for itself: what fails is logged and tried again in the next round, and keeps nobody else from his.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scanhook.clock import Clock
from scanhook.errors import ScanhookError
from scanhook.journal import ALWAYS_S, JournalStore, Retained, reapply_erasures, retain, share_erasures
from scanhook.office import OfficeStore
from scanhook.office.directory import owners
from scanhook.office.reviews import apply_reviews
from scanhook.registry import Batch, RegistryStore
from scanhook.registry.mint import settle_mints
from scanhook.settings import Settings
from scanhook.storage import SQLITE, Pepper, StorageUrl
from scanhook.storage.lease import Lease
from scanhook.wechat import TokenKeep
from scanhook.wire.attention import forgotten_batches
from scanhook.wire.cataloguing import sync_some
from scanhook.wire.leftovers import clear_leftovers
from scanhook.wire.log import log
from scanhook.wire.roundnotes import RoundNotes

__all__ = ["ROUND_S", "Round", "do_machine_round", "do_round"]

ROUND_S = 60.0
"""From the begin of one round to that of the next."""
_WARN_EVERY_S = 86_400
_WARNINGS_MAX = 100
"""In one round; the others have their turn in the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What the duties of one round work on.

    :param open_office: opens the office for one duty, so that one which cannot be opened stops no other.
    :param url: of the storage.
    :param erasures: this machine's list of those who were erased.
    :param lease: held by whoever does this; that of the house keeps the notes.
    :param notes: what earlier rounds have noted; this one adds to them.
    :param now: when it begins, in seconds since 1970.
    """

    settings: Settings
    pepper: Pepper = field(repr=False)
    registry: RegistryStore
    journal: JournalStore
    open_office: Callable[[], OfficeStore] = field(repr=False)
    url: StorageUrl
    erasures: Path
    lease: Lease
    notes: RoundNotes
    clock: Clock
    now: float


def do_round(this: Round) -> dict[str, Any]:
    """Keep house, and note in the lease that it is done. No duty begins once the lease is lost.

    Where only this machine can have the storage, that includes what :func:`do_machine_round` does.

    :returns: what each duty did, by its name; ``None`` where it failed or did not begin, which is in the log then.
    :raises StorageError: when the lease cannot be written.
    """
    report = _do(_EVERY if this.url.engine == SQLITE else _OF_HOUSE, this)
    if this.lease.holds():
        if None not in report.values():
            this.notes.round_at = this.clock.now()
        this.notes.write(this.lease)
    return report


def do_machine_round(this: Round) -> dict[str, Any]:
    """Look after what only this machine has, where several share the storage.

    :returns: as :func:`do_round`.
    """
    return _do(_OF_MACHINE, this)


def _do(duties: Mapping[str, Callable[[Round], Any]], this: Round) -> dict[str, Any]:
    report: dict[str, Any] = dict.fromkeys(duties)
    for name, duty in duties.items():
        if not this.lease.holds():
            log.warning("the housekeeper stops", before=name, why="it lost its lease: another one may be at work now")
            break
        report[name] = _try(name, duty, this)
    return report


def _try(name: str, duty: Callable[[Round], Any], this: Round) -> Any:
    try:
        return duty(this)
    except (ScanhookError, OSError) as error:
        log.error("housekeeping failed", duty=name, why=str(error))
    except Exception as error:  # noqa: BLE001  (what nobody thought of must not end the housekeeper either)
        log.error("housekeeping failed", duty=name, why=type(error).__name__)
    return None


def _retain(this: Round) -> dict[str, int]:
    keep, was_doubted = this.settings.journal, this.notes.doubted_at is not None
    if not this.notes.doubts(this.now, pushed_at=this.journal.newest_at(pushed=True)):
        return asdict(
            retain(
                this.journal,
                now=this.now,
                keep_openid_days=keep.keep_openid_days,
                keep_scans_days=keep.keep_scans_days,
            )
        )
    if not was_doubted:
        log.warning(
            "nothing is deleted for its age until tomorrow",
            why="the clock is more than a day ahead of the newest push and of the last round: is it right?",
        )
    # An openid that is never kept needs no clock.
    gone = 0 if keep.keep_openid_days else this.journal.drop_openids(before=ALWAYS_S)
    return asdict(Retained(scans=0, events=0, openids=gone))


def _erase(this: Round) -> int:
    """Bring erasures to their end that are an hour old, or were stopped; returns how many scans were concerned."""
    share_erasures(this.journal, this.erasures)
    return reapply_erasures(this.journal, this.erasures, pepper=this.pepper, now=this.now)


def _share(this: Round) -> int:
    """Let this machine's list and the journal agree; returns how many erasures one of them did not know."""
    return sum(share_erasures(this.journal, this.erasures))


def _warn(this: Round) -> int:
    """Warn about each forgotten batch once a day; returns how many are forgotten."""
    warned = {name: at for name, at in this.notes.warned.items() if at <= this.now < at + _WARN_EVERY_S}
    before, count, hours = len(warned), 0, this.settings.registry.unactivated_hours
    for batch in forgotten_batches(this.registry, now=this.now, hours=hours):
        count += 1
        if str(batch.id) not in warned and len(warned) - before < _WARNINGS_MAX:
            _warn_of(batch, this.now)
            warned[str(batch.id)] = this.now
    this.notes.warned = warned
    return count


def _warn_of(batch: Batch, now: float) -> None:
    log.warning(
        "attention",
        why="minted, and nothing of it was ever activated",
        account=batch.product.account,
        product=f"{batch.product.key_standard}/{batch.product.key_str}",
        batch=batch.name,
        hours=int((now - batch.made_at) / 3600),
        codes=batch.codes,
    )


def _settle(this: Round) -> int:
    # Settling holds the one place for imports: not every minute for nothing.
    return settle_mints(this.registry) if any(True for _ in this.registry.open_mints()) else 0


def _clear(this: Round) -> list[str]:
    return clear_leftovers(this.registry, now=this.now)


def _review(this: Round) -> int:
    with closing(this.open_office()) as office:
        return apply_reviews(office.catalog, this.journal, owners=owners(this.settings))


def _sync(this: Round) -> list[str]:
    with closing(this.open_office()) as office:
        keep = TokenKeep(store=office.tokens, url=this.url, pepper=this.pepper, clock=this.clock)
        return sync_some(this.settings, office.catalog, keep=keep, clock=this.clock)


_EVERY: Mapping[str, Callable[[Round], Any]] = {
    "retention": _retain,
    "erased_again": _erase,
    "forgotten_batches": _warn,
    "mints_taken_back": _settle,
    "deleted": _clear,
    "reviews": _review,
    "catalog": _sync,  # the last one: it may take its time
}
_FILES = frozenset({"mints_taken_back", "deleted"})
_OF_HOUSE = {name: duty for name, duty in _EVERY.items() if name not in _FILES}
_OF_MACHINE = {"erasures_shared": _share, **{name: duty for name, duty in _EVERY.items() if name in _FILES}}
