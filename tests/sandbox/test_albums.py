from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from scanhook.sandbox import albums, wecom_media
from scanhook.sandbox.album_shelf import SYSTEM_ENDS_AT, AlbumShelf, Application, ApplicationKind, application_of
from scanhook.sandbox.route import Refusal
from scanhook.sandbox.tenant import Kind, Tenant
from tests.sandbox.calling import AT, Shop
from tests.sandbox.desk import Desk
from tests.sandbox.pictures import jpeg, png

FAMILY = "/cgi-bin/externalcontact"
ADD, GET, LIST = f"{FAMILY}/add_product_album", f"{FAMILY}/get_product_album", f"{FAMILY}/get_product_album_list"
UPDATE, DELETE = f"{FAMILY}/update_product_album", f"{FAMILY}/delete_product_album"
UP = "/cgi-bin/media/upload_attachment"
ROUTES = (*albums.ROUTES, *wecom_media.ROUTES)

# The examples of wecom-product-album.md.
ADDED = """
{
  "description":"世界上最好的商品",
  "price":30000,
  "product_sn":"xxxxxxxx",
  "attachments":[
    {
      "type": "image",
      "image": {
        "media_id": "MEDIA_ID"
      }
    }
  ]
}
"""
LISTED = """
{
  "errcode":0,
  "errmsg":"ok",
  "next_cursor":"CURSOR",
  "product_list":[
    {
      "product_id" : "xxxxxxxxxx",
      "description":"世界上最好的商品",
      "price":30000,
      "product_sn":"xxxxxxxx",
      "attachments":[
        {
          "type": "image",
          "image": {
            "media_id": "MEDIA_ID"
          }
        }
      ]
    }
  ]
}
"""


def _application(name: str, beside: Tenant | None = None, **described: Any) -> Shop:
    tenant = Tenant(
        "ww1234567890abcdef",
        secret=name,
        rights=frozenset({"albums"}),
        kind=Kind.WECOM,
        name=name,
        beside=beside,
    )
    return Shop(routes=ROUTES, tenant=application_of(tenant, Application(**described)) if described else tenant)


@pytest.fixture
def goods() -> Shop:
    return _application("goods")


@pytest.fixture
def other(goods: Shop) -> Shop:
    return _application("other", beside=goods.tenant)


def _up(shop: Shop, content: bytes | None = None, purpose: str = "2") -> str:
    answer = shop.upload(UP, content or png(64, 64), media_type="image", attachment_type=purpose)
    return str(answer["media_id"])


def _product(shop: Shop, **changed: Any) -> dict[str, Any]:
    """Write the request of the page's example, with a picture that is there."""
    product = {**json.loads(ADDED), "attachments": [{"type": "image", "image": {"media_id": _up(shop)}}], **changed}
    return {name: value for name, value in product.items() if value is not None}


def _add(shop: Shop, **changed: Any) -> str:
    answer = shop.post(ADD, _product(shop, **changed))
    assert set(answer) == {"product_id"}
    return str(answer["product_id"])


def _all(shop: Shop, limit: int) -> Iterator[list[dict[str, Any]]]:
    cursor = ""
    while True:
        answer = shop.post(LIST, {"limit": limit, "cursor": cursor})
        yield answer["product_list"]
        cursor = answer["next_cursor"]
        if not cursor:
            return


def test_a_product_that_is_added_is_got_in_the_shape_of_the_page(goods: Shop) -> None:
    product = _product(goods)
    product_id = goods.post(ADD, product)["product_id"]
    expected = {**json.loads(LISTED)["product_list"][0], "product_id": product_id}
    expected["attachments"] = product["attachments"]
    assert goods.post(GET, {"product_id": product_id}) == {"product": {**expected, "create_time": int(AT)}}
    assert goods.post(LIST) == {"next_cursor": "", "product_list": [expected]}


@pytest.mark.parametrize(
    "changed",
    [
        {"description": "微" * 300},
        {"price": 0},
        {"price": 5_000_000},
        {"product_sn": "A9" * 64},
        {"product_sn": None},
        {"product_sn": ""},
    ],
    ids=range(6),
)
def test_what_is_just_within_the_limits_is_taken(goods: Shop, changed: dict[str, Any]) -> None:
    _add(goods, **changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"description": "微" * 301},
        {"description": ""},
        {"description": None},
        {"description": 5},
        {"price": 5_000_001},
        {"price": -1},
        {"price": "30000"},
        {"price": True},
        {"price": None},
        {"product_sn": "A9" * 64 + "A"},
        {"product_sn": "A-9"},
        {"product_sn": "编码"},
        {"product_sn": "A\n"},
        {"attachments": []},
        {"attachments": None},
        {"attachments": [{"type": "video"}]},
        {"attachments": ["MEDIA_ID"]},
    ],
    ids=range(17),
)
def test_what_is_beyond_the_limits_is_refused(goods: Shop, changed: dict[str, Any]) -> None:
    assert goods.code("POST", ADD, _product(goods, **changed)) == 40035
    assert goods.post(LIST)["product_list"] == []


