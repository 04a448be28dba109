from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from scanhook.errors import Refused
from scanhook.wechat.live_goods import AuditStatus, Goods, GoodsChange, GoodsDraft, written_id
from scanhook.wechat.live_price import GoodsPrice, PriceType

MEDIA_ID = "ZuYVNKk9sMP1X4m7FXdcDCKra251KDZTjS502UTV7gwalgLZXcrOhG6oNYX6c7AR"
# The example of live-goods-add.md, without the line that it comments out.
EXAMPLE = """
{
    "goodsInfo": {
         "coverImgUrl": "ZuYVNKk9sMP1X4m7FXdcDCKra251KDZTjS502UTV7gwalgLZXcrOhG6oNYX6c7AR",
         "name":"TIT茶杯",
         "priceType":1,
         "price":99.5,
         "url":"pages/index/index"
    }
}
"""
CUP_PRICE = GoodsPrice(type=PriceType.FIXED, price=Decimal("99.5"))


def _draft(**changed: Any) -> GoodsDraft:
    fields = {"media_id": MEDIA_ID, "name": "TIT茶杯", "price": CUP_PRICE, "path": "pages/index/index"}
    return GoodsDraft(**{**fields, **changed})


def _goods(**changed: Any) -> Goods:
    fields = {
        "id": 9,
        "name": "TIT茶杯",
        "image": "xxxx",
        "path": "xxxxxxx",
        "price_type": 1,
        "price": Decimal("99.5"),
        "price2": None,
        "status": 1,
        "by_api": True,
        "third_party_app_id": "",
    }
    return Goods(**{**fields, **changed})


def test_goods_are_sent_as_the_page_shows() -> None:
    assert {"goodsInfo": _draft().as_json()} == json.loads(EXAMPLE)


def test_another_mini_programs_goods_name_it() -> None:
    sent = _draft(third_party_app_id="wxee9f94a3360ad25f").as_json()
    assert sent["thirdPartyAppid"] == "wxee9f94a3360ad25f"


@pytest.mark.parametrize("name", ["茶" * 14, "a" * 28, "茶" * 13 + "ab", "茶"])
def test_a_name_of_fourteen_chinese_characters_is_taken(name: str) -> None:
    assert _draft(name=name).as_json()["name"] == name


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"name": "茶" * 14 + "a"}, "the name is 29 wide, and 28 is all"),
        ({"name": "a" * 29}, "the name is 29 wide"),
        ({"name": " "}, "the name of the goods is empty"),
        ({"name": "茶\n杯"}, "cannot be printed"),
        ({"media_id": ""}, "the picture is missing"),
        ({"path": ""}, "the page's path is empty"),
        ({"path": "https://shop.example.com/1"}, "is a web address"),
        ({"third_party_app_id": "gh_1"}, "a mini program's app id is wx"),
    ],
    ids=range(8),
)
def test_goods_that_the_page_does_not_allow_are_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        _draft(**changed)


def test_a_change_sends_only_what_is_given() -> None:
    assert GoodsChange(price=CUP_PRICE).as_json() == {"priceType": 1, "price": 99.5}
    assert GoodsChange(name="茶壶", path="p/x?url=a/b").as_json() == {"name": "茶壶", "url": "p/x?url=a%2Fb"}
    assert GoodsChange(third_party_app_id="").as_json() == {"thirdPartyAppid": ""}


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (GoodsChange, "nothing is to be changed"),
        (lambda: GoodsChange(name="茶" * 15), "30 wide"),
        (lambda: GoodsChange(media_id=" "), "the picture is missing"),
        (lambda: GoodsChange(path="a b"), "holds blanks"),
        (lambda: GoodsChange(third_party_app_id="x"), "a mini program's app id"),
    ],
    ids=range(5),
)
def test_a_change_that_the_page_does_not_allow_is_refused(build: Callable[[], object], why: str) -> None:
    with pytest.raises(Refused, match=why):
        build()


@pytest.mark.parametrize(
    ("status", "state"),
    [(0, "not reviewed"), (1, "in review"), (2, "approved"), (3, "rejected"), (7, "unknown (7)"), (None, "not told")],
)
def test_a_state_is_told_in_words(status: int | None, state: str) -> None:
    assert _goods(status=status).state == state


def test_goods_are_put_into_a_state() -> None:
    assert _goods(status=None).in_state(AuditStatus.APPROVED) == _goods(status=2)


@pytest.mark.parametrize(
    ("id_", "sent"),
    [("51", 51), ("9223372036854775813", 2**63 + 5), ("0", 0), ("007", "007"), ("g-7", "g-7"), ("５", "５")],
)
def test_an_id_that_is_a_number_is_sent_as_one(id_: str, sent: object) -> None:
    assert written_id(id_) == sent
