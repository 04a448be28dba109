from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scanhook.clock import FixedClock
from scanhook.errors import StorageError
from scanhook.journal import Erasure, EventPage
from scanhook.registry.importstore import Phase
from scanhook.settings.model import JournalSettings, RegistrySettings, Settings
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.lease import Lease, take_lease
from scanhook.wire import housekeeping
from scanhook.wire.housekeeping import Round, do_machine_round, do_round
from scanhook.wire.roundnotes import RoundNotes, round_age
from tests.wire.shelves import AT, HOUR_S, Shelves, as_registry, batch, incoming

DAY_S = 86_400


@dataclass(slots=True)
class Diary:
    """Stands where a journal does, and keeps what it was told to delete."""

    newest: float | None = None
    pruned: list[float] = field(default_factory=list)
    dropped: list[float] = field(default_factory=list)
    broken: bool = False

    def newest_at(self, *, pushed: bool) -> float | None:
        assert pushed
        return self.newest

    def erasures(self) -> list[Erasure]:
        return []

    def prune(self, *, before: float, **_: object) -> tuple[int, int]:
        if self.broken:
            raise StorageError("the disk is full")
        self.pruned.append(before)
        return 3, 1

    def events(self, event: str, *, after: int) -> EventPage:
        assert event == "user_scan_product_verify_action"
        return EventPage(events=(), looked=max(after, 7), more=False)

    def drop_openids(self, *, before: float, **_: object) -> int:
        if self.broken:
            raise StorageError("the disk is full")
        self.dropped.append(before)
        return 2


@dataclass(slots=True)
class Directory:
    """Stands where a catalog does, and knows how far reviews were read."""

    read: int = 0

    def reviews_read(self) -> int:
        return self.read

    def note_reviews_read(self, number: int) -> None:
        self.read = number


@dataclass(slots=True)
class Desk:
    """Everything that a round works on."""

    shelves: Shelves
    diary: Diary
    lease: Lease
    at: float = AT
    url: str = "sqlite:///data"
    catalog: Directory = field(default_factory=Directory)

    def round(
        self,
        *,
        hours: float = 168,
        keep_openid_days: int = 0,
        keep_scans_days: int = 0,
        doing: Callable[[Round], dict[str, Any]] = do_round,
    ) -> dict[str, Any]:
        def open_office() -> Any:
            return SimpleNamespace(catalog=self.catalog, tokens=None, close=lambda: None)

        settings = Settings.model_construct(
            registry=RegistrySettings(unactivated_hours=hours),
            journal=JournalSettings(keep_openid_days=keep_openid_days, keep_scans_days=keep_scans_days),
            accounts={},
        )
        journal: Any = self.diary
        registry = as_registry(self.shelves)
        return doing(
            Round(
                settings=settings,
                pepper=Pepper(secret=bytes(range(32))),
                registry=registry,
                journal=journal,
                open_office=open_office,
                url=StorageUrl.parse(self.url, base=self.shelves.folder),
                erasures=self.shelves.folder / "erasures",
                lease=self.lease,
                notes=RoundNotes.of(self.lease.read()),
                clock=FixedClock(self.at + 5),
                now=self.at,
            )
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    lease = take_lease(StorageUrl(engine="sqlite", folder=tmp_path), "housekeeper")
    assert lease is not None
    with lease:
        yield Desk(shelves=Shelves(folder=tmp_path), diary=Diary(), lease=lease)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.getMessage().partition("level=")[2] for record in caplog.records]
    caplog.clear()
    return lines


