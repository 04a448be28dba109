"""Groups of scans and other events: looked up at once, stored in one transaction, answered each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import apsw
import pytest

from scanhook.errors import ScanhookError, StorageError
from scanhook.journal.sqlite import SqliteJournal
from scanhook.receive import Answer, Heard, Judged, Opened
from scanhook.registry import LookUp, RegistryStore
from scanhook.settings import House
from tests.receive.desk import SUCCESS, Desk, break_journal
from tests.serving import journal_size, rows


def visits(desk: Desk, count: int) -> list[Opened]:
    """Return visits of a product's page, by one person each."""
    return [desk.opened("GENUINE0001", FromUserName=f"o{n}", Event="user_scan_product") for n in range(count)]


def settled(desk: Desk, pushes: list[Opened]) -> list[Answer | ScanhookError]:
    """Judge a group and put it on the disk."""
    judged = [one for one in desk.receiver.judged_all(pushes) if isinstance(one, Heard | Judged)]
    assert len(judged) == len(pushes)
    return desk.receiver.settle(judged)


@pytest.fixture
def begun(desk: Desk) -> Iterator[list[str]]:
    """Note every transaction that this thread begins in the journal, or tries to."""
    seen: list[str] = []

    def trace(_cursor: object, statement: str, _bindings: object) -> bool:
        if statement.startswith("BEGIN"):
            seen.append(statement)
        return True

    assert isinstance(desk.journal, SqliteJournal)
    connection = desk.journal.database.connection
    connection.exec_trace = trace
    yield seen
    connection.exec_trace = None


def test_the_events_of_a_group_are_looked_up_at_once_and_make_one_transaction(
    desk: Desk, begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    look_up_all = type(desk.receiver.registry).look_up_all

    def looking(registry: RegistryStore, asked: Sequence[tuple[str, str, str, str]]) -> list[LookUp]:
        sizes.append(len(asked))
        return look_up_all(registry, asked)

    monkeypatch.setattr(type(desk.receiver.registry), "look_up_all", looking)
    found = settled(desk, visits(desk, 8))

    assert found == [SUCCESS] * 8
    assert (sizes, begun) == ([8], ["BEGIN IMMEDIATE"])
    assert desk.told.commits == 1
    assert desk.told.pushed == [("user_scan_product", "success")] * 8


def test_scans_and_other_events_of_a_group_keep_their_places(desk: Desk, house: House) -> None:
    visit, again = (desk.opened("PRINTED0003", Event="user_scan_product") for _ in range(2))
    enter = desk.opened("PRINTED0003", Event="user_scan_product_enter_session")
    pushes = [visit, desk.opened("GENUINE0001"), enter, again, desk.opened("COPIED99999", FromUserName="o2")]
    found = settled(desk, pushes)

    assert [desk.told_in(one) for one in found] == ["success", "real", "success", "success", "fake"]
    assert desk.told.pushed == [
        ("scan_product_callback", "real"),
        ("scan_product_callback", "fake"),
        ("user_scan_product", "success"),
        ("user_scan_product_enter_session", "success"),
        ("user_scan_product", "repeated"),
    ]
    assert rows(house, "SELECT event FROM events ORDER BY id") == [
        ("user_scan_product",),
        ("user_scan_product_enter_session",),
    ]


def test_nothing_is_on_the_disk_before_a_group_is_settled(desk: Desk, house: House, begun: list[str]) -> None:
    found = desk.receiver.judged_all([desk.opened("GENUINE0001"), *visits(desk, 2)])
    assert [type(one) for one in found] == [Judged, Heard, Heard]
    assert begun == []
    assert desk.told.pushed == []
    assert journal_size(house) == (0, 0)


def test_a_group_is_stored_whole_or_not_at_all(desk: Desk, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    group = [*visits(desk, 1), desk.opened("GENUINE0001")]
    with monkeypatch.context() as patched:
        break_journal(desk, patched)
        assert [str(one) for one in settled(desk, group)] == ["the disk is full"] * 2
    assert journal_size(house) == (0, 0)
    assert [desk.told_in(one) for one in settled(desk, group)] == ["success", "real"]
    assert journal_size(house) == (1, 1)
    assert desk.told.pushed == [
        ("user_scan_product", "undecided"),
        ("scan_product_callback", "undecided"),
        ("scan_product_callback", "real"),
        ("user_scan_product", "success"),
    ]


def test_events_whose_codes_cannot_be_looked_up_are_not_stored_and_counted(
    desk: Desk, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise StorageError("the registry is gone")

    monkeypatch.setattr(type(desk.receiver.registry), "look_up_all", gone)
    found = desk.receiver.judged_all(visits(desk, 2))
    assert [str(one) for one in found] == ["the registry is gone"] * 2
    with pytest.raises(StorageError, match="the registry is gone"):
        desk.scan(Event="user_scan_product")
    assert desk.told.pushed == [("user_scan_product", "undecided")] * 3
    assert journal_size(house) == (0, 0)


def test_behind_a_journal_that_somebody_holds_a_group_of_events_waits_once(
    desk: Desk, house: House, begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.storage.sqlite_connection.BUSY_WAIT_S", 0.02)
    group = visits(desk, 8)
    held = apsw.Connection(str(house.base / "data" / "journal.db"))
    held.execute("BEGIN IMMEDIATE")
    found = settled(desk, group)
    held.execute("ROLLBACK")
    held.close()

    assert begun == ["BEGIN IMMEDIATE"]
    assert [type(one) for one in found] == [StorageError] * 8
    assert desk.told.pushed == [("user_scan_product", "undecided")] * 8
    assert journal_size(house) == (0, 0)
    assert settled(desk, group) == [SUCCESS] * 8
    assert desk.told.pushed[8:] == [("user_scan_product", "success")] * 8
