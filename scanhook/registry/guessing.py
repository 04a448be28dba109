"""Makes guesses as a forger would who has bought some genuine items. Performs no I/O."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from scanhook.registry.checksum import check_character
from scanhook.registry.normalise import Normalisation

__all__ = ["WAYS", "guesses"]

WAYS = ("one more", "one less", "a few more", "one more with another check character", "one character changed")
_FEW = 100


def guesses(sample: Sequence[str], rules: Normalisation, *, seed: int) -> Iterator[tuple[int, str]]:
    """Guess other codes from those that are known, once in each of ``WAYS``.

    :param sample: codes of one product, in their normal form.
    :param rules: of the product; where they ask for a check character, every guess has the right one.
    :param seed: the same seed makes the same guesses.
    :returns: the number of the way, and a guess in its normal form; never the code that it was made from.
    """
    chance = random.Random(seed)  # noqa: S311  (a forger's dice, not ours)
    alphabets = [sorted(set(column)) for column in zip(*_of_common_length(sample), strict=True)]
    everything = sorted(set("".join(sample))) or ["0"]
    for code in sample:
        body = code[:-1] if rules.check else code
        if not body:
            continue
        for way, guess in enumerate(_guesses(body, alphabets, everything, chance)):
            whole = _finished(guess, rules) if guess else None
            if whole and whole != code:
                yield way, whole


def _guesses(
    body: str, alphabets: Sequence[Sequence[str]], everything: Sequence[str], chance: random.Random
) -> Iterator[str | None]:
    yield _counted(body, 1)
    yield _counted(body, -1)
    yield _counted(body, chance.randint(2, _FEW))
    before = _counted(body[:-1], 1)
    yield before + chance.choice(everything) if before else None
    place = chance.randrange(len(body))
    choice = alphabets[place] if place < len(alphabets) and len(alphabets[place]) > 1 else everything
    yield body[:place] + chance.choice(choice) + body[place + 1 :]


def _of_common_length(sample: Sequence[str]) -> list[str]:
    length = len(sample[0]) if sample else 0
    return [code for code in sample if len(code) == length]


def _counted(text: str, step: int) -> str | None:
    """Count a code up or down, as far as it ends in digits; else its last letter."""
    digits = len(text) - len(text.rstrip("0123456789"))
    if digits:
        number = int(text[-digits:]) + step
        return text[:-digits] + str(number).zfill(digits) if 0 <= number < 10**digits else None
    if not text or not text[-1].isascii() or not text[-1].isalpha():
        return None
    return (
        text[:-1] + chr((ord(text[-1]) - ord("A") + step) % 26 + ord("A"))
        if text[-1].isupper()
        else (text[:-1] + chr((ord(text[-1]) - ord("a") + step) % 26 + ord("a")))
    )


def _finished(body: str, rules: Normalisation) -> str | None:
    normal = rules.apply(body)
    if not rules.check:
        return normal
    try:
        return normal + check_character(normal)
    except ValueError:
        return None
