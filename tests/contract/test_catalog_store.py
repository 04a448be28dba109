from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from scanhook.clock import FixedClock
from scanhook.errors import Refused
from scanhook.office import CatalogStore, EntryKey, Listed, OfficeStore, Presentation, open_office
from scanhook.office.catalog import CatalogEntry, CatalogSync, Wanted
from scanhook.registry import Product
from scanhook.storage import Pepper
from scanhook.wechat import System
from tests.contract.engines import Place

AT = 1795312800
APP_ID = "wxba5fad812f8e6fb9"
FRAME = Product(id=b"\x01" * 16, account="main", key_standard="qrcode", key_str="moment-frame")
TEA = Product(id=b"\x02" * 16, account="main", key_standard="ean13", key_str="6900873042720")
FRAME_PAGE = Listed(
    id="qrcode/moment-frame",
    name="扫一扫动态主页demo",
    price=0,
    image="http://mmbiz.qpic.cn/mmbiz/AhrnkhhK7rWevHib2pmq1phtply6JicADNrX6Yrvd7LzKERyic3kn3VdSsmFr5F5ibXzj9Al65yWFudmjqcWic1Qe9g/0",
    state="on",
    revision="1413181580",
)
BED = Listed(id="7554942", name="新增商品并保存case_UpProduct", price=2000, image="https://shop.example/bed.png")


@pytest.fixture
def office(place: Place, pepper: Pepper) -> Iterator[OfficeStore]:
    opened = open_office(place.storage, pepper=pepper, clock=FixedClock(AT))
    yield opened
    opened.close()


@pytest.fixture
def catalog(office: OfficeStore) -> CatalogStore:
    return office.catalog


def sync(
    catalog: CatalogStore,
    listed: Sequence[Listed],
    *,
    system: System = System.PAGES,
    owner: str = APP_ID,
    now: int = AT,
) -> CatalogSync:
    begun = catalog.begin_sync(system, owner, now=now, newer_than=0)
    return catalog.finish_sync(catalog.keep(begun, listed, place="", now=now), now=now)


def key(listed: Listed, *, system: System = System.PAGES, owner: str = APP_ID) -> EntryKey:
    return EntryKey(system, owner, listed.id)


def test_what_a_system_lists_is_kept_as_it_is(catalog: CatalogStore) -> None:
    done = sync(catalog, [FRAME_PAGE])

    assert catalog.entries() == [
        CatalogEntry(
            system=System.PAGES, owner=APP_ID, listed=FRAME_PAGE, first_seen=AT, seen_at=AT, seen_in=done.number
        )
    ]
    assert (done.seen, done.added, done.changed, done.gone, done.finished_at) == (1, 1, 0, 0, AT)


def test_what_a_system_does_not_give_stays_empty(catalog: CatalogStore) -> None:
    sync(catalog, [Listed(id="100234056")], system=System.WINDOW)

    found = catalog.entries()[0].listed

    assert (found.name, found.price, found.image, found.state) == (None, None, None, None)


def test_a_second_sync_counts_what_is_new_what_changed_and_what_has_gone(catalog: CatalogStore) -> None:
    sync(catalog, [Listed(id="a", state="on"), Listed(id="b", state="on"), Listed(id="c", state="on")])

    done = sync(catalog, [Listed(id="a", state="on"), Listed(id="b", state="off"), Listed(id="d")], now=AT + 10)

    assert (done.seen, done.added, done.changed, done.gone) == (3, 1, 1, 1)
    assert [(entry.listed.id, entry.first_seen, entry.seen_at) for entry in catalog.entries()] == [
        ("a", AT, AT + 10),
        ("b", AT, AT + 10),
        ("d", AT + 10, AT + 10),
    ]
    gone = catalog.entries(Wanted(id="c", gone=True))[0]
    assert (gone.gone_at, gone.seen_at) == (AT + 10, AT)


def test_a_product_that_comes_back_counts_as_added(catalog: CatalogStore) -> None:
    sync(catalog, [FRAME_PAGE])
    sync(catalog, [], now=AT + 10)

    done = sync(catalog, [FRAME_PAGE], now=AT + 20)

    assert (done.added, done.changed, done.gone) == (1, 0, 0)
    assert catalog.entries()[0].gone_at is None
    assert catalog.entries()[0].first_seen == AT


def test_a_new_revision_alone_changes_nothing_that_counts(catalog: CatalogStore) -> None:
    sync(catalog, [Listed(id="a", revision="1")])

    assert sync(catalog, [Listed(id="a", revision="2")], now=AT + 10).changed == 0
    assert catalog.entries()[0].listed.revision == "2"


def test_a_product_that_a_list_shows_twice_counts_once(catalog: CatalogStore) -> None:
    done = sync(catalog, [FRAME_PAGE, FRAME_PAGE])

    assert (done.seen, done.added) == (1, 1)


def test_a_sync_makes_nothing_of_another_system_or_owner_go(catalog: CatalogStore) -> None:
    sync(catalog, [BED], system=System.UNION)
    sync(catalog, [FRAME_PAGE], owner="wxee9f94a3360ad25f")

    assert sync(catalog, [], now=AT + 10).gone == 0
    assert len(catalog.entries()) == 2


