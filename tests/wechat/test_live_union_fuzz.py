from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scanhook.errors import Refused, WechatUnreachable
from scanhook.wechat.live import LiveGoods
from scanhook.wechat.live_goods import AuditStatus
from scanhook.wechat.live_path import encode_page_path
from scanhook.wechat.picture import picture_size
from scanhook.wechat.union import Union
from tests.fuzz.strategies import fuzzed, json_value
from tests.wechat.scripted import ScriptedApi
from tests.wechat.test_live import APPROVED, STATE
from tests.wechat.test_picture import GIF, JPEG, PNG
from tests.wechat.test_union_product import EXAMPLE


def _spots(found: Any, *above: Any) -> list[tuple[Any, ...]]:
    """Return the way to every place in a document."""
    names = found if isinstance(found, dict) else range(len(found)) if isinstance(found, list) else ()
    return [way for name in names for way in ((*above, name), *_spots(found[name], *above, name))]


def _spoiled(document: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a document in which up to three places are something else."""
    changes = st.lists(st.tuples(st.sampled_from(_spots(document)), json_value), max_size=3)
    return changes.map(lambda chosen: _changed(document, chosen))


def _changed(document: dict[str, Any], changes: list[tuple[tuple[Any, ...], Any]]) -> dict[str, Any]:
    document = copy.deepcopy(document)
    for (*above, name), value in changes:
        holder: Any = document
        with suppress(LookupError, TypeError):  # an earlier change took the place away
            for step in above:
                holder = holder[step]
            holder[name] = value
    return document


@fuzzed(150)
@given(_spoiled(EXAMPLE))
def test_union_products_are_read_or_cannot_be_used(document: dict[str, Any]) -> None:
    with suppress(WechatUnreachable):
        Union(ScriptedApi(document)).page()


@fuzzed(150)
@given(_spoiled(STATE), _spoiled(APPROVED))
def test_live_goods_are_read_or_cannot_be_used(states: dict[str, Any], page: dict[str, Any]) -> None:
    with suppress(WechatUnreachable):
        assert all(goods.state for goods in LiveGoods(ScriptedApi(states)).states(["9"]))
    with suppress(WechatUnreachable):
        LiveGoods(ScriptedApi(page)).page(AuditStatus.APPROVED)


@fuzzed(300)
@given(st.sampled_from([PNG, GIF, JPEG]), st.integers(0, 330), st.binary(max_size=60))
def test_a_picture_has_a_size_or_is_refused(picture: bytes, place: int, other: bytes) -> None:
    with suppress(Refused):
        assert min(picture_size("cup", picture[:place] + other)) > 0


@fuzzed(300)
@given(st.text(alphabet="ab茶:/?&=%2F.# ", max_size=30))
def test_an_encoded_path_stays_as_it_is(path: str) -> None:
    with suppress(Refused):
        encoded = encode_page_path(path)
        assert encode_page_path(encoded) == encoded
