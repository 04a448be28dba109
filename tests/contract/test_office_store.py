from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from scanhook.clock import FixedClock
from scanhook.errors import PepperMismatch, Refused
from scanhook.office import ApiKey, KeyScope, OfficeStore, open_office
from scanhook.storage import SQLITE, Pepper
from tests.contract.engines import Place

AT = 1795312800
OTHER_PEPPER = Pepper(secret=bytes(range(1, 33)))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(AT)


@pytest.fixture
def office(place: Place, pepper: Pepper, clock: FixedClock) -> Iterator[OfficeStore]:
    opened = open_office(place.storage, pepper=pepper, clock=clock)
    yield opened
    opened.close()


def _all_kept(place: Place) -> list[tuple[str, bytes]]:
    if place.storage.engine == SQLITE:
        return [(path.name, path.read_bytes()) for path in place.storage.folder.iterdir()]
    tables = place.registry_sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'scanhook'")
    return [
        (table, place.registry_sql(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")[0][0].encode())
        for (table,) in tables
    ]


def test_a_new_key_is_found_by_its_text(office: OfficeStore) -> None:
    key, presented = office.add_key("erp", KeyScope.OPERATE)

    assert re.fullmatch(r"sh_[0-9A-Za-z]{10}_[0-9A-Za-z]{43}", presented)
    assert key == ApiKey(id=presented[3:13], name="erp", scope=KeyScope.OPERATE, created_at=AT)
    assert office.find_key(presented) == key


def test_no_key_is_found_by_another_text(office: OfficeStore) -> None:
    _, presented = office.add_key("erp", KeyScope.READ)
    _, other = office.add_key("callcentre", KeyScope.ADMIN)
    last = "0" if presented[-1] != "0" else "1"

    for wrong in (
        presented[:-1] + last,
        presented[:14] + other[14:],
        presented[:-1],
        presented + "0",
        f" {presented}",
        f"{presented}\n",
        presented.upper(),
        "sh_0000000000_" + "0" * 43,
        "sh_００００００００００_" + "0" * 43,
        "",
        "\0",
        "\ud800",
    ):
        assert office.find_key(wrong) is None


def test_the_text_of_a_key_is_kept_nowhere(office: OfficeStore, place: Place) -> None:
    _, presented = office.add_key("erp", KeyScope.READ)
    office.close()

    secret = presented[14:].encode()
    for kept in (secret, secret.hex().encode()):
        assert [name for name, held in _all_kept(place) if kept in held] == []
    assert any(presented[3:13].encode() in held for _, held in _all_kept(place))


def test_a_key_is_known_in_another_process(
    office: OfficeStore, place: Place, pepper: Pepper, clock: FixedClock
) -> None:
    key, presented = office.add_key("erp", KeyScope.READ)
    other = open_office(place.storage, pepper=pepper, clock=clock)
    assert other.find_key(presented) == key

    office.revoke_key("erp")

    assert other.find_key(presented) is None
    other.close()


def test_a_revoked_key_is_refused_and_stays_listed(office: OfficeStore, clock: FixedClock) -> None:
    _, presented = office.add_key("erp", KeyScope.READ)
    clock.at += 100

    revoked = office.revoke_key("erp")

    assert office.find_key(presented) is None
    assert (revoked.created_at, revoked.revoked_at) == (AT, AT + 100)
    assert office.api_keys() == [revoked]
    assert not revoked.may(KeyScope.READ)


def test_a_name_can_be_given_again_once_its_key_is_revoked(office: OfficeStore, clock: FixedClock) -> None:
    office.add_key("erp", KeyScope.READ)
    with pytest.raises(Refused, match=r"a key named erp is in use: .*`scanhook apikeys revoke`"):
        office.add_key("erp", KeyScope.ADMIN)
    office.revoke_key("erp")
    clock.at += 1

    _, presented = office.add_key("erp", KeyScope.ADMIN)

    found = office.find_key(presented)
    assert found
    assert found.scope is KeyScope.ADMIN
    assert [(key.scope, key.revoked_at) for key in office.api_keys()] == [("read", AT), ("admin", None)]


@pytest.mark.parametrize("name", ["erp", "nobody"])
def test_a_key_that_is_not_in_use_cannot_be_revoked(office: OfficeStore, name: str) -> None:
    office.add_key("erp", KeyScope.READ)
    office.revoke_key("erp")

    with pytest.raises(Refused, match=f"no key named {name} is in use: see `scanhook apikeys list`"):
        office.revoke_key(name)


@pytest.mark.parametrize("name", ["", " erp", "e\nrp", "e" * 65])
def test_a_name_that_nobody_can_read_is_refused(office: OfficeStore, name: str) -> None:
    with pytest.raises(Refused, match="a key's name is 1 to 64 printable characters"):
        office.add_key(name, KeyScope.READ)
    assert office.api_keys() == []


def test_the_last_use_is_noted_at_most_once_a_minute(
    office: OfficeStore, place: Place, pepper: Pepper, clock: FixedClock
) -> None:
    _, presented = office.add_key("erp", KeyScope.READ)
    seen = []
    for at in (AT, AT + 59, AT + 60, AT + 119, AT + 120):
        clock.at = at
        other = open_office(place.storage, pepper=pepper, clock=clock)
        assert other.find_key(presented)
        assert other.find_key(presented)
        other.close()  # waits for the note
        seen.append(office.api_keys()[0].last_used_at)

    assert seen == [AT, AT, AT + 60, AT + 60, AT + 120]


def test_of_the_uses_within_a_minute_the_first_is_noted(
    office: OfficeStore, place: Place, pepper: Pepper, clock: FixedClock
) -> None:
    _, presented = office.add_key("erp", KeyScope.READ)
    other = open_office(place.storage, pepper=pepper, clock=clock)

    for _ in range(60):
        assert other.find_key(presented)
        clock.at += 1
    other.close()  # waits for the note

    assert office.api_keys()[0].last_used_at == AT


def test_a_key_that_is_not_found_leaves_no_use(
    office: OfficeStore, place: Place, pepper: Pepper, clock: FixedClock
) -> None:
    _, presented = office.add_key("erp", KeyScope.READ)
    other = open_office(place.storage, pepper=pepper, clock=clock)
    other.find_key(presented[:-2] + "00")
    other.close()

    assert office.api_keys()[0].last_used_at is None


def test_of_many_who_ask_for_a_name_at_once_one_gets_it(office: OfficeStore) -> None:
    def ask(_: int) -> bool:
        try:
            office.add_key("erp", KeyScope.READ)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(ask, range(8))) == [False] * 7 + [True]


def test_another_pepper_opens_no_office(office: OfficeStore, place: Place, clock: FixedClock) -> None:
    office.probe()
    with pytest.raises(PepperMismatch, match="put back the pepper that belongs to this storage"):
        open_office(place.storage, pepper=OTHER_PEPPER, clock=clock)
