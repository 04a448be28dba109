from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from scanhook.bench.plan import Plan
from scanhook.cli.bench_house import bench_house, check_room, site_of
from scanhook.cli.common import storage_of
from scanhook.errors import Refused, SettingsError, StorageError
from scanhook.message import CodeResult
from scanhook.settings import House, load_settings
from tests.conftest import on_postgres

PLAN = Plan(codes=20, one_code=False, seed=6)
BIND = "127.0.0.1:8123"


def with_settings(house: House, text: str) -> House:
    """Write more into the table [service], and behind the last one."""
    house.path.write_text(house.path.read_text().replace("[service]\n", f"[service]\n{text}"))
    return load_settings(house.path)


def test_a_bench_takes_place_beside_the_storage_with_the_settings_that_make_a_service_fast(house: House) -> None:
    house = with_settings(house, "workers = 3\nthreads = 7\n")

    site = site_of(house, storage="", workers=None)

    assert (site.folder, site.engine, site.mode, site.workers) == (house.base, "SQLite", "safe", 3)
    environ = site.environ()
    assert environ["SCANHOOK_SERVICE__THREADS"] == "7"
    assert environ["SCANHOOK_STORAGE__CONNECTIONS"] == "8"
    assert environ["SCANHOOK_VERIFIER__TIMEOUT_S"] == "2.0"
    assert site_of(house, storage="", workers=5).workers == 5


def test_without_a_house_the_defaults_are_measured_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    site = site_of(None, storage="", workers=None)

    assert (site.folder, site.workers, site.mode, site.other_verifiers) == (tmp_path, 2, "safe", False)


def test_a_storage_that_is_a_disk_of_its_own_is_measured_inside(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, stat = house.base / "data", Path.stat
    monkeypatch.setattr(
        Path, "stat", lambda path, **how: SimpleNamespace(st_dev=7) if path == folder else stat(path, **how)
    )

    assert site_of(house, storage="", workers=None).folder == folder


def test_a_storage_that_is_gone_is_not_measured(house: House) -> None:
    shutil.rmtree(house.base / "data")

    with pytest.raises(Refused, match=r"cannot be found .*: is the disk mounted"):
        site_of(house, storage="", workers=None)


def test_other_verifiers_are_told_of(house: House) -> None:
    text = house.path.read_text().replace('["registry://"]', '["registry://", "https://brand.example.com/verify"]')
    house.path.write_text(text)

    assert site_of(load_settings(house.path), storage="", workers=None).other_verifiers


def test_a_house_on_postgresql_is_never_written_to(house: House) -> None:
    house = on_postgres(house, "postgresql://scanhook@127.0.0.1/real")

    with pytest.raises(Refused, match=r"a bench must not write into it: .* --storage postgresql://USER@HOST/"):
        site_of(house, storage="", workers=None)
    site = site_of(house, storage="postgresql://scanhook@127.0.0.1/bench", workers=None)
    assert (site.engine, site.folder) == ("PostgreSQL", Path(tempfile.gettempdir()))


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        ("sqlite:///other", "--storage names an empty PostgreSQL database"),
        ("mysql://x", "--storage names an empty PostgreSQL database"),
        ("postgresql://[x/y", "--storage is no URL"),
    ],
)
def test_only_a_database_is_named_as_a_storage(house: House, storage: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        site_of(house, storage=storage, workers=None)
    assert "storage.url" not in str(caught.value)


def test_what_a_killed_bench_left_is_deleted_and_what_a_living_one_has_is_not(house: House) -> None:
    site = site_of(house, storage="", workers=None)
    left = house.base / "scanhook-bench-left"
    left.mkdir()
    (left / "lock").touch()
    (left / "secrets").write_text("secret")

    with bench_house(site, PLAN, bind=BIND, tell=lambda *_: None) as first:
        assert not left.exists()
        with bench_house(site, PLAN, bind=BIND, tell=lambda *_: None):
            assert first.path.exists()


def test_a_disk_without_room_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_of(house, storage="", workers=None)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=200_000_000))

    check_room(site, codes=100_000, seconds=5)
    with pytest.raises(Refused, match="has 200 MB free, and this may take 242 MB: make room, or ask for less"):
        check_room(site, codes=100_000, seconds=10)


