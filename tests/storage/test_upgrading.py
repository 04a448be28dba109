from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from scanhook.clock import FixedClock
from scanhook.errors import PepperMismatch, Refused, SchemaMismatch, StorageError
from scanhook.journal import open_journal
from scanhook.registry import RegistryStore, State, open_registry
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.lock import use_files
from scanhook.storage.upgrading import Upgraded, upgrade_storage
from tests.storage.old import AT, PRODUCT_ID, make_old_storage

OTHER_PEPPER = Pepper(secret=bytes(range(1, 33)))
UPGRADED = [
    Upgraded(name="journal.db", before=1, after=3),
    Upgraded(name="office.db", before=0, after=1),
    Upgraded(name="registry.db", before=1, after=2),
]
UP_TO_DATE = [
    Upgraded(name="journal.db", before=3, after=3),
    Upgraded(name="office.db", before=1, after=1),
    Upgraded(name="registry.db", before=2, after=2),
]


@pytest.fixture
def storage(tmp_path: Path, pepper: Pepper) -> Path:
    make_old_storage(tmp_path / "data", pepper)
    return tmp_path / "data"


def sqlite(folder: Path) -> StorageUrl:
    return StorageUrl(engine="sqlite", folder=folder)


def versions(folder: Path) -> dict[str, int]:
    found = {}
    for path in sorted(folder.glob("*.db")):
        connection = apsw.Connection(str(path))
        found[path.name] = connection.pragma("user_version")
        connection.close()
    return found


def state_of(registry: RegistryStore, ext_info: str) -> tuple[str, int, State] | None:
    code = registry.look_up("main", "qrcode", "moment-frame", ext_info).code
    return (code.batch, code.position, code.state_at(AT)) if code else None


def test_codes_are_found_and_judged_as_before(storage: Path, pepper: Pepper) -> None:
    assert upgrade_storage(sqlite(storage), pepper=pepper) == UPGRADED

    registry = open_registry(StorageUrl(engine="sqlite", folder=storage), pepper=pepper, clock=FixedClock(AT))
    found = {name: state_of(registry, name) for name in ("GENUINE0001", "GENUINE0002", "PRINTED0003", "COPIED99999")}
    registry.close()
    assert found == {
        "GENUINE0001": ("autumn", 1, State.ACTIVE),
        "GENUINE0002": ("autumn", 2, State.ACTIVE),
        "PRINTED0003": ("winter", 1, State.ISSUED),
        "COPIED99999": None,
    }


def test_scans_and_their_counts_are_as_before(storage: Path, pepper: Pepper) -> None:
    upgrade_storage(sqlite(storage), pepper=pepper)

    journal = open_journal(StorageUrl(engine="sqlite", folder=storage), pepper=pepper)
    tally = journal.tally(pepper.tag(PRODUCT_ID, "GENUINE0001"))
    assert tally
    assert (tally.scans, tally.persons) == (2, 2)
    assert [entry.number for entry in journal.tail(10)] == [1, 2]
    journal.close()


def test_it_can_be_run_again_even_while_the_service_runs(storage: Path, pepper: Pepper) -> None:
    upgrade_storage(sqlite(storage), pepper=pepper)
    service = use_files(storage)

    assert upgrade_storage(sqlite(storage), pepper=pepper) == UP_TO_DATE

    service.close()


def test_an_office_that_is_made_is_private(storage: Path, pepper: Pepper) -> None:
    upgrade_storage(sqlite(storage), pepper=pepper)

    assert (storage / "office.db").stat().st_mode & 0o777 == 0o600


def test_a_storage_in_use_is_left_alone(storage: Path, pepper: Pepper) -> None:
    service = use_files(storage)
    with pytest.raises(Refused, match="stop the service, wait for imports, and run this again"):
        upgrade_storage(sqlite(storage), pepper=pepper)
    service.close()
    old_service = apsw.Connection(str(storage / "registry.db"))
    old_service.execute("SELECT * FROM meta").fetchall()
    with pytest.raises(Refused, match="stop the service, wait for imports, and run this again"):
        upgrade_storage(sqlite(storage), pepper=pepper)
    old_service.close()

    assert versions(storage) == {"journal.db": 1, "registry.db": 1}


def test_an_upgrade_that_fails_leaves_its_file_as_it_was_and_can_be_run_again(
    storage: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scanhook.storage.sqlite import schema_of  # noqa: PLC0415

    broken = [*schema_of("scanhook.registry"), "CREATE TABLE ghosts (a);\nINSERT INTO nowhere VALUES (1);\n"]
    with monkeypatch.context() as patch:
        patch.setattr(
            "scanhook.storage.sqlite.schema_of",
            lambda package: broken if package == "scanhook.registry" else schema_of(package),
        )
        with pytest.raises(StorageError, match=r"registry\.db: no such table: nowhere"):
            upgrade_storage(sqlite(storage), pepper=pepper)

    assert versions(storage) == {"journal.db": 3, "office.db": 1, "registry.db": 1}
    assert upgrade_storage(sqlite(storage), pepper=pepper)[2] == UPGRADED[2]


def test_a_newer_storage_is_left_alone(storage: Path, pepper: Pepper) -> None:
    connection = apsw.Connection(str(storage / "journal.db"))
    connection.pragma("user_version", 99)
    connection.close()

    with pytest.raises(SchemaMismatch, match="install the version that made it"):
        upgrade_storage(sqlite(storage), pepper=pepper)

    assert versions(storage)["registry.db"] == 1


def test_another_pepper_upgrades_nothing(storage: Path) -> None:
    with pytest.raises(PepperMismatch, match="put back the pepper that belongs to this storage"):
        upgrade_storage(sqlite(storage), pepper=OTHER_PEPPER)

    assert versions(storage) == {"journal.db": 1, "registry.db": 1}


@pytest.mark.parametrize("name", ["registry.db", "journal.db"])
def test_a_file_that_is_lost_is_never_made_anew(storage: Path, pepper: Pepper, name: str) -> None:
    (storage / name).unlink()

    with pytest.raises(StorageError, match=rf"{name} is missing: is the disk mounted\?"):
        upgrade_storage(sqlite(storage), pepper=pepper)

    assert not (storage / name).exists()
