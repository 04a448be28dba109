from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from scanhook.errors import SettingsError, StorageError
from scanhook.settings import House, load_settings
from scanhook.storage import StorageUrl

BASE = Path("/srv/brand")


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("sqlite:///data", "/srv/brand/data"),
        ("sqlite:///deep/data", "/srv/brand/deep/data"),
        ("sqlite:////var/lib/scanhook", "/var/lib/scanhook"),
        ("SQLITE:///data", "/srv/brand/data"),
    ],
)
def test_a_relative_folder_starts_from_the_settings_file(url: str, folder: str) -> None:
    assert StorageUrl.parse(url, base=BASE) == StorageUrl(engine="sqlite", folder=Path(folder))


@pytest.mark.parametrize("url", ["", "data", "mysql:///data", "file:///data"])
def test_an_engine_that_is_not_there_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"sqlite:///FOLDER"):
        StorageUrl.parse(url, base=BASE)


@pytest.mark.parametrize("url", ["sqlite:", "sqlite:///", "sqlite://data", "sqlite://host/data", "sqlite:/"])
def test_a_url_without_a_folder_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="three slashes and a folder"):
        StorageUrl.parse(url, base=BASE)


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"storage\.url is no URL"):
        StorageUrl.parse("sqlite://[data", base=BASE)


@pytest.mark.parametrize("name", ["registry.db", "journal.db"])
def test_a_storage_with_a_missing_file_is_told_with_its_remedy(empty_storage: Path, tmp_path: Path, name: str) -> None:
    url = StorageUrl(engine="sqlite", folder=Path(copytree(empty_storage, tmp_path / "data")))
    url.check_made()

    (url.folder / name).unlink()

    with pytest.raises(StorageError, match=rf"{name} is missing: is the disk mounted\?"):
        url.check_made()


def test_a_storage_of_an_older_version_is_told_to_be_upgraded(empty_storage: Path, tmp_path: Path) -> None:
    url = StorageUrl(engine="sqlite", folder=Path(copytree(empty_storage, tmp_path / "data")))
    (url.folder / "office.db").unlink()

    with pytest.raises(StorageError, match=r"office\.db is missing: .*: run `scanhook storage upgrade`"):
        url.check_made()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_database_is_named_without_its_password(scheme: str) -> None:
    url = StorageUrl.parse(f"{scheme}://ann:s3cret@db.example.com:5433/brand", base=BASE, connections=12)
    assert (url.engine, url.name) == ("postgresql", "postgresql://db.example.com:5433/brand")
    assert url.connections == 12
    assert "s3cret" not in repr(url)


def test_what_belongs_to_this_machine_lies_beside_the_settings() -> None:
    assert StorageUrl.parse("postgresql://h/brand", base=BASE).folder == Path("/srv/brand/data")
    assert StorageUrl.parse("sqlite:///files", base=BASE).name == "/srv/brand/files"


def test_a_database_url_that_cannot_be_read_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError, match=r"storage\.url cannot be read") as refused:
        StorageUrl.parse("postgresql://ann:s3/cret@h/brand", base=BASE)
    assert "cret" not in str(refused.value)


def test_nothing_lies_on_this_machine_that_a_database_could_have_lost() -> None:
    StorageUrl.parse("postgresql://h/brand", base=BASE).check_made()


def test_a_house_says_where_its_storage_lies_and_how_many_connections_it_may_have(house: House) -> None:
    text = house.path.read_text()
    (house.base / "url").write_text("postgresql://ann:s3cret@h/brand\n")
    house.path.write_text(text.replace('url = "sqlite:///data"', 'url_file = "url"\nconnections = 20'))
    url = StorageUrl.of(load_settings(house.path))
    assert (url.name, url.connections, url.folder) == ("postgresql://h/brand", 20, house.base / "data")
    assert StorageUrl.of(house).connections == 8