def test_the_house_has_codes_of_every_kind_and_nothing_stays_of_it(house: House) -> None:
    before = {path: path.read_bytes() for path in sorted(house.base.rglob("*")) if path.is_file()}
    told: list[str] = []

    with bench_house(
        site_of(house, storage="", workers=None), PLAN, bind=BIND, tell=lambda step, _done, _total: told.append(step)
    ) as made:
        assert made.base.parent.parent == house.base
        assert made.settings.service.bind == BIND
        assert made.pepper_path.read_bytes() != house.pepper_path.read_bytes()
        account, ours = made.settings.accounts["main"], house.settings.accounts["main"]
        assert account.encoding_aes_key != ours.encoding_aes_key
        with storage_of(made) as storage:
            ((active, issued),) = [storage.registry.batches(product) for product in storage.registry.products()]
            assert {(batch.name, batch.positions) for batch in (active, issued)} == {("active", 18), ("issued", 2)}
            for ext_info, verdict in map(PLAN.told, range(50)):
                found = storage.registry.look_up("main", "qrcode", "bench-item", ext_info).code
                assert (found is None) is (verdict is CodeResult.FAKE)

    assert "load" in told
    assert {path: path.read_bytes() for path in sorted(house.base.rglob("*")) if path.is_file()} == before


def test_the_house_goes_when_the_bench_is_stopped(house: House) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        bench_house(site_of(house, storage="", workers=None), PLAN, bind=BIND, tell=lambda *_: None),
    ):
        raise KeyboardInterrupt

    assert [*house.base.glob("scanhook-bench-*")] == []


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, r"cannot be written \(Permission denied\): run the bench as the user"),
        (errno.ENOSPC, r"cannot be written \(No space left on device\): make room, or ask for less"),
    ],
)
def test_a_folder_that_cannot_be_written_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)

    with (
        pytest.raises(Refused, match=words),
        bench_house(site_of(house, storage="", workers=None), PLAN, bind=BIND, tell=lambda *_: None),
    ):
        raise AssertionError


def test_a_disk_that_fills_meanwhile_is_told_as_such(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    words = f"the disk of {house.base} is full: make room, or ask for less with --codes and --seconds\n"
    site = site_of(house, storage="", workers=None)

    def fail_on_a_full_disk() -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
        raise Refused("the service did not start")

    with pytest.raises(Refused) as caught, bench_house(site, PLAN, bind=BIND, tell=lambda *_: None):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(caught.value).startswith(words)

    with pytest.raises(Refused) as caught, bench_house(site, PLAN, bind=BIND, tell=lambda *_: None):
        fail_on_a_full_disk()
    assert str(caught.value) == f"{words}the service did not start"


def test_what_goes_wrong_beside_it_is_told_as_it_is(house: House) -> None:
    site = site_of(house, storage="", workers=None)

    for error in (Refused("the service did not start"), PermissionError(errno.EACCES, "Permission denied")):
        with (
            pytest.raises(type(error)) as caught,
            bench_house(site, PLAN, bind=BIND, tell=lambda *_: None),
        ):
            raise error
        assert caught.value is error


def test_a_database_that_cannot_be_reached_is_the_one_of_the_option(house: House) -> None:
    site = site_of(house, storage="postgresql://scanhook@127.0.0.1:1/bench", workers=None)

    with (
        pytest.raises(StorageError, match=r"cannot be reached .*: is it running, and `--storage` right\?"),
        bench_house(site, PLAN, bind=BIND, tell=lambda *_: None),
    ):
        raise AssertionError


def schemas(url: str) -> int:
    with psycopg.connect(url) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'scanhook'").fetchall()
    return int(count)


def test_tables_in_a_database_are_made_and_dropped(house: House, empty_database: str) -> None:
    site = site_of(house, storage=empty_database, workers=None)

    with bench_house(site, PLAN, bind=BIND, tell=lambda *_: None) as made:
        assert schemas(empty_database) == 1
        with storage_of(made) as storage:
            assert storage.registry.look_up("main", "qrcode", "bench-item", "BENCH0000000001").code

    assert schemas(empty_database) == 0


def test_a_database_that_is_not_empty_is_left_alone(house: House, empty_database: str) -> None:
    with psycopg.connect(empty_database) as connection:
        connection.execute("CREATE SCHEMA scanhook")

    with (
        pytest.raises(Refused, match="has a schema `scanhook` already: a bench takes an empty database"),
        bench_house(site_of(house, storage=empty_database, workers=None), PLAN, bind=BIND, tell=lambda *_: None),
    ):
        raise AssertionError

    assert schemas(empty_database) == 1
