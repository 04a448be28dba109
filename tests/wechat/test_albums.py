from __future__ import annotations

from typing import Any

import pytest

from scanhook.errors import Refused, WechatUnreachable
from scanhook.wechat import Downloaded, Upload
from scanhook.wechat.album import AlbumChange, AlbumDraft, AlbumPage, AlbumProduct
from scanhook.wechat.albums import Albums
from tests.wechat.scripted import Call, ScriptedApi

OK: dict[str, Any] = {"errcode": 0, "errmsg": "ok"}
ATTACHMENTS = [{"type": "image", "image": {"media_id": "MEDIA_ID"}}]
LISTED: dict[str, Any] = {
    "product_id": "xxxxxxxxxx",
    "description": "世界上最好的商品",
    "price": 30000,
    "product_sn": "xxxxxxxx",
    "attachments": ATTACHMENTS,
}
"""The product of the page's list; the answer to `get` has a `create_time`, too."""
PRODUCT = AlbumProduct(
    product_id="xxxxxxxxxx",
    description="世界上最好的商品",
    price_fen=30000,
    product_sn="xxxxxxxx",
    images=("MEDIA_ID",),
    created_at=None,
)
FAMILY = "/cgi-bin/externalcontact"


def _page(*product_ids: str, cursor: str) -> dict[str, Any]:
    listed = [{**LISTED, "product_id": product_id} for product_id in product_ids]
    return {**OK, "next_cursor": cursor, "product_list": listed}


def test_adding_sends_what_the_page_shows_and_returns_the_id() -> None:
    api = ScriptedApi({**OK, "product_id": "xxxxxxxxxx"})
    draft = AlbumDraft(description="世界上最好的商品", price_fen=30000, product_sn="xxxxxxxx", images=("MEDIA_ID",))
    assert Albums(api).add(draft) == "xxxxxxxxxx"
    body = {
        "description": "世界上最好的商品",
        "price": 30000,
        "product_sn": "xxxxxxxx",
        "attachments": ATTACHMENTS,
    }
    assert api.calls == [Call(verb="write", path=f"{FAMILY}/add_product_album", body=body)]


def test_a_product_is_read_as_the_page_shows_it() -> None:
    api = ScriptedApi({**OK, "product": {**LISTED, "create_time": 1600000000}})
    product = Albums(api).get("xxxxxxxxxx")
    assert (product.product_id, product.created_at, product.price_fen) == ("xxxxxxxxxx", 1600000000, 30000)
    assert product.images == ("MEDIA_ID",)
    assert api.calls == [Call(verb="read", path=f"{FAMILY}/get_product_album", body={"product_id": "xxxxxxxxxx"})]


def test_a_page_of_the_list_is_read_as_the_page_shows_it() -> None:
    api = ScriptedApi({**OK, "next_cursor": "CURSOR", "product_list": [LISTED]})
    assert Albums(api).page() == AlbumPage(products=(PRODUCT,), next_cursor="CURSOR")
    assert api.calls == [Call(verb="read", path=f"{FAMILY}/get_product_album_list", body={"limit": 50})]


def test_a_page_is_asked_for_with_limit_and_cursor() -> None:
    api = ScriptedApi(_page(cursor=""))
    Albums(api).page(limit=50, cursor="CURSOR")
    assert api.bodies == [{"limit": 50, "cursor": "CURSOR"}]


@pytest.mark.parametrize("limit", [1, 100, 101])
def test_a_limit_above_the_greatest_goes_as_it_is_and_wecom_falls_back(limit: int) -> None:
    api = ScriptedApi(_page("a", cursor=""))
    Albums(api).page(limit=limit)
    assert api.bodies == [{"limit": limit}]


def test_a_limit_of_none_is_refused_before_it_is_sent() -> None:
    with pytest.raises(Refused, match="the limit is 0: ask for 1 to 100 products"):
        Albums(ScriptedApi()).page(limit=0)


