from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from scanhook.clock import FixedClock
from scanhook.errors import Refused, WechatRefused, WechatUnreachable
from scanhook.office import CatalogStore, OfficeStore, open_office
from scanhook.office.catalog import CatalogSync, Listed
from scanhook.office.sources import UnionSource
from scanhook.office.syncing import RESUMED_WITHIN_S, Portion, sync_system, told
from scanhook.storage import Pepper, StorageUrl
from scanhook.wechat.union import Union
from scanhook.wechat.union_filter import UnionFilter
from tests.office.directory import AT, OWNER, Shop, refused, unreachable
from tests.wechat.shifting import ShiftingApi


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(AT)


@pytest.fixture
def office(tmp_path: Path, empty_storage: Path, pepper: Pepper, clock: FixedClock) -> Iterator[OfficeStore]:
    folder = Path(copytree(empty_storage, tmp_path / "data"))
    opened = open_office(StorageUrl(engine="sqlite", folder=folder), pepper=pepper, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def catalog(office: OfficeStore) -> CatalogStore:
    return office.catalog


def there(catalog: CatalogStore) -> list[str]:
    return [entry.listed.id for entry in catalog.entries()]


def test_everything_that_a_system_lists_comes_into_the_directory(catalog: CatalogStore, clock: FixedClock) -> None:
    steps: list[tuple[int, int | None]] = []

    done = sync_system(
        catalog, Shop(["a", "b"]), clock=clock, tell=lambda sync, total: steps.append((sync.seen, total))
    )

    assert there(catalog) == ["a", "b"]
    assert (done.finished_at, done.seen, done.added, done.gone) == (AT, 2, 2, 0)
    assert steps == [(1, 2), (2, 2)]


def test_what_is_not_listed_any_more_has_gone(catalog: CatalogStore, clock: FixedClock) -> None:
    sync_system(catalog, Shop(["a", "b"]), clock=clock)

    assert sync_system(catalog, Shop(["b"]), clock=clock).gone == 1
    assert there(catalog) == ["b"]


def test_an_empty_system_is_a_finished_one(catalog: CatalogStore, clock: FixedClock) -> None:
    assert sync_system(catalog, Shop([]), clock=clock).finished_at == AT


def test_a_sync_that_failed_goes_on_where_it_was_and_nothing_has_gone_before_its_end(
    catalog: CatalogStore, clock: FixedClock
) -> None:
    sync_system(catalog, Shop(["x", "a"]), clock=clock)
    shop = Shop(["a", "b", "c"], fails={"2": unreachable()})
    with pytest.raises(WechatUnreachable):
        sync_system(catalog, shop, clock=clock)
    assert [(sync.failed_at, sync.why, sync.finished_at) for sync in catalog.syncs()] == [(AT, "no answer", None)]
    assert there(catalog) == ["a", "b", "x"]

    done = sync_system(catalog, shop, clock=clock)

    assert shop.asked == ["0", "1", "2", "2"]
    assert (done.seen, done.added, done.gone, done.why) == (3, 2, 1, None)
    assert there(catalog) == ["a", "b", "c"]


def test_a_sync_that_was_killed_goes_on_where_it_was(catalog: CatalogStore, clock: FixedClock) -> None:
    class Killed(BaseException):
        pass

    def kill(sync: CatalogSync, _total: int | None) -> None:
        if sync.seen == 2:
            raise Killed

    shop = Shop(["a", "b", "c"])
    with pytest.raises(Killed):
        sync_system(catalog, shop, clock=clock, tell=kill)

    assert sync_system(catalog, shop, clock=clock).seen == 3
    assert shop.asked == ["0", "1", "2"]


def test_a_day_later_a_stopped_sync_begins_anew(catalog: CatalogStore, clock: FixedClock) -> None:
    shop = Shop(["a", "b"], fails={"1": unreachable()})
    with pytest.raises(WechatUnreachable):
        sync_system(catalog, shop, clock=clock)
    clock.at += RESUMED_WITHIN_S

    assert sync_system(catalog, shop, clock=clock).seen == 2
    assert shop.asked == ["0", "1", "0", "1"]


def test_whoever_has_had_enough_goes_on_later(catalog: CatalogStore, clock: FixedClock) -> None:
    shop = Shop(["a", "b"])

    assert sync_system(catalog, shop, clock=clock, enough=lambda: True).finished_at is None
    assert sync_system(catalog, shop, clock=clock).seen == 2
    assert shop.asked == ["0", "1"]


def test_a_place_that_the_system_has_forgotten_leads_to_the_beginning(catalog: CatalogStore, clock: FixedClock) -> None:
    shop = Shop(["a", "b"])
    sync_system(catalog, shop, clock=clock, enough=lambda: True)
    shop.fails["1"] = refused(10022006)

    done = sync_system(catalog, shop, clock=clock)

    assert shop.asked == ["0", "1", "0", "1"]
    assert (done.seen, done.added, done.finished_at) == (2, 2, AT)


@pytest.mark.parametrize("error", [refused(-1, permanent=False), unreachable()])
def test_a_system_that_is_down_keeps_the_place(catalog: CatalogStore, clock: FixedClock, error: Exception) -> None:
    shop = Shop(["a", "b"])
    sync_system(catalog, shop, clock=clock, enough=lambda: True)
    shop.fails["1"] = error
    with pytest.raises(type(error)):
        sync_system(catalog, shop, clock=clock)

    assert sync_system(catalog, shop, clock=clock).finished_at == AT
    assert shop.asked == ["0", "1", "1"]


def test_a_right_that_is_not_granted_is_noted(catalog: CatalogStore, clock: FixedClock) -> None:
    with pytest.raises(WechatRefused):
        sync_system(catalog, Shop(["a"], fails={"0": refused(48001)}), clock=clock)

    assert catalog.syncs()[0].why == "WeChat answers 48001"


def test_what_the_settings_forbid_is_noted(catalog: CatalogStore, clock: FixedClock) -> None:
    with pytest.raises(Refused, match="no program"):
        sync_system(catalog, Shop(["a"], fails={"0": Refused("no program")}), clock=clock)

    assert catalog.syncs()[0].why == "no program"


def test_a_product_is_seen_when_it_was_asked_for(catalog: CatalogStore, clock: FixedClock) -> None:
    class Slow(Shop):
        def portions(self, place, known):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  (the parent's)
            clock.at += 60
            yield from super().portions(place, known)

    sync_system(catalog, Slow(["a"]), clock=clock)

    assert catalog.entries()[0].seen_at == AT


@pytest.mark.parametrize("price", [-1, 10**15 + 1])
def test_a_price_that_cannot_be_kept_is_none(price: int) -> None:
    assert told(id="7554942", name="茶", price=price) == Listed(id="7554942", name="茶")


@pytest.mark.parametrize("id_", ["", "x" * 257, "a\x00b", "\ud800"])
def test_a_product_whose_id_cannot_be_kept_is_left_out_and_counted(id_: str) -> None:
    assert Portion.of([told(id=id_), told(id="a", price=0)], place="p", total=2) == Portion(
        listed=(Listed(id="a", price=0),), place="p", total=2, left_out=1
    )


def test_what_is_left_out_is_told(catalog: CatalogStore, clock: FixedClock) -> None:
    class Odd(Shop):
        def portions(self, place, known):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  (the parent's)
            yield from (replace(portion, left_out=2) for portion in super().portions(place, known))

    left_out: list[int] = []

    sync_system(catalog, Odd(["a", "b"]), clock=clock, leave_out=left_out.append)

    assert left_out == [2, 2]
    assert there(catalog) == ["a", "b"]


def union_of(api: ShiftingApi) -> UnionSource:
    return UnionSource(owner=OWNER, union=Union(api), wanted=UnionFilter(query="茶"))


def test_nothing_that_is_there_has_gone_when_another_is_removed_while_the_list_is_read(
    catalog: CatalogStore, clock: FixedClock
) -> None:
    sync_system(catalog, union_of(ShiftingApi(list("1234"), happens={})), clock=clock)

    shifting = ShiftingApi(list("1234"), happens={1: lambda names: names.remove("1")})
    sync_system(catalog, union_of(shifting), clock=clock)
    assert there(catalog) == list("1234")

    assert sync_system(catalog, union_of(ShiftingApi(list("234"), happens={})), clock=clock).gone == 1
    assert there(catalog) == list("234")


def test_nothing_has_gone_from_a_list_that_nobody_can_see_as_a_whole(catalog: CatalogStore, clock: FixedClock) -> None:
    sync_system(catalog, union_of(ShiftingApi(list("123"), happens={})), clock=clock)
    short = ShiftingApi(list("12"), happens={}, says=3)

    with pytest.raises(WechatUnreachable, match="union: the list was read 3 times"):
        sync_system(catalog, union_of(short), clock=clock)

    assert there(catalog) == list("123")
    assert [(sync.finished_at, sync.failed_at, sync.place) for sync in catalog.syncs()] == [(None, AT, "")]


def test_a_list_that_shifted_while_nobody_read_it_loses_nothing(catalog: CatalogStore, clock: FixedClock) -> None:
    api = ShiftingApi(list("12345"), happens={})
    sync_system(catalog, union_of(api), clock=clock)
    sync_system(catalog, union_of(api), clock=clock, enough=lambda: True)
    api.names.remove("1")
    clock.at += 3600

    assert sync_system(catalog, union_of(api), clock=clock).finished_at == clock.at
    assert there(catalog) == list("12345")