def test_a_sync_that_was_stopped_goes_on_where_it_was(catalog: CatalogStore) -> None:
    begun = catalog.begin_sync(System.PAGES, APP_ID, now=AT, newer_than=0)
    catalog.keep(begun, [Listed(id="a")], place="20", now=AT)

    again = catalog.begin_sync(System.PAGES, APP_ID, now=AT + 10, newer_than=AT - 1)

    assert (again.number, again.place, again.seen, again.added) == (begun.number, "20", 1, 1)


def test_a_sync_that_is_too_old_begins_anew_and_nothing_goes_before_it_ends(catalog: CatalogStore) -> None:
    begun = catalog.begin_sync(System.PAGES, APP_ID, now=AT, newer_than=0)
    catalog.keep(begun, [Listed(id="a")], place="20", now=AT)

    anew = catalog.begin_sync(System.PAGES, APP_ID, now=AT + 10, newer_than=AT)

    assert (anew.number > begun.number, anew.place) == (True, "")
    assert catalog.entries(Wanted(id="a", gone=True))[0].gone_at is None
    assert catalog.finish_sync(anew, now=AT + 11).gone == 1


def test_a_failure_is_noted_until_the_sync_goes_on(catalog: CatalogStore) -> None:
    begun = catalog.begin_sync(System.PAGES, APP_ID, now=AT, newer_than=0)

    catalog.fail_sync(begun, "WeChat answers 48001", now=AT + 1)

    assert [(found.failed_at, found.why) for found in catalog.syncs()] == [(AT + 1, "WeChat answers 48001")]
    assert catalog.keep(begun, [], place="1", now=AT + 2).why is None


def test_of_two_that_do_the_same_sync_the_later_one_is_told(catalog: CatalogStore) -> None:
    begun = catalog.begin_sync(System.PAGES, APP_ID, now=AT, newer_than=0)
    catalog.finish_sync(begun, now=AT)

    with pytest.raises(Refused, match="another sync has come to its end"):
        catalog.keep(begun, [Listed(id="a")], place="", now=AT)

    assert catalog.entries() == []


def test_the_newest_sync_of_each_system_and_owner_is_known(catalog: CatalogStore) -> None:
    sync(catalog, [], system=System.UNION)
    sync(catalog, [], owner="wxee9f94a3360ad25f")
    sync(catalog, [], now=AT + 1)
    sync(catalog, [], now=AT + 2)

    assert [(done.system, done.owner, done.finished_at) for done in catalog.syncs()] == [
        (System.PAGES, APP_ID, AT + 2),
        (System.PAGES, "wxee9f94a3360ad25f", AT),
        (System.UNION, APP_ID, AT),
    ]


def test_only_the_products_that_are_asked_for_are_known(catalog: CatalogStore) -> None:
    sync(catalog, [Listed(id="a"), Listed(id="b")])

    assert set(catalog.known(System.PAGES, APP_ID, ["b", "c"])) == {"b"}


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Wanted(), ["7554942", "ean13/6390000000000", "qrcode/moment-frame"]),
        (Wanted(system=System.PAGES), ["ean13/6390000000000", "qrcode/moment-frame"]),
        (Wanted(state="off"), ["ean13/6390000000000"]),
        (Wanted(system=System.UNION, id="7554942"), ["7554942"]),
        (Wanted(id="ean13/gone"), []),
        (Wanted(name="CASE_up"), ["7554942"]),
        (Wanted(name="%"), []),
        (Wanted(name="e!_u"), []),
        (Wanted(name="e_u"), ["7554942"]),
        (Wanted(name="动态"), ["qrcode/moment-frame"]),
        (Wanted(name="\0"), []),
        (Wanted(id="\ud800"), []),
        (Wanted(owner="wx-nobody"), []),
        (Wanted(system=System.PAGES, gone=True), ["ean13/6390000000000", "ean13/gone", "qrcode/moment-frame"]),
    ],
)
def test_entries_are_chosen(catalog: CatalogStore, wanted: Wanted, ids: list[str]) -> None:
    sync(catalog, [Listed(id="ean13/gone")])
    sync(catalog, [FRAME_PAGE, Listed(id="ean13/6390000000000", state="off")], now=AT + 1)
    sync(catalog, [BED], system=System.UNION)

    assert sorted(entry.listed.id for entry in catalog.entries(wanted)) == ids


def test_entries_come_in_pages(catalog: CatalogStore) -> None:
    sync(catalog, [Listed(id=str(number)) for number in range(5)])
    sync(catalog, [BED], system=System.UNION)

    found, after = [], None
    while page := catalog.entries(after=after, limit=2):
        after = page[-1].key
        found += [entry.listed.id for entry in page]

    assert found == ["0", "1", "2", "3", "4", "7554942"]


def test_a_product_is_shown_by_the_page_of_its_name(catalog: CatalogStore) -> None:
    sync(catalog, [FRAME_PAGE])

    assert catalog.presentation(FRAME, owner=APP_ID) == Presentation(
        name="扫一扫动态主页demo", image=str(FRAME_PAGE.image)
    )
    assert catalog.presentation(TEA, owner=APP_ID) is None
    assert catalog.presentation(FRAME, owner="wxee9f94a3360ad25f") is None


