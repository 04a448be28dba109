from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from scanhook.settings import ServiceSettings, StorageSettings, VerifierSettings
from tests.settings.conftest import GOOD, Load, Refuse


def test_what_a_short_file_leaves_out_has_the_defaults_of_the_design(load: Load) -> None:
    settings = load(GOOD).settings
    assert settings.storage.url.get_secret_value() == "sqlite:///data"
    assert settings.verifier.chain == ("registry://",)
    assert settings.verifier.timeout_s == 2.0
    assert settings.verifier.on_undecided == "503"
    assert settings.verifier.allow_private_addresses is False
    assert settings.service.timestamp_window_s == 300
    assert settings.accounts["main"].mode == "safe"
    assert settings.accounts["main"].receive_id == ""
    assert str(StorageSettings().pepper_file) == "secrets/pepper"


def test_settings_cannot_be_changed_once_they_are_read(load: Load) -> None:
    house = load(GOOD)
    with pytest.raises(ValidationError, match="frozen"):
        house.settings.service.workers = 3


@pytest.mark.parametrize("bind", ["127.0.0.1:1", "0.0.0.0:65535", "[::1]:8000", "localhost:8080"])
def test_an_address_to_listen_on_is_host_and_port(bind: str) -> None:
    assert ServiceSettings(bind=bind).bind == bind


@pytest.mark.parametrize("bind", ["", "8000", ":8000", "::1:8000", "a b:80", "localhost:80000", "unix:/run/x"])
def test_anything_else_to_listen_on_is_refused(bind: str) -> None:
    with pytest.raises(ValidationError, match="write HOST:PORT"):
        ServiceSettings(bind=bind)


def test_a_public_url_loses_the_slash_at_its_end() -> None:
    assert ServiceSettings(public_url="https://scan.example.com/brand/").public_url == "https://scan.example.com/brand"


@pytest.mark.parametrize("url", ["ftp://scan.example.com", "https://", "https:///path", "https://a b"])
def test_a_public_url_that_wechat_cannot_reach_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="write the address that WeChat reaches"):
        ServiceSettings(public_url=url)


@pytest.mark.parametrize("url", ["https://scan.example.com/wechat/callback", "https://x.example/a/wechat/callback/"])
def test_a_public_url_ends_before_the_callback(url: str) -> None:
    with pytest.raises(ValidationError, match="leave /wechat/callback out: scanhook adds it"):
        ServiceSettings(public_url=url)


@pytest.mark.parametrize("value", ["not a table", 3, None])
def test_a_table_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="valid dictionary"):
        VerifierSettings.model_validate(value)


def test_an_account_cannot_have_the_name_of_another_page(refuse: Refuse) -> None:
    said = refuse(GOOD.replace("[accounts.main]", "[accounts.logo]"))
    assert said.endswith(
        "line 4: accounts.logo: its page would be /landing/logo, which is taken: choose another name"
    ), said


def test_a_storage_on_postgresql_keeps_its_url_to_itself(load: Load) -> None:
    url = "postgresql://ann:s3cret@db.example.com/brand"
    house = load(f'{GOOD}[storage]\nurl = "{url}"\nconnections = 20\n')
    assert house.settings.storage.url.get_secret_value() == url
    assert house.settings.storage.connections == 20
    assert "s3cret" not in repr(house)


def test_a_storages_url_is_read_from_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://ann:s3cret@db.example.com/brand\n")
    house = load(f'{GOOD}[storage]\nurl_file = "{tmp_path}/url"\n')
    assert house.settings.storage.url.get_secret_value() == "postgresql://ann:s3cret@db.example.com/brand"


@pytest.mark.parametrize("count", ["1", "201", "true", '"many"', "2.5"])
def test_a_number_of_connections_has_its_range(refuse: Refuse, count: str) -> None:
    assert "storage.connections" in refuse(f"{GOOD}[storage]\nconnections = {count}\n")
