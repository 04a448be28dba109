from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from shutil import copyfile
from typing import Any

import psycopg
import pytest

from scanhook.clock import FixedClock
from scanhook.errors import PepperMismatch, Refused, StorageError, StorageMoved
from scanhook.journal import erase_person, open_journal
from scanhook.office import KeyScope, open_office
from scanhook.registry import open_registry
from scanhook.storage import Pepper, StorageUrl, open_file
from scanhook.storage.moving import (
    Begun,
    GivenUp,
    Move,
    Moved,
    RowSum,
    finish,
    give_up_without_target,
    opened_move,
    settle,
)
from scanhook.storage.moving.digest import RowHash
from scanhook.storage.moving.filled import Filled
from scanhook.storage.moving.move import FEW
from scanhook.storage.moving.source import SourceRoom
from scanhook.storage.moving.target import Target
from scanhook.storage.postgres.tables import make_tables
from tests.contract.life import batch, change
from tests.journal.scans import AT, noted, scan, verdict
from tests.storage.moving.houses import NOW, told_by

COUNTED = ("tag, scans, persons, first_at, last_at FROM tallies", "tag, person FROM scanners")


def silent(_step: str, _done: int, _of: int) -> None:
    pass


def no_notes(_sums: Mapping[str, RowSum], _numbers: Mapping[str, int]) -> dict[str, str]:
    return {}


@contextmanager
def moving(
    source: StorageUrl, target: StorageUrl, pepper: Pepper, *, tell: Callable[[str, int, int], None] = silent
) -> Iterator[Move]:
    with opened_move(source, target, pepper=pepper, tell=tell, began=lambda _phase: None) as move:
        yield move


def copied(move: Move) -> dict[str, int]:
    move.fill()
    move.catch_up()
    counts = move.look_over()
    move.know()
    return counts


def handed_over(move: Move, **changed: Any) -> Moved:
    asked = {"hindrance": lambda _registry: None, "notes": no_notes, "now": NOW, "unstoppable": lambda: None}
    return finish(move, **{**asked, **changed})


def moved(source: StorageUrl, target: StorageUrl, pepper: Pepper) -> Moved:
    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        return handed_over(move)


