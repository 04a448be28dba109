"""Random serials for printing: 80 random bits in 16 characters of Crockford's base 32, and a check character.

How likely is a chance hit? A registry that finds codes by a tag of 80 bits calls a guess genuine in two ways. With
``n`` = 10⁸ live codes of one product:

- The guess *is* a live serial. A guesser who knows the rules makes the check character right, and chooses among 2⁸⁰
  bodies: n / 2⁸⁰ = 8.3·10⁻¹⁷. One who guesses all 17 characters blindly has the check right once in 32 times:
  n / 2⁸⁵ = 2.6·10⁻¹⁸.
- The guess is none, and its tag happens to be that of a live code: again n / 2⁸⁰ = 8.3·10⁻¹⁷ (here the check character
  does not help, since tags know nothing of it).

Together 1.7·10⁻¹⁶ for the guesser who knows the rules, 8.5·10⁻¹⁷ for the blind one: at 10⁴ guesses a second, one hit in
about 20 000 years. :func:`chance_of_a_hit` computes it.

Two serials of one mint are equal with a chance of N² / 2⁸¹: 4·10⁻¹¹ for N = 10⁷. The registry finds that, and the mint
is then taken back.
"""

from __future__ import annotations

import secrets

from scanhook.registry.checksum import ALPHABET, check_character
from scanhook.storage import TAG_BYTES

__all__ = ["RANDOM_CHARS", "SERIAL_CHARS", "chance_of_a_hit", "new_serials", "with_checks"]

RANDOM_CHARS = 16
SERIAL_CHARS = RANDOM_CHARS + 1
_BITS_A_CHAR = 5

# A random byte gives its last five bits: 256 is a multiple of 32, so every character is equally likely.
_TEXT = bytes(ord(ALPHABET[byte % 32]) for byte in range(256))
_VALUE = bytes(byte % 32 for byte in range(256))


def _terms(place: int) -> bytes:
    """Return what each byte adds to the check when it stands at that place: the check is a sum of such terms."""
    alone = ("0" * place + character + "0" * (RANDOM_CHARS - place - 1) for character in ALPHABET)
    terms = [ALPHABET.index(check_character(body)) for body in alone]
    return bytes(terms[value] for value in _VALUE)


_TERMS = [_terms(place) for place in range(RANDOM_CHARS)]


def new_serials(count: int) -> bytes:
    """Make random serials.

    :returns: ``count`` serials of ``SERIAL_CHARS`` characters each, one behind the other, in ASCII.
    """
    return with_checks(secrets.token_bytes(count * RANDOM_CHARS))


def with_checks(values: bytes) -> bytes:
    """Write values as characters, with the check character behind every 16 of them.

    All serials are made at once, column by column; one by one it would take twenty times as long.

    :param values: a multiple of 16 bytes, of which the last five bits count.
    """
    count, rest = divmod(len(values), RANDOM_CHARS)
    if rest:
        raise ValueError(f"serials are made of {RANDOM_CHARS} values each")
    serials = bytearray(count * SERIAL_CHARS)
    checks = 0
    for place in range(RANDOM_CHARS):
        column = values[place::RANDOM_CHARS]
        serials[place::SERIAL_CHARS] = column.translate(_TEXT)
        checks ^= int.from_bytes(column.translate(_TERMS[place]), "big")
    serials[RANDOM_CHARS::SERIAL_CHARS] = checks.to_bytes(count, "big").translate(_TEXT)
    return bytes(serials)


def chance_of_a_hit(live: int, *, knows_the_rules: bool) -> float:
    """Return how likely one guess is to be called genuine, where ``live`` minted codes of a product are active.

    :param knows_the_rules: whether the guesser makes the check character right, or guesses it too.
    """
    bits = _BITS_A_CHAR * (RANDOM_CHARS if knows_the_rules else SERIAL_CHARS)
    is_a_serial = live * 2.0**-bits
    return is_a_serial + (1 - is_a_serial) * live * 2.0 ** (-8 * TAG_BYTES)
