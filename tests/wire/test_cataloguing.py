from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scanhook.clock import FixedClock
from scanhook.errors import Refused
from scanhook.office import CatalogStore, OfficeStore, open_office
from scanhook.office.catalog import CatalogSync
from scanhook.settings import House, Settings, load_settings
from scanhook.storage import Pepper
from scanhook.wechat import System, TokenKeep
from scanhook.wire import cataloguing
from scanhook.wire.cataloguing import is_due, sync_some, take_catalog
from scanhook.wire.service import storage_url
from tests.office.directory import AT, Shop, refused

DAY_S = 86_400
TABLES = """
[catalog.pages]
account = "main"
[catalog.live]
app_id = "wx5a0db0c0000000b2"
app_secret = "secret"
"""


def newest(**changed: Any) -> CatalogSync:
    fields: dict[str, Any] = {"number": 1, "system": System.PAGES, "owner": "wx1", "started_at": AT}
    return CatalogSync(**fields | changed)


@pytest.mark.parametrize(
    ("sync", "due"),
    [
        (None, True),
        (newest(), True),
        (newest(finished_at=AT - DAY_S), True),
        (newest(finished_at=AT - DAY_S + 1), False),
        (newest(finished_at=AT + 60), True),
        (newest(failed_at=AT - 3600), True),
        (newest(failed_at=AT - 3599), False),
    ],
)
def test_a_system_is_due_a_day_after_it_was_read_and_an_hour_after_it_failed(
    sync: CatalogSync | None,
    due: bool,  # noqa: FBT001  (what a test is given)
) -> None:
    assert is_due(sync, now=AT) is due


class Stage:
    """A house with two systems in its settings, which yield what a test says."""

    def __init__(self, house: House, office: OfficeStore, clock: FixedClock) -> None:
        self.house = house
        self.catalog: CatalogStore = office.catalog
        self.clock = clock
        self.ticks = iter(range(10_000))
        self.shops = {System.PAGES: Shop(["a", "b"], system=System.PAGES), System.LIVE: Shop(["c"], system=System.LIVE)}
        self.shops[System.LIVE].owner = "wx5a0db0c0000000b2"
        self.keep = TokenKeep(
            store=office.tokens, url=storage_url(house), pepper=Pepper.load(house.pepper_path), clock=clock
        )

    def open(self, _settings: Settings, system: System, **_: object) -> Any:
        return SimpleNamespace(close=lambda: None), self.shops[system]

    def sync(self, *, tick_s: float = 0.0) -> list[str]:
        return sync_some(
            self.house.settings,
            self.catalog,
            keep=self.keep,
            clock=self.clock,
            monotonic=lambda: next(self.ticks) * tick_s,
        )

    @property
    def there(self) -> list[str]:
        return sorted(entry.listed.id for entry in self.catalog.entries())


@pytest.fixture
def stage(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    house.path.write_text(house.path.read_text() + TABLES)
    Path(house.base / "secrets" / "main.app_secret").write_text("secret")
    house, clock = load_settings(house.path), FixedClock(AT)
    office = open_office(storage_url(house), pepper=Pepper.load(house.pepper_path), clock=clock)
    stage = Stage(house, office, clock)
    monkeypatch.setattr(cataloguing, "open_source", stage.open)
    yield stage
    office.close()


def test_the_systems_that_the_settings_name_are_read_once_a_day(stage: Stage) -> None:
    assert stage.sync() == ["pages", "live"]
    assert stage.there == ["a", "b", "c"]
    assert stage.sync() == []
    stage.clock.at += DAY_S
    assert stage.sync() == ["pages", "live"]


def test_a_house_without_a_table_reads_nothing(stage: Stage, house: House) -> None:
    text = house.path.read_text()
    house.path.write_text(text.replace(TABLES, ""))
    stage.house = load_settings(house.path)
    assert stage.sync() == []


def test_a_system_that_nobody_may_call_is_left_out(stage: Stage, house: House) -> None:
    text = house.path.read_text()
    house.path.write_text(text.replace('app_secret = "secret"\n', ""))
    stage.house = load_settings(house.path)
    assert stage.sync() == ["pages"]


def test_what_takes_too_long_goes_on_in_the_next_round(stage: Stage) -> None:
    assert stage.sync(tick_s=11) == ["pages"]
    assert stage.there == ["a"]
    assert stage.sync(tick_s=11) == ["pages"]
    assert stage.there == ["a", "b"]
    assert stage.sync() == ["pages", "live"]
    assert stage.shops[System.PAGES].asked == ["0", "1"]


@pytest.mark.parametrize("error", [refused(48001), Refused("the program cannot be started")])
def test_a_system_that_fails_keeps_no_other_from_its_turn_and_rests_for_an_hour(
    stage: Stage, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    stage.shops[System.PAGES].fails["0"] = error
    assert stage.sync() == ["pages", "live"]
    assert stage.there == ["c"]
    assert f'why="{error}"' in caplog.text
    assert stage.sync() == []
    stage.clock.at += 3600
    assert stage.sync() == ["pages"]
    assert stage.there == ["a", "b", "c"]


def test_only_one_reads_at_a_time(stage: Stage) -> None:
    lease = take_catalog(stage.keep.url)
    assert lease is not None
    with lease:
        assert stage.sync() == []
    assert stage.sync() == ["pages", "live"]
