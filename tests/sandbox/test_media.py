from __future__ import annotations

import pytest

from scanhook.sandbox.media import IMAGE_MAX_BYTES, ROUTES
from scanhook.sandbox.route import Refusal
from tests.sandbox.calling import AT, Shop
from tests.sandbox.pictures import gif, jpeg, png

UPLOAD = "/cgi-bin/media/upload"
GET = "/cgi-bin/media/get"
DAY = 86400


@pytest.fixture
def shop() -> Shop:
    return Shop(routes=ROUTES)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(png(1, 1), "image/png"), (jpeg(1, 1), "image/jpeg"), (gif(1, 1), "image/gif")],
    ids=["png", "jpeg", "gif"],
)
def test_a_picture_goes_up_and_comes_down_as_it_was(shop: Shop, content: bytes, content_type: str) -> None:
    answer = shop.upload(UPLOAD, content, type="image")
    assert (answer["type"], answer["created_at"]) == ("image", int(AT))
    found = shop.download(GET, media_id=answer["media_id"])
    assert (found.content, found.content_type, found.filename) == (content, content_type, "a.png")


def test_material_holds_for_three_days(shop: Shop) -> None:
    media_id = shop.upload(UPLOAD, png(1, 1), type="image")["media_id"]
    shop.now = AT + 3 * DAY - 1
    assert shop.download(GET, media_id=media_id).content == png(1, 1)
    shop.now = AT + 3 * DAY
    assert shop.code("GET", GET, media_id=media_id) == 40007


def test_material_is_its_owners_alone(shop: Shop) -> None:
    media_id = shop.upload(UPLOAD, png(1, 1), type="image")["media_id"]
    assert Shop(routes=ROUTES).code("GET", GET, media_id=media_id) == 40007


def test_the_oldest_material_goes_when_there_is_too_much(shop: Shop) -> None:
    ids = [shop.upload(UPLOAD, png(1, 1), type="image")["media_id"] for _ in range(501)]
    assert shop.code("GET", GET, media_id=ids[0]) == 40007
    assert shop.download(GET, media_id=ids[1])


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (png(1, 1), "video", 40004),
        (None, "image", 41005),
        (b"", "image", 41005),
        (b"%PDF", "image", 40005),
        (png(1, 1).ljust(IMAGE_MAX_BYTES + 1), "image", 40009),
    ],
    ids=["type", "no file", "empty", "no picture", "too large"],
)
def test_what_is_no_picture_is_not_kept(shop: Shop, content: bytes | None, kind: str, code: int) -> None:
    with pytest.raises(Refusal) as caught:
        shop.upload(UPLOAD, content, type=kind)
    assert caught.value.code == code


def test_a_media_id_that_was_never_given_is_refused(shop: Shop) -> None:
    assert shop.code("GET", GET) == 40007
