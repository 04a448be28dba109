from __future__ import annotations

import os
import shutil
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import click
import psycopg
import pytest
from click.testing import CliRunner
from werkzeug.test import Client

from scanhook import create_app
from scanhook.cli import main
from scanhook.journal import erasures_path, read_erasures
from scanhook.settings import House, load_settings
from scanhook.storage import StorageUrl, open_file
from scanhook.storage.lease import take_lease
from scanhook.storage.moving import Move
from scanhook.storage.moving.source import Source
from scanhook.wire.service import keyring
from tests.cli.conftest import Scanner, run, run_json
from tests.conftest import OPENID
from tests.serving import scan_push, unfinish_imports, verdict_in

GENUINE = "qrcode/moment-frame/GENUINE0001"
SOURCE = "sqlite:///data"
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Let signals end this process as before: a command that ends leaves them as they are."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def settled_in(house: House, url: str) -> House:
    """Return a house whose settings name another storage."""
    house.path.write_text(house.path.read_text().replace('url = "sqlite:///data"', f'url = "{url}"'))
    return load_settings(house.path)


def answer(house: House, code: str) -> tuple[int, str]:
    """Push a scan to a house, and return status and verdict."""
    keys = keyring(house.settings.accounts["main"])
    push = scan_push(code, keys=keys)
    response = Client(create_app(house)).post(f"/wechat/callback?{push.query}", data=push.body)
    return response.status_code, verdict_in(response.data, keys=keys) if response.status_code == 200 else ""


def test_a_copy_leaves_the_house_as_it_was(scanner: Scanner, empty_database: str) -> None:
    scanner.scan("GENUINE0001")

    told = run("storage", "copy", SOURCE, empty_database).stdout

    assert told == (
        "14 rows are copied and compared, 0 changes caught up with. This house goes on as before, and writes down what "
        "is changed in it: run the same command with --finish soon, or with --give-up.\n"
    )
    scanner.scan("GENUINE0002")
    assert "2 scans" in run("storage", "check").stdout


def test_a_program_reads_what_was_copied(stocked: House, empty_database: str) -> None:
    told = run_json("storage", "copy", SOURCE, empty_database)

    assert told["state"] == "copied"
    assert told["rows"]["registry.codes"] == 3
    assert set(told["seconds"]) == {"copying", "catching up", "comparing", "analyzing"}


def test_a_house_that_has_moved_gives_the_same_verdicts_from_its_new_storage(
    scanner: Scanner, empty_database: str
) -> None:
    house = scanner.house
    scanner.scan("GENUINE0001")
    run("storage", "copy", SOURCE, empty_database)
    scanner.scan("GENUINE0002")

    told = run("storage", "copy", SOURCE, empty_database, "--finish").stdout

    place = StorageUrl.parse(empty_database, base=house.base).name
    first, second, _ = told.splitlines()
    assert first.startswith("The house has moved: 17 rows in 24 tables, counts and digests equal on both sides.")
    assert second == (
        f"Now write the URL of {place} as `[storage] url` into the settings (or into SCANHOOK_STORAGE__URL), and "
        "restart the service: until then every scan is answered with 503."
    )
    assert answer(house, "GENUINE0001") == (503, "")
    refused = run("batches", "suspend", "autumn", "--why", "x", code=1).stderr
    assert refused.startswith(f"error: {house.base / 'data' / 'registry.db'} was moved to {place}: ")
    moved = settled_in(house, empty_database)
    assert [answer(moved, code) for code in ("GENUINE0001", "PRINTED0003", "COPIED99999")] == [
        (200, "real"),
        (200, "not_active"),
        (200, "fake"),
    ]
    assert run_json("codes", "check", GENUINE)["scans"] == 2


def test_a_program_reads_counts_digests_and_how_long_the_house_stood_still(stocked: House, empty_database: str) -> None:
    told = run_json("storage", "copy", SOURCE, empty_database, "--finish")

    assert told["state"] == "moved"
    assert told["rows"]["registry.codes"] == 3
    assert set(told["digests"]) == set(told["rows"])
    assert told["hold_s"] > 0
    assert "handing over" in told["seconds"]


