from __future__ import annotations

import base64
from typing import Any

import pytest

from scanhook.envelope import BLOCK_BYTES, RANDOM_BYTES, AesKey, decrypt, encrypt
from scanhook.errors import NotAuthentic
from tests.conftest import APP_ID, ENCODED_KEY, vectors_of
from tests.envelope.peer import OTHER_APP_ID, OTHER_KEY, RANDOM, packed, padded, said, seal, seal_blocks, unseal

KEY = AesKey(encoded=ENCODED_KEY)
SEALED = vectors_of("push") + vectors_of("reply") + vectors_of("decrypt")


def test_the_vectors_hold_every_padding_that_matters() -> None:
    # 17 to 32 is where a standard unpadder for blocks of 16 fails.
    assert {vector.values[0]["pad"] for vector in vectors_of("push") + vectors_of("decrypt")} == {2, 19, 22, 32}


@pytest.mark.parametrize("vector", SEALED)
def test_the_vectors_are_decrypted(vector: dict[str, Any]) -> None:
    key = AesKey(encoded=vector["encoding_aes_key"])
    assert decrypt(vector["encrypt"], key=key, receive_id=vector["receive_id"]).decode() == vector["message"]


@pytest.mark.parametrize("vector", SEALED)
def test_the_vectors_are_encrypted_byte_for_byte(vector: dict[str, Any]) -> None:
    key, random = AesKey(encoded=vector["encoding_aes_key"]), vector["random"].encode()
    made = encrypt(vector["message"].encode(), key=key, receive_id=vector["receive_id"], random=random)
    assert made == vector["encrypt"]


@pytest.mark.parametrize("length", range(33))
def test_every_length_of_a_message_is_encrypted_and_decrypted(length: int) -> None:
    message = b"m" * length
    encrypted = encrypt(message, key=KEY, receive_id=APP_ID, random=RANDOM)
    assert len(base64.b64decode(encrypted)) % BLOCK_BYTES == 0
    assert unseal(encrypted) == (RANDOM, message, APP_ID)
    assert decrypt(seal(message), key=KEY, receive_id=APP_ID) == message


def test_a_message_may_hold_any_byte_and_a_receive_id_any_letter() -> None:
    message = bytes(range(256))
    assert decrypt(seal(message, receive_id="企业"), key=KEY, receive_id="企业") == message
    assert unseal(encrypt(message, key=KEY, receive_id="企业", random=RANDOM)) == (RANDOM, message, "企业")


def test_an_empty_message_and_an_empty_receive_id_are_legal() -> None:
    # WeCom's own apps of a person have an empty one (facts.md 3.6).
    assert decrypt(seal(b"", receive_id=""), key=KEY, receive_id="") == b""
    with pytest.raises(NotAuthentic):
        decrypt(seal(b"", receive_id=APP_ID), key=KEY, receive_id="")


@pytest.mark.parametrize("length", [0, 15, 17, 32])
def test_the_random_prefix_has_16_bytes(length: int) -> None:
    assert RANDOM_BYTES == 16
    with pytest.raises(ValueError, match="random must be 16 bytes"):
        encrypt(b"", key=KEY, receive_id=APP_ID, random=bytes(length))


@pytest.mark.parametrize(
    "encrypted",
    [
        pytest.param("not base64!", id="signs"),
        pytest.param("AAAA AAAA", id="blank"),
        pytest.param(seal(b"m")[:-1], id="cut in a quantum"),
        pytest.param(seal(b"m" * 5) + "=", id="too much padding"),
        pytest.param(seal(b"m").replace("+", "-").replace("/", "_") + "-_", id="the URL's alphabet"),
        pytest.param("密文", id="not ASCII"),
        pytest.param("AAAA\ud800", id="lone surrogate"),
    ],
)
def test_what_is_not_base64_is_refused(encrypted: str) -> None:
    with pytest.raises(NotAuthentic) as caught:
        decrypt(encrypted, key=KEY, receive_id=APP_ID)
    assert caught.value.kind == "cipher"
    assert said(caught) == "`Encrypt` is not base64"


