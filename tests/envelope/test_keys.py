from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from scanhook.envelope import AES_KEY_CHARS, AesKey, Keyring, Mode
from tests.conftest import APP_ID, ENCODED_KEY, ORIGINAL_ID, TOKEN
from tests.envelope.peer import OTHER_KEY


def _keyring(**changes: Any) -> Keyring:
    fields: dict[str, Any] = {
        "mode": Mode.SAFE,
        "original_id": ORIGINAL_ID,
        "receive_id": APP_ID,
        "tokens": (TOKEN,),
        "aes_keys": (AesKey(encoded=ENCODED_KEY),),
    }
    return Keyring(**{**fields, **changes})


@pytest.mark.parametrize(
    ("encoded", "raw"),
    [
        ("A" * 43, bytes(32)),
        ("9" * 43, (b"\xf7\xdf\x7d" * 11)[:32]),
        # Two bits of the last character stand for nothing, and WeChat's generator does not clear them.
        ("B" * 43, (b"\x04\x10\x41" * 11)[:32]),
    ],
)
def test_43_letters_and_digits_stand_for_32_bytes(encoded: str, raw: bytes) -> None:
    assert AES_KEY_CHARS == 43
    assert AesKey(encoded=encoded).raw == raw


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param("", id="empty"),
        pytest.param("K" * 42, id="42"),
        pytest.param("K" * 44, id="44"),
        pytest.param("K" * 42 + "=", id="base64's own padding"),
        pytest.param("K" * 42 + "+", id="plus"),
        pytest.param("K" * 42 + "_", id="underscore"),
        pytest.param("K" * 42 + " ", id="blank"),
        pytest.param("K" * 43 + "\n", id="line feed"),
        pytest.param("K" * 42 + "Ａ", id="full-width"),
        pytest.param("K" * 42 + "é", id="not ASCII"),
    ],
)
def test_anything_else_is_no_key_and_is_not_repeated(encoded: str) -> None:
    with pytest.raises(ValueError, match="43 letters and digits") as caught:
        AesKey(encoded=encoded)
    assert "KK" not in str(caught.value)


def test_no_secret_shows_when_keys_are_printed() -> None:
    keyring = _keyring(tokens=("Secret1", "Secret2"), aes_keys=(AesKey(encoded=OTHER_KEY),))
    for shown in (repr(keyring), str(keyring), repr(keyring.aes_keys[0])):
        assert "Secret" not in shown
        assert "BB" not in shown
        assert "x04" not in shown


def test_keys_cannot_be_changed() -> None:
    keyring = _keyring()
    for value, name in ((keyring, "mode"), (keyring, "tokens"), (keyring.aes_keys[0], "raw")):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, None)


def test_the_modes_have_the_consoles_names() -> None:
    assert [mode.value for mode in Mode] == ["safe", "compat", "plain"]


@pytest.mark.parametrize("token", ["abc", "A1z", "x" * 32])
def test_a_token_of_3_to_32_letters_and_digits_is_taken(token: str) -> None:
    assert _keyring(tokens=(token,)).tokens == (token,)


@pytest.mark.parametrize("token", ["", "ab", "x" * 33, "with-hyphen", "with blank", "line\n", "tokén", "１２３"])
@pytest.mark.parametrize("place", ["current", "previous"])
def test_any_other_token_is_refused_and_not_repeated(token: str, place: str) -> None:
    with pytest.raises(ValueError, match="3 to 32 letters and digits") as caught:
        _keyring(tokens=(token, TOKEN) if place == "current" else (TOKEN, token))
    assert not token or token not in str(caught.value)


def test_no_token_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="a token is"):
        _keyring(tokens=())


def test_an_empty_original_id_is_refused() -> None:
    with pytest.raises(ValueError, match="original id is empty"):
        _keyring(original_id="")


@pytest.mark.parametrize("mode", [Mode.SAFE, Mode.COMPAT])
@pytest.mark.parametrize("missing", [{"aes_keys": ()}, {"receive_id": ""}])
def test_a_mode_that_encrypts_needs_a_key_and_a_receive_id(mode: Mode, missing: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{mode.value} mode needs an EncodingAESKey and a receive id"):
        _keyring(mode=mode, **missing)


def test_plain_mode_needs_neither() -> None:
    keyring = _keyring(mode=Mode.PLAIN, aes_keys=(), receive_id="")
    assert keyring.aes_keys == ()