def test_a_round_with_nothing_to_do_does_nothing(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    assert desk.round() == {
        "retention": {"scans": 0, "events": 0, "openids": 2},
        "erased_again": 0,
        "forgotten_batches": 0,
        "mints_taken_back": 0,
        "deleted": [],
        "reviews": 0,
        "catalog": [],
    }
    assert desk.catalog.read == 7
    assert said(caplog) == []


def test_what_is_older_than_the_settings_say_is_deleted(desk: Desk) -> None:
    done = desk.round(keep_openid_days=7, keep_scans_days=30)
    assert done["retention"] == {"scans": 3, "events": 1, "openids": 2}
    assert (desk.diary.pruned, desk.diary.dropped) == ([AT - 30 * DAY_S], [AT - 7 * DAY_S])


def test_scans_are_kept_for_ever_and_openids_not_at_all_unless_the_settings_say_so(desk: Desk) -> None:
    desk.round()
    (before,) = desk.diary.dropped
    assert desk.diary.pruned == []
    assert before > AT + 36500 * DAY_S


def test_the_end_of_a_good_round_is_noted(desk: Desk) -> None:
    url = StorageUrl(engine="sqlite", folder=desk.shelves.folder)
    assert round_age(url, now=AT) is None
    desk.round()
    assert round_age(url, now=AT + 65) == 60
    desk.at, desk.diary.broken = AT + 60, True
    desk.round()
    assert round_age(url, now=AT + 65) == 60


def test_a_clock_that_jumps_ahead_deletes_nothing(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    kept: dict[str, Any] = {"keep_openid_days": 7, "keep_scans_days": 30}
    desk.diary.newest = AT - 60
    desk.round(**kept)
    for minute in (0, 1):
        desk.at = AT + 366 * DAY_S + 60 * minute
        assert desk.round(**kept)["retention"] == {"scans": 0, "events": 0, "openids": 0}
    assert said(caplog) == [
        'warning event="nothing is deleted for its age until tomorrow" '
        'why="the clock is more than a day ahead of the newest push and of the last round: is it right?"'
    ]
    desk.at = AT + 180
    desk.round(**kept)
    assert desk.diary.pruned == [AT - 30 * DAY_S, AT + 180 - 30 * DAY_S]
    assert desk.diary.dropped == [AT - 7 * DAY_S, AT + 180 - 7 * DAY_S]


def test_openids_that_are_never_kept_go_whatever_the_clock_says(desk: Desk) -> None:
    desk.diary.newest = AT - 2 * DAY_S
    assert desk.round(keep_scans_days=30)["retention"] == {"scans": 0, "events": 0, "openids": 2}


def test_a_forgotten_batch_is_warned_about_once_a_day(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.shelves.kept = [batch(name="autumn gold", hours=200.5)]
    assert desk.round()["forgotten_batches"] == 1
    warning = (
        'warning event=attention why="minted, and nothing of it was ever activated" account=main '
        'product=qrcode/moment-frame batch="autumn gold" hours={} codes=5'
    )
    assert said(caplog) == [warning.format(200)]
    for hours, lines in ((0.02, []), (23.9, []), (24, [warning.format(224)]), (47.9, []), (48, [warning.format(248)])):
        desk.at = AT + hours * HOUR_S
        assert desk.round()["forgotten_batches"] == 1
        assert said(caplog) == lines


def test_the_next_housekeeper_knows_what_was_warned_about(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk.shelves.kept = [batch()]
    desk.round()
    desk.lease.close()
    lease = take_lease(StorageUrl(engine="sqlite", folder=tmp_path), "housekeeper")
    assert lease is not None
    caplog.clear()
    with lease:
        following = Desk(shelves=desk.shelves, diary=desk.diary, lease=lease)
        following.shelves.kept.append(batch(2, name="winter"))
        following.round()
    (line,) = said(caplog)
    assert "batch=winter" in line


@pytest.mark.parametrize("torn", ["{", "[1]", '{"1": "x"}', '{"1": null}', "7"])
def test_a_memory_that_was_torn_warns_again(desk: Desk, caplog: pytest.LogCaptureFixture, torn: str) -> None:
    desk.shelves.kept = [batch()]
    desk.lease.write(torn)
    desk.round()
    desk.round()
    assert len(said(caplog)) == 1


def test_a_clock_that_was_set_back_keeps_no_warning_away(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.shelves.kept = [batch(hours=4000)]
    desk.at = AT + 400 * HOUR_S
    desk.round()
    desk.at = AT
    desk.round()
    assert len(said(caplog)) == 2


def test_a_flood_of_warnings_is_spread_over_rounds(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.shelves.kept = [batch(number) for number in range(1, 251)]
    lines = []
    for _ in range(4):
        assert desk.round()["forgotten_batches"] == 250
        lines.append(len(said(caplog)))
        desk.at += 60
    assert lines == [100, 100, 50, 0]


def test_no_hours_switch_the_warning_off(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.shelves.kept = [batch()]
    assert desk.round(hours=0)["forgotten_batches"] == 0
    assert said(caplog) == []


def test_leftovers_are_deleted(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "import-1").mkdir()
    desk.shelves.brought = [incoming(1, Phase.DONE)]
    assert desk.round()["deleted"] == ["import-1"]
    assert not (tmp_path / "import-1").exists()


def test_mints_that_were_cut_off_are_taken_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def settle(shelves: Shelves) -> int:
        taken_back = len(shelves.open)
        shelves.open.clear()
        return taken_back

    monkeypatch.setattr(housekeeping, "settle_mints", settle)
    desk.shelves.open = [object(), object()]
    assert desk.round()["mints_taken_back"] == 2
    monkeypatch.delattr(housekeeping, "settle_mints")  # nobody takes the place of imports for nothing
    assert desk.round()["mints_taken_back"] == 0


def test_a_duty_that_fails_is_logged_and_keeps_no_other_from_its_work(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a text that may hold a code")

    desk.diary.broken = True
    desk.shelves.kept = [batch()]
    monkeypatch.setattr(housekeeping, "clear_leftovers", surprise)
    assert desk.round() == {
        "retention": None,
        "erased_again": 0,
        "forgotten_batches": 1,
        "mints_taken_back": 0,
        "deleted": None,
        "reviews": 0,
        "catalog": [],
    }
    assert [line for line in said(caplog) if line.startswith("error")] == [
        'error event="housekeeping failed" duty=retention why="the disk is full"',
        'error event="housekeeping failed" duty=deleted why=ZeroDivisionError',
    ]


def test_an_upload_that_cannot_be_deleted_is_logged(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path, **_: object) -> None:
        raise PermissionError(13, os.strerror(13), str(path))

    path = desk.shelves.folder / "uploads" / "1.csv"
    path.parent.mkdir()
    path.touch()
    desk.shelves.brought = [incoming(1, Phase.DONE)]
    monkeypatch.setattr(Path, "unlink", denied)
    assert desk.round()["deleted"] is None
    (line,) = said(caplog)
    assert line.startswith('error event="housekeeping failed" duty=deleted why="[Errno 13] Permission denied: ')


def test_no_duty_begins_once_the_lease_is_lost(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prune(*_: object, **__: object) -> tuple[int, int]:
        (desk.shelves.folder / "housekeeper.lock").unlink()
        return 3, 1

    monkeypatch.setattr(Diary, "prune", prune)
    desk.diary.newest = AT
    assert desk.round(keep_scans_days=30) == {
        "retention": {"scans": 3, "events": 1, "openids": 2},
        "erased_again": None,
        "forgotten_batches": None,
        "mints_taken_back": None,
        "deleted": None,
        "reviews": None,
        "catalog": None,
    }
    assert said(caplog) == [
        'warning event="the housekeeper stops" before=erased_again '
        'why="it lost its lease: another one may be at work now"'
    ]
    assert not (desk.shelves.folder / "housekeeper.lock").exists()


def test_where_several_machines_share_a_storage_each_looks_after_its_own_files(desk: Desk) -> None:
    desk.url = "postgresql://scanhook@127.0.0.1/house"
    left = desk.shelves.folder / "uploads" / "cutoff.part"
    left.parent.mkdir()
    left.touch()
    os.utime(left, (0, 0))

    assert list(desk.round()) == ["retention", "erased_again", "forgotten_batches", "reviews", "catalog"]
    assert left.exists()
    round_at = RoundNotes.of(desk.lease.read()).round_at
    desk.at += 60
    assert desk.round(doing=do_machine_round) == {
        "erasures_shared": 0,
        "mints_taken_back": 0,
        "deleted": ["uploads/cutoff.part"],
    }
    assert not left.exists()
    assert RoundNotes.of(desk.lease.read()).round_at == round_at == AT + 5