@pytest.mark.parametrize("length", [0, 1, 15, 17, 31, 33])
def test_what_is_no_whole_number_of_blocks_is_refused(length: int) -> None:
    with pytest.raises(NotAuthentic, match="whole number of AES blocks") as caught:
        decrypt(base64.b64encode(bytes(length)).decode(), key=KEY, receive_id=APP_ID)
    assert caught.value.kind == "cipher"


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(packed(b"m" * 26) + b"\x00" * 32, id="0"),
        pytest.param(packed(b"m" * 26) + b"\x21" * 32, id="33"),
        pytest.param(packed(b"m" * 26) + b"\xff" * 32, id="255"),
        pytest.param(packed(b"m" * 26) + b"\x1f" + b"\x20" * 31, id="not all alike"),
        pytest.param(packed(b"m" * 25)[:-1] + b"\x00\x02", id="only the last byte right"),
        pytest.param(b"\x11" * 16, id="17 in one block of 16"),
        pytest.param(b"\x20" * 16, id="32 in one block of 16"),
    ],
)
def test_a_wrong_padding_is_refused(plain: bytes) -> None:
    with pytest.raises(NotAuthentic, match="padding inside `Encrypt`") as caught:
        decrypt(seal_blocks(plain), key=KEY, receive_id=APP_ID)
    assert caught.value.kind == "cipher"


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(packed(b"message", length=7 + 18 + 1), id="one more than there is"),
        pytest.param(packed(b"message", length=0xFFFFFFFF), id="the most that can be written"),
        pytest.param(b"", id="nothing at all"),
        pytest.param(RANDOM, id="only the random bytes"),
        pytest.param(RANDOM + b"\x00\x00\x00", id="only a part of the length"),
    ],
)
def test_a_wrong_length_is_refused(plain: bytes) -> None:
    with pytest.raises(NotAuthentic, match="length inside `Encrypt`") as caught:
        decrypt(seal_blocks(padded(plain)), key=KEY, receive_id=APP_ID)
    assert caught.value.kind == "cipher"


@pytest.mark.parametrize(
    "encrypted",
    [
        pytest.param(seal(b"message", receive_id=OTHER_APP_ID), id="another app"),
        pytest.param(seal(b"message", receive_id=""), id="none"),
        pytest.param(seal(b"message", receive_id=APP_ID[:-1]), id="its beginning"),
        pytest.param(seal(b"message", receive_id=APP_ID + "x"), id="more behind it"),
        pytest.param(seal(b"message", receive_id=APP_ID.upper()), id="capitals"),
        pytest.param(seal_blocks(padded(packed(b"message", length=6))), id="a length one too short"),
        pytest.param(seal_blocks(padded(packed(b"message", length=8))), id="a length one too long"),
        pytest.param(seal_blocks(padded(packed(b"message", receive_id="") + b"\xff\xfe")), id="not UTF-8"),
    ],
)
def test_another_receive_id_is_refused(encrypted: str) -> None:
    with pytest.raises(NotAuthentic, match="id at the end of `Encrypt`") as caught:
        decrypt(encrypted, key=KEY, receive_id=APP_ID)
    assert caught.value.kind == "receive_id"
    assert APP_ID not in said(caught)


def test_ciphertext_that_lost_or_gained_blocks_is_refused() -> None:
    ciphertext = base64.b64decode(seal(b"message" * 20))
    for changed in (ciphertext[:-16], ciphertext[:-32], ciphertext[16:], ciphertext + ciphertext[-16:], ciphertext * 2):
        with pytest.raises(NotAuthentic):
            decrypt(base64.b64encode(changed).decode(), key=KEY, receive_id=APP_ID)


def test_another_key_is_refused() -> None:
    with pytest.raises(NotAuthentic) as caught:
        decrypt(seal(b"message", key=OTHER_KEY), key=KEY, receive_id=APP_ID)
    assert caught.value.kind == "cipher"
    assert "is the EncodingAESKey the console's?" in said(caught)