def test_what_staff_tied_goes_before_the_page(catalog: CatalogStore) -> None:
    sync(catalog, [FRAME_PAGE])
    sync(catalog, [BED], system=System.UNION)

    assert catalog.tie(FRAME, key(BED, system=System.UNION), now=AT)

    assert catalog.presentation(FRAME, owner=APP_ID) == Presentation(
        name="新增商品并保存case_UpProduct", image="https://shop.example/bed.png"
    )


def test_what_the_first_tie_does_not_give_comes_from_the_next(catalog: CatalogStore) -> None:
    album = Listed(id="xxxxxxxxxx", name="世界上最好的商品", image="MEDIA_ID")
    sync(catalog, [album], system=System.ALBUMS, owner="wwcorp")
    sync(catalog, [BED], system=System.UNION)
    catalog.tie(FRAME, key(album, system=System.ALBUMS, owner="wwcorp"), now=AT)
    catalog.tie(FRAME, key(BED, system=System.UNION), now=AT)

    assert catalog.presentation(FRAME, owner=APP_ID) == Presentation(
        name="世界上最好的商品", image="https://shop.example/bed.png"
    )


def test_what_has_gone_shows_a_product_only_where_nothing_else_does(catalog: CatalogStore) -> None:
    sync(catalog, [BED], system=System.UNION)
    catalog.tie(FRAME, key(BED, system=System.UNION), now=AT)
    sync(catalog, [], system=System.UNION)
    assert catalog.presentation(FRAME, owner=APP_ID) == Presentation(name=str(BED.name), image=str(BED.image))

    sync(catalog, [FRAME_PAGE])

    assert catalog.presentation(FRAME, owner=APP_ID) == Presentation(
        name="扫一扫动态主页demo", image=str(FRAME_PAGE.image)
    )


def test_a_tie_is_made_once_and_taken_back_once(catalog: CatalogStore) -> None:
    sync(catalog, [BED], system=System.UNION)
    there = key(BED, system=System.UNION)

    assert [catalog.tie(FRAME, there, now=AT), catalog.tie(FRAME, there, now=AT)] == [True, False]
    assert catalog.tie(TEA, there, now=AT)
    assert [entry.key for entry in catalog.tied(FRAME)] == [there]
    assert catalog.ties_of(there) == [FRAME.id, TEA.id]
    assert [catalog.untie(FRAME, there), catalog.untie(FRAME, there)] == [True, False]
    assert catalog.tied(FRAME) == []
    assert catalog.ties_of(there) == [TEA.id]


def test_a_review_changes_the_state_of_its_page(catalog: CatalogStore) -> None:
    sync(catalog, [Listed(id="ean13/6901481811083", state="check")])
    page = EntryKey(System.PAGES, APP_ID, "ean13/6901481811083")

    assert catalog.reviewed(page, state="on", at=AT + 0.5)
    assert not catalog.reviewed(page, state="on", at=AT + 1)
    assert catalog.entries()[0].listed.state == "on"


def test_what_cannot_be_printed_is_nowhere_in_the_directory(catalog: CatalogStore) -> None:
    sync(catalog, [Listed(id="ean13/6901481811083", state="check")])

    assert catalog.known(System.PAGES, APP_ID, ["ean13/\0", "\ud800"]) == {}
    assert not catalog.reviewed(EntryKey(System.PAGES, APP_ID, "ean13/\0"), state="on", at=AT + 1)


def test_only_letters_without_accents_are_the_same_whatever_their_case(catalog: CatalogStore) -> None:
    sync(catalog, [Listed(id="a", name="Éclair NOIR")])

    found = {name: len(catalog.entries(Wanted(name=name))) for name in ("noir", "NoIr", "Éclair", "éclair")}
    assert found == {"noir": 1, "NoIr": 1, "Éclair": 1, "éclair": 0}


def test_a_review_from_before_the_last_sync_changes_nothing(catalog: CatalogStore) -> None:
    sync(catalog, [Listed(id="ean13/6901481811083", state="off")])

    assert not catalog.reviewed(EntryKey(System.PAGES, APP_ID, "ean13/6901481811083"), state="on", at=AT - 1)
    assert not catalog.reviewed(EntryKey(System.PAGES, APP_ID, "ean13/other"), state="on", at=AT + 1)
    assert catalog.entries()[0].listed.state == "off"


def test_how_far_reviews_were_looked_for_is_kept(catalog: CatalogStore) -> None:
    assert catalog.reviews_read() == 0

    catalog.note_reviews_read(7)
    catalog.note_reviews_read(9)

    assert catalog.reviews_read() == 9


def test_the_directory_is_the_same_in_another_process(catalog: CatalogStore, place: Place, pepper: Pepper) -> None:
    sync(catalog, [FRAME_PAGE])
    other = open_office(place.storage, pepper=pepper, clock=FixedClock(AT))

    assert other.catalog.entries() == catalog.entries()
    other.close()