def test_a_running_service_answers_try_again_once_its_house_has_moved(
    stocked: House, service_url: str, empty_database: str
) -> None:
    keys = keyring(stocked.settings.accounts["main"])
    push = scan_push(keys=keys)
    request = urllib.request.Request(f"{service_url}?{push.query}", data=push.body)
    with urllib.request.urlopen(request) as before:
        assert before.status == 200

    run("storage", "copy", SOURCE, empty_database, "--finish")

    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(request)


def test_saying_it_again_after_the_move_says_what_is_left_to_do(stocked: House, empty_database: str) -> None:
    run("storage", "copy", SOURCE, empty_database, "--finish")

    assert run("storage", "copy", SOURCE, empty_database).stdout.startswith("The house has moved already.\n")


def test_the_url_can_be_read_from_standard_input(stocked: House, empty_database: str) -> None:
    result = CliRunner().invoke(main, ["storage", "copy", SOURCE, "-", "--json"], input=f"{empty_database}\n")

    assert result.exit_code == 0, result.output


def test_an_import_that_is_not_finished_keeps_the_house_from_moving(stocked: House, empty_database: str) -> None:
    unfinish_imports(stocked)

    refused = run("storage", "copy", SOURCE, empty_database, "--finish", code=1).stderr

    assert refused.strip().startswith("error: the import 2 is not finished: wait until they have ended, import")
    assert run_json("storage", "copy", SOURCE, empty_database)["state"] == "copied"


def test_a_move_that_is_given_up_leaves_nothing(stocked: House, empty_database: str) -> None:
    run("storage", "copy", SOURCE, empty_database)

    told = run("storage", "copy", SOURCE, empty_database, "--give-up").stdout

    place = StorageUrl.parse(empty_database, base=stocked.base).name
    assert told == (
        f"The move is given up: the copy and its tables are taken out of {place}, and this house goes on as before.\n"
    )
    again = run("storage", "copy", SOURCE, empty_database, "--give-up", code=1).stderr
    assert again == (
        f"error: there is no move to give up: {stocked.base / 'data'} is not being moved, and {place} holds no copy of "
        "it; nothing was changed\n"
    )
    assert run_json("storage", "copy", SOURCE, empty_database)["rows"]["registry.codes"] == 3


def test_a_move_whose_target_is_lost_can_be_given_up(stocked: House, empty_database: str) -> None:
    run("storage", "copy", SOURCE, empty_database)

    told = run("storage", "copy", SOURCE, "postgresql://scanhook@127.0.0.1:1/house", "--give-up").stdout

    assert told.startswith(
        "The move is given up: what was copied so far stays in postgresql://127.0.0.1:1/house (postgresql://127.0.0.1:1"
    )
    registry = open_file(stocked.base / "data" / "registry.db")
    assert registry.rows("SELECT name FROM sqlite_schema WHERE name LIKE 'moving%'") == []
    registry.close()


@pytest.mark.parametrize(("deleted", "whole"), [(0, "1"), (1, "0")])
def test_the_new_house_knows_whether_scans_were_ever_deleted(
    scanner: Scanner, empty_database: str, deleted: int, whole: str
) -> None:
    scanner.scan("GENUINE0001", "GENUINE0002", "GENUINE0001")
    journal = open_file(scanner.house.base / "data" / "journal.db")
    assert journal.change("DELETE FROM scans WHERE id <= ?", (deleted,)) == deleted
    journal.close()

    run("storage", "copy", SOURCE, empty_database, "--finish")

    with psycopg.connect(empty_database) as connection:
        found = connection.execute("SELECT value FROM scanhook.meta WHERE name = 'scans_whole'").fetchall()
    assert found == [(whole,)]


def test_whoever_was_erased_stays_erased_in_another_folder(scanner: Scanner, empty_database: str) -> None:
    house = scanner.house
    scanner.scan("GENUINE0001")
    run("scans", "erase", "--openid", OPENID, "--yes")
    shutil.move(house.base / "data", house.base / "old")

    run("storage", "copy", "sqlite:///old", empty_database, "--finish")

    old, new = (StorageUrl.parse(url, base=house.base) for url in ("sqlite:///old", empty_database))
    assert new.folder == house.base / "data"
    assert read_erasures(erasures_path(new)) == read_erasures(erasures_path(old)) != []


