from __future__ import annotations

from collections.abc import Callable

import pytest

from scanhook.errors import Refused
from scanhook.wechat.union_filter import QueryType, ShipsFrom, ShipsHow, SortType, UnionFilter


def test_without_a_filter_nothing_is_sent() -> None:
    assert UnionFilter().as_query() == {}


def test_every_filter_of_the_page_is_sent_as_libraries_send_it() -> None:
    wanted = UnionFilter(
        query="儿童床",
        query_type=QueryType.SHOP_NAME,
        min_price_fen=0,
        max_price_fen=2000,
        min_commission_fen=100,
        min_commission_ratio=500,
        sort=SortType.SALES_DESCENDING,
        category_id="1270",
        without_categories=("1030", "1031"),
        product_ids=("7554942", "6565746"),
        shop_app_ids=("wxee9f94a3360ad25f", "wx678687fa5226e237"),
        has_coupon=True,
        ships_how=ShipsHow(express=True),
        ships_from=(
            ShipsFrom(province="广东省", city="深圳市", county="南山区", how=ShipsHow(same_city=True, pickup=True)),
            ShipsFrom(province="北京市"),
        ),
    )
    assert wanted.as_query() == {
        "query": "儿童床",
        "queryType": "1",
        "minPrice": "0",
        "maxPrice": "2000",
        "minCommissionValue": "100",
        "minCommissionRatio": "500",
        "sortType": "8",
        "categoryId": "1270",
        "noCategory": "1030,1031",
        "productId": "7554942,6565746",
        "shopAppIds": '["wxee9f94a3360ad25f","wx678687fa5226e237"]',
        "hasCoupon": "1",
        "shippingMethods": '{"express":1,"sameCity":0,"pickup":0}',
        "addressList": (
            '[{"addressInfo":{"provinceName":"广东省","cityName":"深圳市","countryName":"南山区"},'
            '"addressType":{"express":0,"sameCity":1,"pickup":1}},'
            '{"addressInfo":{"provinceName":"北京市"}}]'
        ),
    }
    assert wanted.overruled == ""


def test_one_category_counts_before_several_and_it_is_said() -> None:
    both = UnionFilter(category_id="1270", categories=("1247", "1267"))
    assert both.as_query() == {"categoryId": "1270", "category": "1247,1267"}
    assert both.overruled == (
        "both one category (1270) and a list of categories (1247, 1267) are given: "
        "WeChat takes the one and does not look at the list"
    )
    assert UnionFilter(categories=("1247",)).overruled == ""


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (lambda: UnionFilter(query_type=QueryType.PRODUCT_ID), "not what for"),
        (lambda: UnionFilter(min_price_fen=-1), "the lowest price is -1"),
        (lambda: UnionFilter(max_price_fen=-1), "the highest price is -1"),
        (lambda: UnionFilter(min_commission_fen=-1), "the lowest commission is -1"),
        (lambda: UnionFilter(min_commission_ratio=-1), "the lowest commission ratio is -1"),
        (lambda: UnionFilter(min_commission_ratio=10_001), "more than the price itself"),
        (lambda: UnionFilter(min_price_fen=2, max_price_fen=1), "2 fen, is above the highest, 1 fen"),
        (lambda: UnionFilter(category_id="bed"), "`bed` is no category id"),
        (lambda: UnionFilter(categories=("1247", "")), "`` is no category id"),
        (lambda: UnionFilter(without_categories=("1247,1267",)), "`1247,1267` is no category id"),
        (lambda: UnionFilter(product_ids=("７",)), "`７` is no product id"),
        (lambda: UnionFilter(shop_app_ids=("shop",)), "a shop's app id is wx"),
        (lambda: ShipsFrom(province=""), "needs a province"),
        (lambda: ShipsFrom(province="广东省", county="南山区"), "南山区, and no city"),
    ],
    ids=range(14),
)
def test_what_the_page_does_not_allow_is_refused(build: Callable[[], object], why: str) -> None:
    with pytest.raises(Refused, match=why):
        build()


def test_the_bounds_themselves_are_allowed() -> None:
    wanted = UnionFilter(min_price_fen=5, max_price_fen=5, min_commission_ratio=10_000)
    assert wanted.as_query() == {"minPrice": "5", "maxPrice": "5", "minCommissionRatio": "10000"}


def test_the_enumerations_are_those_of_the_page() -> None:
    assert [query.value for query in QueryType] == [0, 1, 2]
    assert [sort.value for sort in SortType] == [0, 1, 2, 3, 4, 5, 6, 7, 8]
