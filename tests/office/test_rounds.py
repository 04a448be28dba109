from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from scanhook.errors import WechatUnreachable
from scanhook.office.pages_source import PagesSource
from scanhook.office.sources import LiveSource, UnionSource
from scanhook.office.syncing import Portion, Source
from scanhook.wechat.live import LiveGoods
from scanhook.wechat.pages import ScanPages
from scanhook.wechat.union import Union
from scanhook.wechat.union_filter import UnionFilter
from tests.office.directory import OWNER
from tests.office.test_pages_source import known_all
from tests.wechat.shifting import ShiftingApi, StuckApi

Open = Callable[[ShiftingApi | StuckApi], Source]
OPEN: dict[str, Open] = {
    "pages": lambda api: PagesSource(owner=OWNER, pages=ScanPages(api)),
    "union": lambda api: UnionSource(owner=OWNER, union=Union(api), wanted=UnionFilter(query="茶")),
    "live": lambda api: LiveSource(owner=OWNER, goods=LiveGoods(api)),
}
# The list of live goods is the second of four states, and the state before it costs a call.
BEFORE = {"pages": 0, "union": 0, "live": 1}


def remove(name: str) -> Callable[[list[str]], object]:
    return lambda names: names.remove(name)


def ids(portions: Iterator[Portion]) -> list[str]:
    return [listed.id.removeprefix("qrcode/") for portion in portions for listed in portion.listed]


@pytest.mark.parametrize("system", OPEN)
def test_what_slides_past_the_offset_is_found_in_a_second_round(system: str) -> None:
    api = ShiftingApi(list("1234"), happens={1 + BEFORE[system]: remove("1")})
    assert ids(OPEN[system](api).portions("", known_all)) == ["1", "2", "4", "3"]


@pytest.mark.parametrize("system", OPEN)
def test_a_list_that_stays_as_it_is_needs_one_round(system: str) -> None:
    api = ShiftingApi(list("12345"), happens={})
    assert ids(OPEN[system](api).portions("", known_all)) == list("12345")
    assert len(api.calls) == {"pages": 3, "union": 3, "live": 3 + 3 + 4}[system]


@pytest.mark.parametrize("system", OPEN)
def test_a_list_that_is_never_whole_is_an_error_and_begins_anew(system: str) -> None:
    calls = range(1 + BEFORE[system], 30)
    api = ShiftingApi(list("1234"), happens={call: lambda names: names.insert(0, names.pop()) for call in calls})
    portions: list[Portion] = []
    with pytest.raises(WechatUnreachable, match=f"^{system}: the list was read 3 times, .* nothing was taken for gone"):
        portions.extend(OPEN[system](api).portions("", known_all))
    assert sorted(ids(iter(portions))) == list("1234")
    assert portions[-1].place == ""


@pytest.mark.parametrize("system", OPEN)
def test_a_list_that_repeats_itself_is_an_error(system: str) -> None:
    api = StuckApi()
    with pytest.raises(WechatUnreachable, match="list repeats itself"):
        list(OPEN[system](api).portions("", known_all))
    assert len(api.calls) < 10


def stopped(source: Source, *, after: int) -> str:
    """Return the place where a run stands after some portions."""
    *_, last = islice(source.portions("", known_all), after)
    return last.place


@pytest.mark.parametrize("system", ["pages", "union"])
def test_a_run_goes_on_where_nothing_has_moved(system: str) -> None:
    api = ShiftingApi(list("12345"), happens={})
    source = OPEN[system](api)
    assert ids(source.portions(stopped(source, after=2), known_all)) == ["5"]
    assert api.offsets == [0, 2, 3]


@pytest.mark.parametrize("system", ["pages", "union"])
@pytest.mark.parametrize(
    "happening",
    [remove("1"), lambda names: names.insert(0, names.pop()), lambda names: names.append("6")],
    ids=["removed", "jumped", "added"],
)
def test_a_run_that_goes_on_where_something_has_moved_reads_the_whole_list_again(
    system: str, happening: Callable[[list[str]], object]
) -> None:
    api = ShiftingApi(list("12345"), happens={1: happening})
    source = OPEN[system](api)
    found = ids(source.portions(stopped(source, after=1), known_all))
    assert set(found) >= set(api.names) - {"2"}
    assert api.offsets.count(0) == 2


@pytest.mark.parametrize("place", ["40", "1:100", "4:2:2:x", "1:x:2:y"])
def test_a_place_that_cannot_be_read_leads_to_the_beginning(place: str) -> None:
    api = ShiftingApi(list("12"), happens={})
    assert ids(OPEN["union"](api).portions(place, known_all)) == ["1", "2"]


def test_a_whole_round_whose_end_was_not_noted_costs_one_call() -> None:
    api = ShiftingApi(list("1234"), happens={})
    source = OPEN["pages"](api)
    assert ids(source.portions(stopped(source, after=2), known_all)) == []
    assert api.offsets == [0, 2, 3]
