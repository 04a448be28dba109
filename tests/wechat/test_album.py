from __future__ import annotations

from typing import Any

import pytest

from scanhook.errors import Refused
from scanhook.wechat.album import AlbumChange, AlbumDraft

GOOD: dict[str, Any] = {
    "description": "世界上最好的商品",
    "price_fen": 30000,
    "product_sn": "xxxxxxxx",
    "images": ("MEDIA_ID",),
}


def test_a_draft_is_sent_as_the_page_shows() -> None:
    assert AlbumDraft(**GOOD).as_json() == {
        "description": "世界上最好的商品",
        "price": 30000,
        "product_sn": "xxxxxxxx",
        "attachments": [{"type": "image", "image": {"media_id": "MEDIA_ID"}}],
    }


def test_a_product_needs_no_number_of_its_own() -> None:
    assert "product_sn" not in AlbumDraft(**{**GOOD, "product_sn": ""}).as_json()


@pytest.mark.parametrize(
    "changed",
    [
        {"description": "好" * 300},
        {"description": "d"},
        {"price_fen": 0},
        {"price_fen": 5_000_000},
        {"product_sn": "aZ09" * 32},
        {"images": ("m",) * 9},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_the_limits_themselves_are_taken(changed: dict[str, Any]) -> None:
    assert AlbumDraft(**{**GOOD, **changed}).as_json()
    assert AlbumChange(**changed).as_json()


WRONG = [
    ({"description": "好" * 301}, "the description has 301 characters: WeCom takes 300 at most"),
    ({"description": " "}, "the description is empty"),
    ({"price_fen": -1}, r"the price is -0\.01 yuan"),
    ({"price_fen": 5_000_001}, r"the price is 50000\.01 yuan \(5000001 fen\): WeCom takes 0 to 50000\.00 yuan"),
    ({"product_sn": "a" * 129}, "the product_sn has 129 bytes, and 128 is all"),
    ({"product_sn": "A-1"}, "only the letters"),
    ({"product_sn": "é"}, "only the letters"),
    ({"product_sn": "１"}, "only the letters"),
    ({"product_sn": "a\n"}, "only the letters"),
    ({"images": ()}, "the product has 0 images: WeCom takes 1 to 9"),
    ({"images": ("m",) * 10}, "the product has 10 images: WeCom takes 1 to 9"),
    ({"images": ("m", "")}, "a media id is empty"),
]


@pytest.mark.parametrize(("changed", "why"), WRONG, ids=range(len(WRONG)))
def test_what_wecom_would_not_take_cannot_be_built(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        AlbumDraft(**{**GOOD, **changed})
    with pytest.raises(Refused, match=why):
        AlbumChange(**changed)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"price_fen": 0}, {"price": 0}),
        ({"product_sn": ""}, {"product_sn": ""}),
        ({"description": "新"}, {"description": "新"}),
        ({"images": ("M",)}, {"attachments": [{"type": "image", "image": {"media_id": "M"}}]}),
    ],
    ids=["price", "product_sn", "description", "images"],
)
def test_a_change_sends_only_what_is_given(given: dict[str, Any], sent: dict[str, Any]) -> None:
    assert AlbumChange(**given).as_json() == sent


def test_a_change_of_nothing_is_refused() -> None:
    with pytest.raises(Refused, match="nothing is to be changed"):
        AlbumChange()