def sql(target: StorageUrl, *statements: str) -> list[tuple[Any, ...]]:
    assert target.address is not None
    with psycopg.connect(target.address.conninfo, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def lived_in(url: StorageUrl, pepper: Pepper) -> None:
    """Use a house as its staff and consumers do."""
    registry = open_registry(url, pepper=pepper, clock=FixedClock(NOW + 5))
    change(registry, "suspend", batch(registry, "B-1"), why="seen on a market")
    registry.close()
    journal = open_journal(url, pepper=pepper)
    journal.record(scan(3), verdict(), now=AT + 9)
    journal.record(scan(99), verdict(), now=AT + 9)
    journal.store_all(events=[noted(99)], now=AT)
    journal.prune(before=AT + 1)
    journal.close()
    office = open_office(url, pepper=pepper, clock=FixedClock(NOW + 5))
    office.revoke_key("call centre")
    office.add_key("call centre", KeyScope.ADMIN)
    office.close()


def test_a_house_is_the_same_after_it_has_moved(source: StorageUrl, target: StorageUrl, pepper: Pepper) -> None:
    before = told_by(source, pepper)

    done = moved(source, target, pepper)

    assert told_by(target, pepper) == before
    assert {label: side.rows for label, side in done.sums.items()} == {
        "registry.batches": 3, "registry.befores": 8, "registry.changes": 11, "registry.codes": 12,
        "registry.handovers": 0, "registry.imports": 1, "registry.marks": 3, "registry.parts": 4,
        "registry.products": 2, "registry.ranges": 1,
        "journal.erasures": 1, "journal.events": 2, "journal.resets": 1, "journal.scanners": 2, "journal.scans": 6,
        "journal.tallies": 1,
        "office.access_tokens": 1, "office.api_keys": 2, "office.catalog": 1, "office.catalog_reviews": 1,
        "office.catalog_syncs": 1, "office.catalog_ties": 1, "office.live_goods": 1, "office.wechat_calls": 1,
    }  # fmt: skip


def test_what_happens_meanwhile_comes_along(source: StorageUrl, target: StorageUrl, pepper: Pepper) -> None:
    with moving(source, target, pepper) as move:
        move.begin()
        move.fill()
        lived_in(source, pepper)
        move.look_over()
        before = told_by(source, pepper)
        handed_over(move)

    assert told_by(target, pepper) == before


def test_counts_that_change_while_they_are_copied_come_along(
    source: StorageUrl, target: StorageUrl, pepper: Pepper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.storage.moving.catching._PAGE_ROWS", 3)
    journal = open_journal(source, pepper=pepper)
    chance, numbers, left = random.Random(6), count(200), [60]
    tags, openids = [bytes([number * 25]) * 10 for number in range(10)], "abcdefgh"

    def scanned() -> None:
        person, tag = pepper.person(chance.choice(openids)), chance.choice(tags)
        journal.record(scan(next(numbers), person=person), verdict(tag=tag), now=AT)

    def live(_step: str, _done: int, _of: int) -> None:
        left[0] -= 1
        if left[0] > 0:
            scanned()
        if left[0] > 0 and left[0] % 8 == 0:
            journal.reset_counts([chance.choice(tags)], who="ann", now=AT)
        if left[0] > 0 and left[0] % 8 == 4:
            openid = chance.choice(openids)
            erase_person(journal, openid, pepper=pepper, erasures=tmp_path / "erasures", now=AT + 60 - left[0])

    for _ in range(60):
        scanned()
    with moving(source, target, pepper, tell=live) as move:
        move.begin()
        copied(move)
        journal.close()
        assert left[0] < 0
        file = open_file(source.folder / "journal.db")
        counted = [file.rows(f"SELECT {columns} ORDER BY 1, 2") for columns in COUNTED]
        file.close()
        before = told_by(source, pepper)
        handed_over(move)

    assert [
        sql(target, f"SELECT {columns.replace('FROM ', 'FROM scanhook.')} ORDER BY 1, 2") for columns in COUNTED
    ] == counted
    assert all(len(rows) > 5 for rows in counted)
    assert told_by(target, pepper) == before


def test_a_house_that_was_left_gives_and_takes_nothing_more(
    source: StorageUrl, target: StorageUrl, pepper: Pepper
) -> None:
    registry = open_registry(source, pepper=pepper, clock=FixedClock(NOW))
    journal = open_journal(source, pepper=pepper)
    office = open_office(source, pepper=pepper, clock=FixedClock(NOW))
    _, presented = office.add_key("old", KeyScope.READ)
    attempts: tuple[Callable[[], object], ...] = (
        lambda: registry.look_up("main", "ean13", "6900873042720", "A2"),
        lambda: list(registry.codes()),
        registry.probe,
        lambda: journal.recall(scan().identity),
        lambda: journal.record(scan(100), verdict(), now=AT),
        journal.probe,
        lambda: office.find_key(presented),
        lambda: office.add_key("new", KeyScope.READ),
        office.probe,
    )
    for attempt in attempts:
        attempt()

    office.revoke_key("new")
    moved(source, target, pepper)

    for attempt in attempts:
        with pytest.raises(StorageMoved, match=r"was moved to postgresql://.*let `.storage. url` in the settings name"):
            attempt()
    for store in (registry, journal, office):
        store.close()


def test_nothing_of_the_move_stays_in_either_house(source: StorageUrl, target: StorageUrl, pepper: Pepper) -> None:
    moved(source, target, pepper)

    assert sql(target, "SELECT name FROM scanhook.meta WHERE name LIKE 'moving%'") == []
    for name in ("registry.db", "journal.db", "office.db"):
        file = open_file(source.folder / name)
        assert file.rows("SELECT name FROM sqlite_schema WHERE name LIKE 'moving%'") == []
        file.close()


def test_new_rows_get_numbers_behind_all_that_were_ever_given(
    source: StorageUrl, target: StorageUrl, pepper: Pepper
) -> None:
    journal = open_journal(source, pepper=pepper)
    journal.prune(before=AT + 1_000_000)
    journal.close()
    moved(source, target, pepper)

    arrived = open_journal(target, pepper=pepper)
    number = arrived.record(scan(100), verdict(), now=AT).entry.number
    arrived.close()
    registry = open_registry(target, pepper=pepper, clock=FixedClock(NOW))
    newest = registry.changes()[0].id
    next_one = change(registry, "suspend", batch(registry, "B-1")).id
    registry.close()

    assert number == 7
    assert next_one > newest


def test_the_old_house_can_be_used_until_it_is_left_and_the_new_one_cannot(
    source: StorageUrl, target: StorageUrl, pepper: Pepper
) -> None:
    with moving(source, target, pepper) as move:
        move.begin()
        move.fill()

    told_by(source, pepper)
    with pytest.raises(StorageError, match=r"is still being filled from .*--finish"):
        told_by(target, pepper)


class Killed(Exception):
    pass


def killing_at(wanted: int) -> Callable[[str, int, int], None]:
    def kill(_step: str, done: int, _of: int) -> None:
        if done == wanted:
            raise Killed

    return kill


@pytest.mark.parametrize(
    "steps", [*range(0, 36, 10), *(pytest.param(steps, marks=pytest.mark.ordeal) for steps in range(5, 36, 10))]
)
def test_a_move_that_was_stopped_anywhere_goes_on(
    source: StorageUrl, target: StorageUrl, pepper: Pepper, steps: int
) -> None:
    left = [steps]

    def stumble(_step: str, _done: int, _of: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed

    with moving(source, target, pepper, tell=stumble) as move:
        move.begin()
        with pytest.raises(Killed):
            copied(move)
    lived_in(source, pepper)
    before = told_by(source, pepper)

    with moving(source, target, pepper) as move:
        assert move.begin() is Begun.AGAIN
        copied(move)
        handed_over(move)

    assert told_by(target, pepper) == before


def test_what_was_unique_to_one_row_may_go_over_to_another(
    source: StorageUrl, target: StorageUrl, pepper: Pepper
) -> None:
    with moving(source, target, pepper) as move:
        move.begin()
        move.fill()
        journal = open_file(source.folder / "journal.db")
        identities = dict(journal.rows("SELECT id, identity FROM scans WHERE id IN (1, 2)"))
        for number, identity in ((2, b"x"), (1, b"y"), (2, identities[1]), (1, identities[2])):
            journal.execute("UPDATE scans SET identity = ? WHERE id = ?", (identity, number))
        # As in a piece of the log that ends between the two: the first row has the second's identity in the target yet.
        journal.execute("DELETE FROM moving_log WHERE number > 1")
        journal.close()
        assert [move.mover.catch_up(room) for room in move.source.rooms] == [1, 0, 0]
        before = told_by(source, pepper)
        handed_over(move)

    assert told_by(target, pepper) == before


@pytest.mark.parametrize("table", ["scans", "api_keys"])
def test_what_was_unique_to_a_row_that_was_copied_may_come_again_on_a_later_page(
    source: StorageUrl, target: StorageUrl, pepper: Pepper, table: str
) -> None:
    before = told_by(source, pepper)
    with moving(source, target, pepper) as move:
        move.begin()
        wanted = next(each for each in move.source.tables if each.name == table)
        room = move.source.room_of(wanted)
        # A row that was copied as it once was: the rest of its page comes to it.
        (first, second, *_), stale = room.page(wanted, None, 10), dict[str, object]()
        for name, value in zip(wanted.columns, first, strict=True):
            stale[name] = value
        for name, value in zip(wanted.columns, second, strict=True):
            if name in ("identity", "name", "revoked_at"):
                stale[name] = None if name == "revoked_at" else value
        rows = [tuple(stale.values())]
        hashed = RowHash(pepper, wanted.label).sum_of(rows)
        with move.target.transaction():
            move.target.add(wanted, rows, after=None, upto=wanted.key_of(first))
            move.target.note(wanted, Filled(after=wanted.key_of(first), source=hashed, target=hashed))
        with room.writing() as connection:
            key, value = wanted.key[0], wanted.key_of(first)
            connection.change(f"UPDATE {table} SET {key} = {key} WHERE {key} = ?", value)
        copied(move)
        handed_over(move)

    assert told_by(target, pepper) == before


def test_a_text_that_postgresql_cannot_hold_has_a_sign_in_its_place(
    source: StorageUrl, target: StorageUrl, pepper: Pepper
) -> None:
    journal = open_file(source.folder / "journal.db")
    journal.execute("UPDATE scans SET ext_info = ? WHERE id = 4", ("A\0B",))
    journal.close()

    moved(source, target, pepper)

    assert sql(target, "SELECT ext_info FROM scanhook.scans WHERE id = 4") == [("A\ufffdB",)]


@pytest.mark.parametrize(
    "fault",
    [
        "CREATE FUNCTION scanhook.spoil() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.position = NEW.position + 1; RETURN NEW; END'; "
        "CREATE TRIGGER spoil BEFORE INSERT ON scanhook.codes FOR EACH ROW EXECUTE FUNCTION scanhook.spoil()",
        "CREATE FUNCTION scanhook.spoil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
        "CREATE TRIGGER spoil BEFORE INSERT ON scanhook.codes FOR EACH ROW EXECUTE FUNCTION scanhook.spoil()",
    ],
    ids=["a value changed", "rows lost"],
)
def test_what_the_target_does_not_give_back_is_noticed(
    source: StorageUrl, target: StorageUrl, pepper: Pepper, fault: str
) -> None:
    sql(target, fault)

    with moving(source, target, pepper) as move:
        move.begin()
        with pytest.raises(StorageError, match=r"registry\.codes: of 12 rows .* with another digest"):
            move.fill()
    assert sql(target, "SELECT count(*) FROM scanhook.codes") == [(0,)]


def test_rows_that_went_away_in_the_target_are_noticed(source: StorageUrl, target: StorageUrl, pepper: Pepper) -> None:
    with moving(source, target, pepper) as move:
        move.begin()
        move.fill()
        sql(target, "DELETE FROM scanhook.codes WHERE position = 1")
        with pytest.raises(StorageError, match=r"registry\.codes has 12 rows, and its copy 9, where 12 should be"):
            move.look_over()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE scanhook.codes SET position = position + 1",
        "UPDATE scanhook.scans SET verdict = 'fake'",
        "UPDATE scanhook.products SET shown = CASE shown WHEN 0 THEN 1 ELSE 0 END",
        "UPDATE scanhook.tallies SET persons = persons + 1",
        "UPDATE scanhook.scanners SET person = person || '\\x00'",
    ],
)
def test_rows_that_were_changed_in_the_target_are_noticed(
    source: StorageUrl, target: StorageUrl, pepper: Pepper, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.storage.moving.catching._PAGE_ROWS", 5)
    with moving(source, target, pepper) as move:
        move.begin()
        move.fill()
        lived_in(source, pepper)
        move.look_over()
        sql(target, change)
        with pytest.raises(StorageError, match="holds other rows now than were written"):
            move.look_over()


def fail(*_: object) -> dict[str, str]:
    raise Killed


@pytest.mark.parametrize("when", ["hindrance", "notes"])
def test_the_house_goes_on_when_handing_over_fails(
    source: StorageUrl, target: StorageUrl, pepper: Pepper, when: str
) -> None:
    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        with pytest.raises(Killed):
            handed_over(move, **{when: fail})

    lived_in(source, pepper)
    before = told_by(source, pepper)
    with pytest.raises(StorageError, match="is still being filled"):
        told_by(target, pepper)
    with moving(source, target, pepper) as move:
        assert move.begin() is Begun.AGAIN
        copied(move)
        handed_over(move)
    assert told_by(target, pepper) == before


def test_the_house_goes_on_when_the_target_is_lost_while_it_stands_still(
    source: StorageUrl, target: StorageUrl, pepper: Pepper
) -> None:
    def cut(*_: object) -> None:
        sql(
            target,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()",
        )

    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        with pytest.raises(StorageError, match="postgresql://"):
            handed_over(move, hindrance=cut)

    told_by(source, pepper)


def test_a_house_whose_handing_over_was_killed_stands_still_until_the_next_run(
    source: StorageUrl, target: StorageUrl, pepper: Pepper
) -> None:
    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        move.source.mark(move.target.place, hindrance=lambda _registry: None, most=0)
    with pytest.raises(StorageMoved):
        told_by(source, pepper)

    with moving(source, target, pepper) as move:
        assert move.begin() is Begun.AGAIN

    told_by(source, pepper)


def test_a_move_that_was_killed_just_after_handing_over_is_done(
    source: StorageUrl, target: StorageUrl, pepper: Pepper
) -> None:
    before = told_by(source, pepper)
    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        with pytest.raises(Killed):
            handed_over(replace(move, tell=killing_at(3)))

    for _ in range(2):
        with moving(source, target, pepper) as move:
            assert move.begin() is Begun.HANDED_OVER
            settle(move, now=NOW)
    assert told_by(target, pepper) == before
    with pytest.raises(StorageMoved):
        told_by(source, pepper)


def test_a_house_with_something_unfinished_is_not_marked(
    source: StorageUrl, target: StorageUrl, pepper: Pepper
) -> None:
    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        with pytest.raises(Refused, match="the import 7 is not finished"):
            handed_over(move, hindrance=lambda _registry: "the import 7 is not finished")

    told_by(source, pepper)


def test_a_move_can_be_given_up(source: StorageUrl, target: StorageUrl, pepper: Pepper, tmp_path: Path) -> None:
    copyfile(source.folder / "registry.db", tmp_path / "before.db")
    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        move.source.mark(move.target.place, hindrance=lambda _registry: None, most=0)

    with moving(source, target, pepper) as move:
        assert move.give_up() is GivenUp.EMPTIED
    with moving(source, target, pepper) as move, pytest.raises(Refused, match="there is no move to give up"):
        move.give_up()

    told_by(source, pepper)
    assert sql(target, "SELECT count(*) FROM scanhook.codes") == [(0,)]
    with pytest.raises(StorageError, match=r"is still being filled from .* \(given up\)"):
        open_registry(target, pepper=pepper, clock=FixedClock(NOW))
    file = open_file(source.folder / "registry.db")
    assert file.rows("SELECT name FROM sqlite_schema WHERE name LIKE 'moving%'") == []
    file.close()


@pytest.mark.parametrize("schema", ["made by hand", "made by the move"])
def test_tables_that_a_move_has_made_go_away_with_it(
    source: StorageUrl, empty_database: str, pepper: Pepper, schema: str
) -> None:
    target, by_hand = StorageUrl.parse(empty_database, base=source.folder.parent), schema == "made by hand"
    if by_hand:
        sql(target, "CREATE SCHEMA scanhook")
    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)

    with moving(source, target, pepper) as move:
        assert move.give_up() is GivenUp.GONE

    assert sql(target, "SELECT to_regclass('scanhook.meta'), to_regnamespace('scanhook') IS NOT NULL") == [
        (None, by_hand)
    ]
    moved(source, target, pepper)


def test_without_a_move_there_is_none_to_give_up(source: StorageUrl, target: StorageUrl, pepper: Pepper) -> None:
    office = open_office(target, pepper=pepper, clock=FixedClock(NOW))
    office.add_key("theirs", KeyScope.READ)
    office.close()

    with moving(source, target, pepper) as move, pytest.raises(Refused, match="a storage, but no unfinished copy of"):
        move.give_up()
    with pytest.raises(Refused, match="there is no move to give up"):
        give_up_without_target(source, pepper=pepper)

    assert sql(target, "SELECT name FROM scanhook.api_keys") == [("theirs",)]
    open_registry(target, pepper=pepper, clock=FixedClock(NOW)).close()


def test_the_traces_of_a_move_go_away_where_its_copy_is_lost(
    source: StorageUrl, target: StorageUrl, empty_database: str, pepper: Pepper
) -> None:
    with moving(source, StorageUrl.parse(empty_database, base=source.folder.parent), pepper) as move:
        move.begin()

    with moving(source, target, pepper) as move:
        assert move.give_up() is GivenUp.NOT_THERE
        assert not move.source.is_in_a_move()

    open_registry(target, pepper=pepper, clock=FixedClock(NOW)).close()


def test_a_run_catches_up_with_all_that_was_changed_before_it(
    source: StorageUrl, target: StorageUrl, pepper: Pepper
) -> None:
    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)
    lived_in(source, pepper)

    with moving(source, target, pepper) as move:
        assert move.begin() is Begun.AGAIN
        pending = sum(room.pending() for room in move.source.rooms)
        assert 0 < pending < FEW
        assert move.catch_up() == pending
        assert sum(room.pending() for room in move.source.rooms) == 0


