from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from Crypto.Cipher import AES

from scanhook.envelope.cbc import AesCbc

# NIST SP 800-38A, F.2.5 and F.2.6: CBC-AES256.
KEY = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
IV = bytes(range(16))
PLAIN = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
CIPHERTEXT = bytes.fromhex(
    "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
    "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"
)


def test_the_standards_own_example_is_encrypted_and_decrypted_again_and_again() -> None:
    cipher = AesCbc(KEY, IV)
    for _ in range(3):
        assert cipher.encrypt(PLAIN) == CIPHERTEXT
        assert cipher.decrypt(CIPHERTEXT) == PLAIN


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_the_message_before_changes_nothing(blocks: int) -> None:
    cipher, size = AesCbc(KEY, IV), 16 * blocks
    cipher.encrypt(b"another message, of 32 bytes    ")
    assert cipher.encrypt(PLAIN[:size]) == CIPHERTEXT[:size]
    assert cipher.decrypt(CIPHERTEXT[:size]) == PLAIN[:size]


def test_a_message_that_starts_with_zeros_keeps_them() -> None:
    cipher = AesCbc(KEY, IV)
    assert cipher.decrypt(cipher.encrypt(bytes(48))) == bytes(48)


def test_a_message_that_is_no_whole_number_of_blocks_spoils_none_behind_it() -> None:
    cipher = AesCbc(KEY, IV)
    for wrong in (PLAIN[:17], PLAIN[:-1]):
        cipher.encrypt(PLAIN)
        with pytest.raises(ValueError, match="boundary"):
            cipher.encrypt(wrong)
        with pytest.raises(ValueError, match="boundary"):
            cipher.decrypt(wrong)
    assert cipher.encrypt(PLAIN) == CIPHERTEXT
    assert cipher.decrypt(CIPHERTEXT) == PLAIN


def test_threads_share_it() -> None:
    cipher = AesCbc(KEY, IV)

    def wrong(thread: int) -> list[int]:
        plain = [bytes([thread, turn]) * 8 * (1 + turn % 5) for turn in range(100)]
        sealed = [AES.new(KEY, AES.MODE_CBC, iv=IV).encrypt(text) for text in plain]
        return [
            turn
            for turn, (text, right) in enumerate(zip(plain, sealed, strict=True))
            if cipher.encrypt(text) != right or cipher.decrypt(right) != text
        ]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(wrong, range(8))) == [[]] * 8
