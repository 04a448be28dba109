"""AES-256-CBC with one key, begun once instead of once for every message. Performs no I/O.

Beginning a cipher costs more than using it. What comes out is byte for byte what ``AES.new(…, MODE_CBC)`` gives.
"""

from __future__ import annotations

from Crypto.Cipher import AES
from Crypto.Cipher._mode_cbc import CbcMode

__all__ = ["AesCbc"]

_BLOCK_BYTES = AES.block_size


class AesCbc:
    """The cipher of one key; threads may share it.

    :param key: 32 bytes.
    :param iv: the initialization vector of every message: 16 bytes.
    """

    __slots__ = ("_blocks", "_idle", "_iv", "_iv_bits", "_key")

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._key = key
        self._iv = iv
        self._iv_bits = int.from_bytes(iv, "big")
        self._blocks = AES.new(key, AES.MODE_ECB)
        self._idle: list[tuple[CbcMode, int]] = []

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypt a message.

        :param ciphertext: whole blocks, at least one.
        """
        # CBC is the block cipher, and each block XORed with the ciphertext before it (NIST SP 800-38A, 6.2). The first
        # half has no memory, so that one object does it for everybody.
        before = self._iv + ciphertext[:-_BLOCK_BYTES]
        plain = int.from_bytes(self._blocks.decrypt(ciphertext), "big") ^ int.from_bytes(before, "big")
        return plain.to_bytes(len(ciphertext), "big")

    def encrypt(self, plain: bytes) -> bytes:
        """Encrypt a message.

        :param plain: whole blocks, at least one.
        """
        # A CBC object goes on from the last block that it wrote, so that block is taken out of the first one, and the
        # vector put in. Whoever uses an object has taken it from the list, which is one step: nobody else has it.
        try:
            cipher, swap = self._idle.pop()
        except IndexError:
            cipher, swap = AES.new(self._key, AES.MODE_CBC, iv=self._iv), 0
        first = int.from_bytes(plain[:_BLOCK_BYTES], "big") ^ swap
        ciphertext = cipher.encrypt(first.to_bytes(_BLOCK_BYTES, "big") + plain[_BLOCK_BYTES:])
        self._idle.append((cipher, int.from_bytes(ciphertext[-_BLOCK_BYTES:], "big") ^ self._iv_bits))
        return ciphertext
