from __future__ import annotations

import pytest

from scanhook.storage import Pepper
from scanhook.wechat.sealing import open_token, seal_token, token_name

NAME, OTHER = "4c1f", "4c20"


def test_a_sealed_token_opens_under_its_name_with_its_pepper(pepper: Pepper) -> None:
    sealed = seal_token(pepper, NAME, "T" * 512)

    assert open_token(pepper, NAME, sealed) == "T" * 512
    assert open_token(pepper, OTHER, sealed) is None
    assert open_token(Pepper(secret=bytes(32)), NAME, sealed) is None


def test_no_two_seals_are_alike(pepper: Pepper) -> None:
    assert len({seal_token(pepper, NAME, "T") for _ in range(100)}) == 100


@pytest.mark.parametrize("size", [0, 1, 12, 16, 27, 28])
def test_what_is_damaged_does_not_open(pepper: Pepper, size: int) -> None:
    sealed = seal_token(pepper, NAME, "T" * 32)

    assert open_token(pepper, NAME, sealed[:size]) is None
    assert open_token(pepper, NAME, sealed[:-1] + bytes([sealed[-1] ^ 1])) is None


def test_a_name_tells_nothing_and_changes_with_every_part(pepper: Pepper) -> None:
    parts = ("stable", "http://127.0.0.1", "wx1", "s3cret")
    names = {token_name(pepper, *parts[:place], "other", *parts[place + 1 :]) for place in range(4)}

    assert token_name(pepper, *parts) == token_name(Pepper(secret=bytes(range(32))), *parts)
    assert len(names | {token_name(pepper, *parts), token_name(pepper, "stablehttp://127.0.0.1", *parts[2:])}) == 6
    assert token_name(Pepper(secret=bytes(32)), *parts) != token_name(pepper, *parts)