@pytest.mark.parametrize(
    ("origin", "target"),
    [
        (SOURCE, "sqlite:///elsewhere"),
        ("postgresql://scanhook@127.0.0.1:1/a", "postgresql://scanhook@127.0.0.1:1/b"),
        ("postgresql://scanhook@127.0.0.1:1/a", SOURCE),
    ],
)
def test_a_house_moves_in_one_direction_only(shop: House, origin: str, target: str) -> None:
    refused = run("storage", "copy", origin, target, code=1).stderr

    assert refused == (
        "error: a house moves from `sqlite:///FOLDER` to `postgresql://USER@HOST/DATABASE`, and no other way\n"
    )


def test_a_server_that_is_not_there_is_named_without_its_password(shop: House) -> None:
    refused = run("storage", "copy", SOURCE, "postgresql://scanhook:secret@127.0.0.1:1/house", code=1)

    assert refused.stderr.strip().startswith("error: postgresql://127.0.0.1:1/house: the server cannot be reached")
    assert "secret" not in refused.output


def test_a_house_is_moved_by_one_command_at_a_time(shop: House) -> None:
    lease = take_lease(StorageUrl.parse(SOURCE, base=shop.base), "moving")
    assert lease is not None

    refused = run("storage", "copy", SOURCE, "postgresql://scanhook@127.0.0.1:1/house", code=1).stderr

    assert refused == f"error: {shop.base / 'data'} is being moved by another `scanhook storage copy`: wait for it\n"
    lease.close()


def test_two_ways_to_end_a_move_are_one_too_many(shop: House) -> None:
    run("storage", "copy", SOURCE, "postgresql://127.0.0.1/house", "--finish", "--give-up", code=2)


def test_whoever_stops_it_is_told_how_to_go_on(
    stocked: House, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        def interrupted(_move: Move) -> None:
            raise KeyboardInterrupt

        patched.setattr(Move, "catch_up", interrupted)
        refused = run("storage", "copy", SOURCE, empty_database, code=1).stderr

    assert refused.splitlines()[-1] == (
        "error: stopped. The same command goes on from here, and --give-up ends the move; until then the house in FROM "
        "writes down what is changed in it"
    )
    assert run_json("storage", "copy", SOURCE, empty_database)["state"] == "copied"


@pytest.mark.parametrize(
    ("number", "ending"),
    [
        pytest.param(number, ending, marks=() if (row + column) % 2 == 0 else pytest.mark.ordeal)
        for row, number in enumerate(SIGNALS)
        for column, ending in enumerate(("settle", "show"))
    ],
)
def test_a_signal_after_the_hand_over_does_not_hide_that_the_house_has_moved(
    stocked: House, empty_database: str, monkeypatch: pytest.MonkeyPatch, number: int, ending: str
) -> None:
    with monkeypatch.context() as patched:
        if ending == "settle":
            leave = Source.leave

            def interrupted(source: Source, at: int) -> None:
                os.kill(os.getpid(), number)
                leave(source, at)

            patched.setattr(Source, "leave", interrupted)
        else:
            echo = click.echo

            def echoed(said: str) -> None:
                os.kill(os.getpid(), number)
                echo(said)

            patched.setattr("click.echo", echoed)
        told = run("storage", "copy", SOURCE, empty_database, "--finish").stdout

    assert told.startswith("The house has moved: ")


@pytest.mark.parametrize(
    ("origin", "target", "said"),
    [
        ("data", "postgresql://127.0.0.1:1/house", "FROM is `data`: write sqlite:///data"),
        ("/srv/data", "postgresql://127.0.0.1:1/house", "FROM is `/srv/data`: write sqlite:////srv/data"),
        (SOURCE, "me:secret@db/house", "TO is no URL: write postgresql://USER@HOST/DATABASE"),
    ],
)
def test_what_is_no_url_is_told_how_to_write_one(shop: House, origin: str, target: str, said: str) -> None:
    assert run("storage", "copy", origin, target, code=1).stderr == f"error: {said}\n"


def test_a_house_that_cannot_be_reached_has_no_move_to_give_up(shop: House) -> None:
    refused = run("storage", "copy", SOURCE, "postgresql://127.0.0.1:1/house", "--give-up", code=1).stderr

    assert refused.startswith("error: there is no move to give up: ")


def test_a_house_that_is_not_there_cannot_move(shop: House, tmp_path: Path) -> None:
    refused = run("storage", "copy", f"sqlite:///{tmp_path}/none", "postgresql://127.0.0.1:1/house", code=1).stderr

    assert refused.startswith(f"error: {tmp_path}/none/registry.db is missing: ")