def test_nine_pictures_are_taken_and_ten_are_not(goods: Shop) -> None:
    pictures = [{"type": "image", "image": {"media_id": _up(goods)}} for _ in range(10)]
    _add(goods, attachments=pictures[:9])
    assert goods.code("POST", ADD, _product(goods, attachments=pictures)) == 40035


@pytest.mark.parametrize("media_id", ["MEDIA_ID", "", None, 5])
def test_a_picture_that_never_went_up_is_refused(goods: Shop, media_id: object) -> None:
    wrong = _product(goods, attachments=[{"type": "image", "image": {"media_id": media_id}}])
    assert goods.code("POST", ADD, wrong) == 40007


def test_a_picture_for_moments_is_none_for_albums(goods: Shop) -> None:
    moments = [{"type": "image", "image": {"media_id": _up(goods, purpose="1")}}]
    assert goods.code("POST", ADD, _product(goods, attachments=moments)) == 40007


def test_a_picture_is_good_for_three_days(goods: Shop) -> None:
    media_id = _up(goods)
    goods.now += 3 * 86400 - 1
    product = _product(goods, attachments=[{"type": "image", "image": {"media_id": media_id}}])
    goods.now += 1
    assert goods.code("POST", ADD, product) == 40007
    assert goods.code("GET", "/cgi-bin/media/get", media_id=media_id) == 40007


def test_a_picture_in_an_album_is_fetched_by_every_application_of_the_company(goods: Shop, other: Shop) -> None:
    picture = jpeg(64, 64)
    _add(goods, attachments=[{"type": "image", "image": {"media_id": _up(goods, picture)}}])
    other.now += 30 * 86400
    [product] = other.post(LIST)["product_list"]
    found = other.download("/cgi-bin/media/get", media_id=product["attachments"][0]["image"]["media_id"])
    assert (found.content, found.content_type) == (picture, "image/jpeg")


@pytest.mark.parametrize(
    ("content", "query", "code"),
    [
        (b"GIF89a" + bytes(20), {}, 40004),
        (b"\xff\xd8\xff\xe0\x00", {}, 40009),
        (png(1, 1) + bytes(10 * 1024 * 1024), {}, 40009),
        (None, {}, 41005),
        (png(1, 1), {"media_type": "video"}, 40005),
        (png(1, 1), {"attachment_type": "3"}, 40035),
    ],
    ids=range(6),
)
def test_what_is_no_picture_does_not_go_up(
    goods: Shop, content: bytes | None, query: dict[str, str], code: int
) -> None:
    with pytest.raises(Refusal) as caught:
        goods.upload(UP, content, **{"media_type": "image", "attachment_type": "2", **query})
    assert caught.value.code == code


def test_the_list_goes_to_its_end_by_cursors(goods: Shop) -> None:
    added = [_add(goods, description=f"商品 {number}") for number in range(5)]
    pages = [[product["product_id"] for product in page] for page in _all(goods, 2)]
    assert pages == [added[:2], added[2:4], added[4:]]
    assert [len(page) for page in _all(goods, 5)] == [5]


def test_a_cursor_still_stands_when_a_product_before_it_is_deleted(goods: Shop) -> None:
    added = [_add(goods) for _ in range(4)]
    cursor = goods.post(LIST, {"limit": 2})["next_cursor"]
    goods.post(DELETE, {"product_id": added[0]})
    goods.post(DELETE, {"product_id": added[1]})
    found = goods.post(LIST, {"limit": 2, "cursor": cursor})["product_list"]
    assert [product["product_id"] for product in found] == added[2:]


@pytest.mark.parametrize(("limit", "given"), [(None, 50), (50, 50), (100, 100), (101, 50), (10_000, 50), (0, 50)])
def test_a_limit_over_a_hundred_is_taken_for_fifty(goods: Shop, limit: int | None, given: int) -> None:
    picture = [{"type": "image", "image": {"media_id": _up(goods)}}]
    for _ in range(102):
        goods.post(ADD, {**json.loads(ADDED), "attachments": picture})
    assert len(goods.post(LIST, {} if limit is None else {"limit": limit})["product_list"]) == given


@pytest.mark.parametrize(
    "body", [{"limit": "50"}, {"limit": True}, {"cursor": "CURSOR"}, {"cursor": 5}, {"cursor": "商"}]
)
def test_a_list_that_cannot_be_asked_so_is_refused(goods: Shop, body: dict[str, Any]) -> None:
    assert goods.code("POST", LIST, body) == 40035


