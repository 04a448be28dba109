from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import SecretStr

from scanhook.envelope import AesKey, Mode
from scanhook.errors import SettingsError
from scanhook.settings import AccountSettings, House, load_settings
from scanhook.wire.service import keyring, open_service
from tests.conftest import APP_ID, ENCODED_KEY, ORIGINAL_ID, TOKEN

OTHER_KEY = "B" * 42 + "A"


def account(**changed: object) -> AccountSettings:
    return AccountSettings.model_validate(
        {"app_id": APP_ID, "original_id": ORIGINAL_ID, "token": TOKEN, "encoding_aes_key": ENCODED_KEY, **changed}
    )


def test_an_account_opens_its_pushes_with_what_the_settings_say() -> None:
    keys = keyring(
        account(previous_tokens=("Older1", "Older2"), previous_encoding_aes_keys=(OTHER_KEY,), mode="compat")
    )
    assert keys.mode is Mode.COMPAT
    assert keys.original_id == ORIGINAL_ID
    assert keys.receive_id == APP_ID
    assert keys.tokens == (TOKEN, "Older1", "Older2")
    assert keys.aes_keys == (AesKey(encoded=ENCODED_KEY), AesKey(encoded=OTHER_KEY))


def test_the_receive_id_of_a_third_party_platform_is_not_the_app_id() -> None:
    assert keyring(account(receive_id="wx_component")).receive_id == "wx_component"


def test_a_plain_account_needs_no_key() -> None:
    settings = AccountSettings(app_id=APP_ID, original_id=ORIGINAL_ID, token=SecretStr(TOKEN), mode="plain")
    assert keyring(settings).aes_keys == ()


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('"registry://"', '"oracle://x"', "no verifier is called `oracle`"),
        ('"registry://"', '"https://brand.example.com/verify"', "verifier.secret: a verifier at a URL needs a secret"),
        ('"registry://"', '"http://brand.example.com/verify"', "http:// sends codes in the clear"),
        ('"sqlite:///data"', '"redis:///data"', "storage.url starts with `redis:`"),
        ('"sqlite:///data"', '"sqlite://data"', "storage.url needs three slashes and a folder"),
    ],
)
def test_settings_that_name_no_verifier_or_engine_stop_the_start(
    house: House, before: str, after: str, sentence: str
) -> None:
    house.path.write_text(house.path.read_text().replace(before, after))
    with pytest.raises(SettingsError) as refused:
        open_service(load_settings(house.path))
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it does not hold 64 hex digits"),
        (b"ab" * 31, "it does not hold 64 hex digits"),
        (b"xy" * 32, "it does not hold 64 hex digits"),
        (b"\xff" * 64, "it does not hold 64 hex digits"),
    ],
)
def test_a_pepper_that_is_none_stops_the_start_and_is_not_repeated(house: House, content: bytes, why: str) -> None:
    house.pepper_path.write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        open_service(house)
    assert str(refused.value) == f"the pepper {house.pepper_path} cannot be read: {why}"


def test_the_accounts_of_a_service_stand_in_the_order_of_the_file(house: House) -> None:
    second = house.path.read_text()
    table = second[second.index("[accounts.main]") : second.index("[verifier]")]
    house.path.write_text(second + table.replace("accounts.main", "accounts.alpha"))
    service = open_service(load_settings(house.path))
    assert list(service.accounts) == ["main", "alpha"]
    assert {account.window_s for account in service.accounts.values()} == {300.0}
    service.close()


def test_a_house_is_a_value(house: House) -> None:
    assert replace(house) == house
