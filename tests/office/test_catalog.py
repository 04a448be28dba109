from __future__ import annotations

import pytest

from scanhook.errors import Refused
from scanhook.office import CatalogEntry, Listed, Presentation
from scanhook.office.catalog import CatalogSync, Kept, merged, only_one, page_id, presented
from scanhook.wechat import System

AT = 1795312800
SYNC = CatalogSync(number=7, system=System.PAGES, owner="wxba5fad812f8e6fb9", started_at=AT)


def entry(listed: Listed, *, gone_at: int | None = None, owner: str = SYNC.owner) -> CatalogEntry:
    return CatalogEntry(
        system=System.PAGES,
        owner=owner,
        listed=listed,
        first_seen=AT - 9,
        seen_at=AT - 9,
        seen_in=6,
        gone_at=gone_at,
    )


def test_a_page_stands_in_the_directory_as_scanhook_writes_products() -> None:
    assert page_id("ean13", "6900873042720") == "ean13/6900873042720"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("扫一扫动态主页demo", "扫一扫动态主页demo"),
        ("  two\n lines\t", "two lines"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("right\u202eleft", "right left"),
        ("x" * 600, "x" * 500),
        ("", None),
        (" \n", None),
        (None, None),
    ],
)
def test_what_others_wrote_becomes_one_printable_line(text: str | None, kept: str | None) -> None:
    assert Listed(id="1", name=text).name == kept


@pytest.mark.parametrize(
    "fields",
    [
        {"id": ""},
        {"id": "x" * 257},
        {"id": "a\nb"},
        {"id": "1", "price": -1},
        {"id": "1", "price": 10**15 + 1},
    ],
)
def test_a_product_that_cannot_be_is_not_made(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is"):
        Listed(**fields)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        (None, Kept.ADDED),
        (entry(Listed(id="1", name="tea", revision="1")), Kept.SAME),
        (entry(Listed(id="1", name="tea", revision="0")), Kept.SAME),
        (entry(Listed(id="1", name="tea", state="on")), Kept.CHANGED),
        (entry(Listed(id="1", name="tea"), gone_at=AT - 1), Kept.ADDED),
    ],
)
def test_what_a_sync_sees_is_new_changed_or_the_same(before: CatalogEntry | None, kept: Kept) -> None:
    after, what = merged(before, Listed(id="1", name="tea", revision="1"), SYNC, now=AT)

    assert what is kept
    assert (after.listed.name, after.seen_at, after.seen_in, after.gone_at) == ("tea", AT, 7, None)
    assert after.first_seen == (before.first_seen if before else AT)


@pytest.mark.parametrize(
    "image",
    [
        "MEDIA_ID",
        "javascript:alert(1)",
        "https://",
        'https://x.example/"onerror="x',
        "https://x.example/a b",
        "//x.example/a.png",
        "data:image/png;base64,AAAA",
    ],
)
def test_a_picture_without_an_address_is_not_shown(image: str) -> None:
    assert presented([entry(Listed(id="1", image=image))]) is None


def test_name_and_picture_come_each_from_the_first_that_has_one() -> None:
    entries = [
        entry(Listed(id="1", name="gone", image="https://x.example/gone.png"), gone_at=AT),
        entry(Listed(id="2", name="first")),
        entry(Listed(id="3", name="second", image="https://x.example/2.png")),
    ]
    assert presented(entries) == Presentation(name="first", image="https://x.example/2.png")
    assert presented([]) is None


def test_of_several_owners_one_must_be_named() -> None:
    one, other = entry(Listed(id="1")), entry(Listed(id="1"), owner="wxee9f94a3360ad25f")

    assert only_one([one]) is one
    with pytest.raises(Refused, match=r"several have pages 1: .* wxba5fad812f8e6fb9, wxee9f94a3360ad25f"):
        only_one([one, other])
