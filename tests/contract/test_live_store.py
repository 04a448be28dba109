from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from scanhook.clock import FixedClock
from scanhook.office import LiveStore, OfficeStore, open_office
from scanhook.storage import Pepper
from scanhook.wechat.live_ledger import KeptGoods
from tests.contract.engines import Place

AT = 1795312800
APP_ID = "wxee9f94a3360ad25f"
OTHER_APP_ID = "wx678687fa5226e237"
CUP = KeptGoods(app_id=APP_ID, goods_id="51", audit_id="525022786", name="TIT茶杯", errcode=0, added_at=AT)


@pytest.fixture
def office(place: Place, pepper: Pepper) -> Iterator[OfficeStore]:
    opened = open_office(place.storage, pepper=pepper, clock=FixedClock(AT))
    yield opened
    opened.close()


@pytest.fixture
def live(office: OfficeStore) -> LiveStore:
    return office.live


def test_goods_that_are_kept_are_found(live: LiveStore) -> None:
    live.keep(CUP)
    assert live.find(APP_ID, "51") == CUP
    assert live.find(APP_ID, "52") is None
    assert live.find(OTHER_APP_ID, "51") is None


def test_goods_are_known_in_another_process(live: LiveStore, place: Place, pepper: Pepper) -> None:
    live.keep(CUP)
    other = open_office(place.storage, pepper=pepper, clock=FixedClock(AT))
    assert other.live.find(APP_ID, "51") == CUP
    other.close()


def test_a_new_audit_id_takes_the_place_of_the_old_one(live: LiveStore) -> None:
    live.keep(CUP)
    live.keep(replace(CUP, audit_id="525022999", name="", errcode=300021, added_at=AT + 5))
    assert live.find(APP_ID, "51") == replace(CUP, audit_id="525022999", errcode=300021)


def test_an_audit_id_is_never_lost(live: LiveStore) -> None:
    live.keep(CUP)
    live.keep(replace(CUP, audit_id=None))
    assert live.find(APP_ID, "51") == CUP


def test_an_audit_id_that_came_late_is_kept(live: LiveStore) -> None:
    live.keep(replace(CUP, audit_id=None))
    live.keep(CUP)
    assert live.find(APP_ID, "51") == CUP


def test_the_goods_are_listed_page_by_page(live: LiveStore) -> None:
    for goods_id in ("53", "9", "9223372036854775813", "g-7", "51"):
        live.keep(replace(CUP, goods_id=goods_id))
    live.keep(replace(CUP, app_id=OTHER_APP_ID, goods_id="54"))
    assert [goods.goods_id for goods in live.kept(APP_ID, limit=2)] == ["9", "51"]
    assert [goods.goods_id for goods in live.kept(APP_ID, after="51", limit=2)] == ["53", "g-7"]
    assert [goods.goods_id for goods in live.kept(APP_ID, after="g-7")] == ["9223372036854775813"]
    assert live.kept(APP_ID, after="9223372036854775813") == []


def test_deleted_goods_are_found_and_not_listed(live: LiveStore) -> None:
    live.keep(CUP)
    live.keep(replace(CUP, goods_id="52"))
    live.mark_deleted(APP_ID, "51", at=AT + 9)
    live.mark_deleted(APP_ID, "99", at=AT + 9)
    assert live.find(APP_ID, "51") == replace(CUP, deleted_at=AT + 9)
    assert [goods.goods_id for goods in live.kept(APP_ID)] == ["52"]


def test_goods_that_come_back_are_listed_again(live: LiveStore) -> None:
    live.keep(replace(CUP, deleted_at=AT + 9))
    assert live.kept(APP_ID) == []
    live.keep(CUP)
    assert live.kept(APP_ID) == [CUP]


def test_calls_are_counted_by_account_api_and_day(live: LiveStore) -> None:
    assert [live.count_call(APP_ID, "submit", "2026-11-22") for _ in range(3)] == [1, 2, 3]
    assert live.count_call(APP_ID, "submit", "2026-11-23") == 1
    assert live.count_call(APP_ID, "list", "2026-11-22") == 1
    assert live.count_call(OTHER_APP_ID, "submit", "2026-11-22") == 1
    assert live.calls(APP_ID, "submit", "2026-11-22") == 3
    assert live.calls(APP_ID, "submit", "2026-11-21") == 0


def test_calls_of_many_at_once_are_all_counted(live: LiveStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: live.count_call(APP_ID, "submit", "2026-11-22"), range(40)))
    assert sorted(counts) == list(range(1, 41))