def test_all_products_are_read_to_the_end_also_over_an_empty_page() -> None:
    api = ScriptedApi(_page("a", "b", cursor="one"), _page(cursor="two"), _page("c", cursor=""))
    assert [product.product_id for product in Albums(api).products()] == ["a", "b", "c"]
    assert api.bodies == [{"limit": 100}, {"limit": 100, "cursor": "one"}, {"limit": 100, "cursor": "two"}]


@pytest.mark.parametrize("cursors", [("a", "a"), ("a", "b", "a")], ids=["at once", "in a ring"])
def test_a_cursor_that_comes_again_ends_the_reading(cursors: tuple[str, ...]) -> None:
    api = ScriptedApi(*(_page("x", cursor=cursor) for cursor in cursors))
    with pytest.raises(WechatUnreachable, match="the same next_cursor came twice"):
        list(Albums(api).products())


def test_an_update_sends_the_id_and_only_what_is_given() -> None:
    api = ScriptedApi(OK)
    Albums(api).update("xxxxxxxxxx", AlbumChange(price_fen=1))
    body = {"product_id": "xxxxxxxxxx", "price": 1}
    assert api.calls == [Call(verb="write", path=f"{FAMILY}/update_product_album", body=body)]


def test_a_product_is_deleted_by_its_id() -> None:
    api = ScriptedApi(OK)
    Albums(api).delete("xxxxxxxxxx")
    assert api.calls == [Call(verb="write", path=f"{FAMILY}/delete_product_album", body={"product_id": "xxxxxxxxxx"})]


@pytest.mark.parametrize("act", ["get", "delete"])
def test_an_empty_id_is_refused_before_it_is_sent(act: str) -> None:
    with pytest.raises(Refused, match="the product id is empty"):
        getattr(Albums(ScriptedApi()), act)("")


def test_an_image_goes_up_as_an_attachment_of_albums() -> None:
    image = Upload(filename="image.png", content=b"\x89PNG", content_type="image/png")
    api = ScriptedApi({**OK, "type": "image", "media_id": "MEDIA_ID", "created_at": 1380000000})
    assert Albums(api).upload_image(image) == "MEDIA_ID"
    query = {"media_type": "image", "attachment_type": "2"}
    assert api.calls == [Call(verb="upload", path="/cgi-bin/media/upload_attachment", body=image, query=query)]


def test_an_image_comes_down_by_its_media_id() -> None:
    file = Downloaded(content=b"\x89PNG", content_type="image/png")
    api = ScriptedApi(file)
    assert Albums(api).image("MEDIA_ID") == file
    assert api.calls == [Call(verb="download", path="/cgi-bin/media/get", query={"media_id": "MEDIA_ID"})]


def test_an_image_without_a_media_id_is_not_asked_for() -> None:
    with pytest.raises(Refused, match="the media id is empty"):
        Albums(ScriptedApi()).image("")


@pytest.mark.parametrize(
    ("product", "images"),
    [
        ({"attachments": [{"type": "video", "video": {"media_id": "V"}}, *ATTACHMENTS]}, ("MEDIA_ID",)),
        ({"attachments": [{"type": "image", "image": {}}]}, ()),
        ({}, ()),
    ],
    ids=["another kind", "no media id", "none"],
)
def test_attachments_that_are_no_images_are_left_out(product: dict[str, Any], images: tuple[str, ...]) -> None:
    api = ScriptedApi({**OK, "product": {"product_id": 7, "later": 1, **product}})
    found = Albums(api).get("7")
    assert (found.product_id, found.images) == ("7", images)


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({}, "product"),
        ({"product": []}, "product"),
        ({"product": {}}, r"product\.product_id"),
        ({"product": {**LISTED, "price": "cheap"}}, r"product\.price"),
        ({"product": {**LISTED, "attachments": "none"}}, r"product\.attachments"),
        ({"product": {**LISTED, "attachments": [{"type": "image"}]}}, r"product\.attachments\[0\]\.image"),
    ],
    ids=range(6),
)
def test_an_answer_of_another_shape_is_no_answer(answer: dict[str, Any], field: str) -> None:
    with pytest.raises(WechatUnreachable, match=f"get_product_album: the answer is not what the page says: {field} is"):
        Albums(ScriptedApi({**OK, **answer})).get("xxxxxxxxxx")