def test_an_update_changes_only_what_is_given(goods: Shop) -> None:
    product_id = _add(goods)
    before = goods.post(GET, {"product_id": product_id})["product"]
    assert goods.post(UPDATE, {"product_id": product_id, "price": 1}) == {}
    assert goods.post(GET, {"product_id": product_id})["product"] == {**before, "price": 1}


def test_an_update_that_is_wrong_changes_nothing(goods: Shop) -> None:
    product_id = _add(goods)
    before = goods.post(GET, {"product_id": product_id})
    assert goods.code("POST", UPDATE, {"product_id": product_id, "price": 1, "product_sn": "?"}) == 40035
    assert goods.post(GET, {"product_id": product_id}) == before


def test_a_deleted_product_is_gone(goods: Shop) -> None:
    product_id = _add(goods)
    assert goods.post(DELETE, {"product_id": product_id}) == {}
    assert goods.code("POST", GET, {"product_id": product_id}) == 40035
    assert goods.post(LIST)["product_list"] == []


@pytest.mark.parametrize("path", [GET, UPDATE, DELETE])
@pytest.mark.parametrize("product_id", ["xxxxxxxxxx", "", None, 5])
def test_a_product_that_is_not_there_is_refused(goods: Shop, path: str, product_id: object) -> None:
    assert goods.code("POST", path, {"product_id": product_id}) == 40035


def test_another_application_sees_a_product_and_cannot_change_it(goods: Shop, other: Shop) -> None:
    product_id = _add(goods)
    assert other.post(GET, {"product_id": product_id})["product"]["price"] == 30000
    assert [product["product_id"] for product in other.post(LIST)["product_list"]] == [product_id]
    assert other.code("POST", UPDATE, {"product_id": product_id, "price": 1}) == 60011
    assert other.code("POST", DELETE, {"product_id": product_id}) == 60011
    assert goods.post(GET, {"product_id": product_id})["product"]["price"] == 30000


@pytest.mark.parametrize(
    ("described", "seen"),
    [
        ({"kind": ApplicationKind.OWN}, 1),
        ({"kind": ApplicationKind.OWN, "sees": frozenset({"lisi"})}, 1),
        ({"kind": ApplicationKind.OWN, "sees": frozenset({"zhangsan"})}, 2),
        ({"kind": ApplicationKind.DEVELOPED}, 2),
        ({"kind": ApplicationKind.THIRD_PARTY}, 2),
    ],
    ids=range(5),
)
def test_an_own_application_lists_members_products_of_its_range_only(described: dict[str, Any], seen: int) -> None:
    shop = _application("goods", **described)
    _add(shop)
    shop.tenant.shelf(AlbumShelf).add(
        description="张三的商品", price=1, product_sn="", media_ids=(), added_by="", member="zhangsan", now=AT
    )
    assert len(shop.post(LIST)["product_list"]) == seen


def test_a_members_product_is_got_by_no_application(goods: Shop) -> None:
    album = goods.tenant.shelf(AlbumShelf).add(
        description="张三的商品", price=1, product_sn="", media_ids=(), added_by="", member="zhangsan", now=AT
    )
    assert goods.code("POST", GET, {"product_id": album.product_id}) == 40035


def test_a_system_application_is_refused_since_december_2023() -> None:
    shop = _application("contact", kind=ApplicationKind.SYSTEM)
    assert shop.code("POST", LIST) == 48002
    shop.now = SYSTEM_ENDS_AT - 1
    assert shop.code("POST", LIST) == 0
    shop.now = SYSTEM_ENDS_AT
    assert shop.code("POST", LIST) == 48002


def test_a_company_that_called_before_still_may() -> None:
    shop = _application("contact", kind=ApplicationKind.SYSTEM)
    shop.tenant.shelf(AlbumShelf).called_before = True
    assert shop.code("POST", LIST) == 0


@pytest.mark.parametrize("path", [ADD, GET, LIST, UPDATE, DELETE])
def test_an_application_without_the_right_calls_nothing(path: str) -> None:
    shop = _application("goods", may_call=False)
    assert shop.code("POST", path, {"product_id": "x"}) == 48002


def test_albums_are_listed_through_the_whole_sandbox(desk: Desk) -> None:
    token = desk.gettoken()["access_token"]
    assert desk.ask("POST", LIST, {}, query={"access_token": token}) == {
        "errcode": 0,
        "errmsg": "ok",
        "next_cursor": "",
        "product_list": [],
    }
    assert desk.call(LIST, {})["errcode"] == 40014  # an official account's token is none here