def test_nothing_stops_it_from_just_before_the_target_is_opened(
    source: StorageUrl, target: StorageUrl, pepper: Pepper
) -> None:
    seen = []
    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        handed_over(move, unstoppable=lambda: seen.append(move.target.is_open()))

    assert seen == [False]


def test_a_change_that_is_made_while_others_are_forgotten_is_not(
    source: StorageUrl, target: StorageUrl, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.storage.moving.source._FORGET_ROWS", 3)
    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        room = next(room for room in move.source.rooms if room.name == "journal")
        touch = "UPDATE erasures SET at = at"  # of one row
        while room.pending() < 6:
            with room.writing() as connection:
                connection.execute(touch)
        assert room.pending() == 6
        writing, calls = SourceRoom.writing, list[SourceRoom]()

        @contextmanager
        def interleaved(self: SourceRoom) -> Iterator[Any]:
            if calls:
                with writing(self) as connection:
                    connection.execute(touch)
            calls.append(self)
            with writing(self) as connection:
                yield connection

        with monkeypatch.context() as patched:
            patched.setattr(SourceRoom, "writing", interleaved)
            move.mover.catch_up(room)
        assert len(calls) == 2
        assert room.pending() == 1


def test_a_marked_house_whose_target_was_made_anew_was_not_handed_over(
    source: StorageUrl, empty_database: str, pepper: Pepper
) -> None:
    target = StorageUrl.parse(empty_database, base=source.folder.parent)
    before = told_by(source, pepper)
    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        move.source.mark(move.target.place, hindrance=lambda _registry: None, most=0)
    assert target.address is not None
    sql(target, "DROP SCHEMA scanhook CASCADE")
    make_tables(target.address, pepper=pepper)

    with moving(source, target, pepper) as move:
        assert move.begin() is Begun.ANEW
        copied(move)
        handed_over(move)
    assert told_by(target, pepper) == before


def test_a_lost_answer_does_not_undo_that_the_house_has_moved(
    source: StorageUrl, target: StorageUrl, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, opened = told_by(source, pepper), Target.open_rooms

    def cut_off(self: Target, notes: Mapping[str, str]) -> None:
        opened(self, notes)
        raise StorageError("the connection was lost")

    with monkeypatch.context() as patched, moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        patched.setattr(Target, "open_rooms", cut_off)
        handed_over(move)

    assert told_by(target, pepper) == before
    with moving(source, target, pepper) as move:
        assert move.begin() is Begun.HANDED_OVER
        settle(move, now=NOW)


def test_what_was_not_opened_is_not_opened_later(
    source: StorageUrl, target: StorageUrl, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hanging(_self: Target, _notes: Mapping[str, str]) -> None:
        raise StorageError("no answer")

    with monkeypatch.context() as patched, moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        patched.setattr(Target, "open_rooms", hanging)
        with pytest.raises(StorageError, match="no answer"):
            handed_over(move)
        with pytest.raises(StorageError):
            move.target.prove()

    told_by(source, pepper)


def test_a_house_stands_still_while_nobody_knows_whether_it_was_handed_over(
    source: StorageUrl, target: StorageUrl, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_self: Target, *_: object) -> bool:
        raise StorageError("no answer")

    with monkeypatch.context() as patched, moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        patched.setattr(Target, "open_rooms", lost)
        patched.setattr(Target, "was_opened", lost)
        with pytest.raises(StorageError, match=r"stands still: it cannot be known .* run the same command again"):
            handed_over(move)

    with pytest.raises(StorageMoved):
        told_by(source, pepper)
    with moving(source, target, pepper) as move:
        assert move.begin() is Begun.AGAIN
    told_by(source, pepper)


def test_a_house_in_which_much_is_changed_does_not_stand_still_for_long(
    source: StorageUrl, target: StorageUrl, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.storage.moving.finishing._HOLD_CHANGES", -1)
    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        with pytest.raises(Refused, match="in a quieter hour"):
            handed_over(move)

    told_by(source, pepper)


def test_a_house_that_was_handed_over_is_not_given_up(source: StorageUrl, target: StorageUrl, pepper: Pepper) -> None:
    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)
        with pytest.raises(Killed):
            handed_over(replace(move, tell=killing_at(3)))

        with pytest.raises(StorageMoved):
            move.give_up()

    with pytest.raises(StorageMoved):
        told_by(source, pepper)


def test_only_the_target_that_it_was_handed_to_can_tell_whether_it_was(
    source: StorageUrl, target: StorageUrl, pepper: Pepper
) -> None:
    with moving(source, target, pepper) as move:
        move.begin()
        move.source.mark("postgresql://another/house", hindrance=lambda _registry: None, most=0)

        for attempt in (move.begin, move.give_up, lambda: give_up_without_target(source, pepper=pepper)):
            with pytest.raises(Refused, match="only postgresql://another/house can tell whether it was handed over"):
                attempt()


def test_a_storage_that_is_used_is_never_written_over(source: StorageUrl, target: StorageUrl, pepper: Pepper) -> None:
    office = open_office(target, pepper=pepper, clock=FixedClock(NOW))
    office.add_key("theirs", KeyScope.READ)
    office.close()

    with moving(source, target, pepper) as move, pytest.raises(Refused, match=r"holds a storage .*office\.api_keys"):
        move.begin()

    assert sql(target, "SELECT name FROM scanhook.api_keys") == [("theirs",)]
    told_by(source, pepper)


def test_a_target_of_another_pepper_is_refused(source: StorageUrl, target: StorageUrl, pepper: Pepper) -> None:
    sql(target, "UPDATE scanhook.meta SET value = 'ffffffff' WHERE name = 'pepper_id'")

    with moving(source, target, pepper) as move, pytest.raises(Refused, match=r"another house .*: name an empty"):
        move.begin()


def test_a_source_of_another_pepper_is_refused(source: StorageUrl, target: StorageUrl) -> None:
    with pytest.raises(PepperMismatch), moving(source, target, Pepper(secret=bytes(32))):
        pass


def test_an_empty_database_gets_its_tables(source: StorageUrl, empty_database: str, pepper: Pepper) -> None:
    before = told_by(source, pepper)
    target = StorageUrl.parse(empty_database, base=source.folder.parent)

    moved(source, target, pepper)

    assert told_by(target, pepper) == before


def test_a_source_whose_files_were_exchanged_is_copied_anew(
    source: StorageUrl, target: StorageUrl, pepper: Pepper
) -> None:
    with moving(source, target, pepper) as move:
        move.begin()
        copied(move)
    path = source.folder / "journal.db"
    copyfile(path, source.folder / "restored.db")
    path.unlink()
    (source.folder / "restored.db").rename(path)

    with moving(source, target, pepper) as move:
        assert move.begin() is Begun.ANEW
        copied(move)
        handed_over(move)


def test_two_moves_into_one_target_are_not_made_at_once(source: StorageUrl, target: StorageUrl, pepper: Pepper) -> None:
    with (
        moving(source, target, pepper),
        pytest.raises(Refused, match="another `scanhook storage copy` is at work"),
        moving(source, target, pepper),
    ):
        pass
