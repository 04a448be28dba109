from __future__ import annotations

import json
import re

import pytest

from scanhook.clock import FixedClock
from scanhook.office import OfficeStore, open_office
from scanhook.settings import House
from scanhook.storage import Pepper, StorageUrl
from tests.cli.conftest import AT, run, run_json


def office_of(shop: House) -> OfficeStore:
    url = StorageUrl.of(shop)
    return open_office(url, pepper=Pepper.load(shop.pepper_path), clock=FixedClock(AT))


def test_a_key_is_shown_once_alone_on_a_line(shop: House) -> None:
    result = run("apikeys", "add", "erp", "--scope", "operate")

    assert re.fullmatch(r"sh_\w{10}_\w{43}\n", result.stdout)
    assert "Keep it now: scanhook keeps only a hash of it, and cannot show it again." in result.stderr
    office = office_of(shop)
    found = office.find_key(result.stdout.strip())
    office.close()
    assert found
    assert (found.name, found.scope) == ("erp", "operate")


def test_the_list_shows_every_key_and_no_secret(shop: House) -> None:
    used, other = (run_json("apikeys", "add", name, "--scope", "read")["key"] for name in ("erp", "centre"))
    office = office_of(shop)
    assert office.find_key(used)
    office.close()
    run("apikeys", "revoke", "centre")

    rows = {row["name"]: row for row in run_json("apikeys", "list")}

    assert {name: (row["scope"], row["begins_with"]) for name, row in rows.items()} == {
        "erp": ("read", used[:14]),
        "centre": ("read", other[:14]),
    }
    assert rows["erp"]["last_used"] == "2026-11-22T02:00:00+00:00"
    assert rows["erp"]["revoked"] is None
    assert rows["centre"]["last_used"] is None
    assert rows["centre"]["revoked"] is not None
    shown = json.dumps(list(rows.values())) + run("apikeys", "list").stdout
    assert used[14:] not in shown
    assert other[14:] not in shown


def test_without_keys_the_list_says_how_to_make_one() -> None:
    assert run("apikeys", "list").stdout == (
        "There are no keys yet: make one with `scanhook apikeys add NAME --scope read`.\n"
    )
    assert run_json("apikeys", "list") == []


def test_a_key_is_revoked_by_its_name(shop: House) -> None:
    presented = run("apikeys", "add", "erp", "--scope", "admin").stdout.strip()

    told = run("apikeys", "revoke", "erp").stdout

    assert told == f"The key of erp ({presented[:14]}…) is revoked: the next request with it is refused.\n"
    office = office_of(shop)
    assert office.find_key(presented) is None
    office.close()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "erp", "--scope", "read"), "a key named erp is in use: choose another name, or revoke that key first"),
        (("add", " ", "--scope", "read"), "a key's name is 1 to 64 printable characters"),
        (("revoke", "nobody"), "no key named nobody is in use: see `scanhook apikeys list`"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: tuple[str, ...], sentence: str) -> None:
    run("apikeys", "add", "erp", "--scope", "read")

    assert run("apikeys", *arguments, code=1).stderr.startswith(f"error: {sentence}")


@pytest.mark.parametrize("arguments", [("add", "erp"), ("add", "erp", "--scope", "root"), ("revoke",)])
def test_what_is_no_order_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    run("apikeys", *arguments, code=2)


def test_a_storage_without_an_office_says_how_to_make_one(shop: House) -> None:
    (shop.base / "data" / "office.db").unlink()

    assert run("apikeys", "list", code=1).stderr == (
        f"error: {shop.base}/data/office.db is missing: an older version made this storage: "
        "run `scanhook storage upgrade`\n"
    )
