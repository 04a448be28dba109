from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanhook.errors import Refused, WechatUnreachable
from scanhook.wechat.pages import Misfit, ScanPages, advice_on, check_creation, check_update, read_page
from scanhook.wechat.pages.page import read_parts
from tests.fuzz.strategies import fuzzed, json_value
from tests.wechat.pages_samples import KEY, answered, created, created_page
from tests.wechat.scripted import ScriptedApi

_odd = json_value | st.sampled_from([{"type": "text"}, {"type": "recommend"}, {"type": "anti_fake"}, [], {}, "", 7])


def _spots(found: Any) -> list[tuple[Any, Any]]:
    """Return every place in a document: what holds it, and its name there."""
    names = found.keys() if isinstance(found, dict) else range(len(found)) if isinstance(found, list) else ()
    return [spot for name in names for spot in ((found, name), *_spots(found[name]))]


@st.composite
def _nearly(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """Draw a document in which up to three places are something else."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(0, 3))):
        holder, name = draw(st.sampled_from(_spots(document)))
        holder[name] = copy.deepcopy(draw(_odd))
    return document


def _or_says(errors: tuple[type[Exception], ...], attempt: Callable[[], Any]) -> Any:
    """Return what an attempt gives; ``None`` where it fails with one of the errors, which must say something."""
    try:
        return attempt()
    except errors as error:
        if not str(error):
            pytest.fail("an error that says nothing")
        return None


@fuzzed(300)
@given(st.builds(answered).flatmap(_nearly))
def test_whatever_wechat_answers_is_a_page_that_loses_nothing_or_no_answer(found: dict[str, Any]) -> None:
    page = _or_says((WechatUnreachable,), lambda: ScanPages(ScriptedApi(found)).get(KEY))
    if page is not None:
        assert read_parts(KEY, page.as_wire()["brand_info"], lenient=True) == page
        _or_says((Refused,), lambda: check_creation(page))
        _or_says((Refused,), lambda: check_update(page, there=created_page()))
        assert all(str(remark) for remark in advice_on(page))


@fuzzed(300)
@given(st.builds(created).flatmap(_nearly))
def test_whatever_staff_write_is_a_page_that_is_sent_as_written_or_refused(document: dict[str, Any]) -> None:
    page = _or_says((Misfit,), lambda: read_page(document))
    if page is not None:
        _or_says((Refused,), lambda: check_creation(page))
        assert read_page(page.request()) == page


@fuzzed(100)
@given(json_value)
def test_whatever_else_is_written_is_refused(document: object) -> None:
    assert _or_says((Misfit,), lambda: read_page(document)) is None
