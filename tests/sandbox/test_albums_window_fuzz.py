from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanhook.sandbox import albums, wecom_media, window
from scanhook.sandbox.route import Refusal
from scanhook.sandbox.tenant import Kind, Tenant
from scanhook.sandbox.window_shelf import WindowShelf
from tests.fuzz.strategies import fuzzed, json_value
from tests.sandbox.calling import Shop

ROUTES = (*albums.ROUTES, *wecom_media.ROUTES, *window.ROUTES)
_NAMES = (
    *("product_id", "description", "price", "product_sn", "attachments", "limit", "cursor"),
    *("appid", "branch_id", "page_size", "page_index", "last_buffer", "need_total_num", "query_cps_product"),
    *("need_cps_product", "is_hide_for_window"),
)
_values = json_value | st.sampled_from(
    ["1", 1, 10, True, "wx1", "d2luZG93OjE=", "YWxidW06MQ==", 2**64, [{"type": "image"}]]
)


@pytest.mark.parametrize("path", [route.path for route in ROUTES if route.method == "POST"])
@fuzzed(20)
@given(body=st.dictionaries(st.sampled_from(_NAMES), _values))
def test_whatever_is_asked_is_answered_or_refused(path: str, body: dict[str, Any]) -> None:
    shop = Shop(routes=ROUTES, tenant=Tenant("ww1", secret="s", rights=frozenset(), kind=Kind.WECOM))
    shop.tenant.shelf(WindowShelf).put_promoted("1", "2")
    with suppress(Refusal):
        shop.post(path, body)
