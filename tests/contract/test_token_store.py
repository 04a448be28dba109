from __future__ import annotations

from collections.abc import Iterator

import pytest

from scanhook.clock import FixedClock
from scanhook.office import OfficeStore, open_office
from scanhook.storage import Pepper
from scanhook.wechat import SealedToken, TokenStore
from tests.contract.engines import Place

AT = 1795312800
FIRST = SealedToken(sealed=b"\x00first\xff", fetched_at=AT, expires_at=AT + 7200)
SECOND = SealedToken(sealed=b"\x00second\xff", fetched_at=AT + 7000, expires_at=AT + 14200)


def offices(place: Place, pepper: Pepper) -> Iterator[OfficeStore]:
    opened = open_office(place.storage, pepper=pepper, clock=FixedClock(AT))
    yield opened
    opened.close()


office = pytest.fixture(offices, name="office")
other_office = pytest.fixture(offices, name="other_office")


@pytest.fixture
def tokens(office: OfficeStore) -> TokenStore:
    return office.tokens


@pytest.fixture
def others(other_office: OfficeStore) -> TokenStore:
    """Return the same store as another worker has it."""
    return other_office.tokens


def test_nothing_is_kept_at_first(tokens: TokenStore) -> None:
    assert tokens.find("main") is None
    assert tokens.drop("main", FIRST) is False


def test_a_token_is_found_by_its_name_in_every_worker(tokens: TokenStore, others: TokenStore) -> None:
    tokens.keep("main", FIRST)

    assert (tokens.find("main"), others.find("main"), others.find("shop")) == (FIRST, FIRST, None)


def test_the_next_token_takes_the_place_of_the_last(tokens: TokenStore, others: TokenStore) -> None:
    tokens.keep("main", FIRST)
    others.keep("main", SECOND)
    tokens.keep("shop", FIRST)

    assert (tokens.find("main"), tokens.find("shop")) == (SECOND, FIRST)


def test_what_had_expired_when_a_token_came_is_forgotten(tokens: TokenStore) -> None:
    tokens.keep("old secret", FIRST)
    tokens.keep("other", SealedToken(sealed=b"s", fetched_at=AT, expires_at=AT + 7201))
    tokens.keep("main", SealedToken(sealed=b"t", fetched_at=AT + 7201, expires_at=AT + 14401))

    assert tokens.find("old secret") is None
    assert tokens.find("other") is not None


def test_only_the_token_that_is_kept_can_be_dropped(tokens: TokenStore, others: TokenStore) -> None:
    tokens.keep("main", FIRST)
    others.keep("main", SECOND)

    assert (tokens.drop("main", FIRST), tokens.find("main")) == (False, SECOND)
    assert (tokens.drop("main", SECOND), others.find("main")) == (True, None)
    assert others.drop("main", SECOND) is False
