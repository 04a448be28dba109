from __future__ import annotations

import pytest

from scanhook.journal import open_journal
from scanhook.storage import Pepper
from scanhook.wire.service import storage_url
from tests.wire.api.conftest import GENUINE, Api


def test_a_code_is_checked_and_not_counted(shared_api: Api) -> None:
    told = shared_api.post("/codes/check", GENUINE, scope="read")
    tag = told.pop("code")
    assert len(bytes.fromhex(tag)) == 10
    assert told == {
        "account": "main",
        "verdict": "real",
        "reason": "active",
        "asks_others": False,
        "batch": "autumn",
        "position": 1,
        "state": "active",
        "scans": 0,
        "persons": 0,
        "first_scan": None,
        "last_scan": None,
        "counts_reset": None,
        "nearest": None,
        "changes": [],
    }


def test_an_unknown_code_names_its_nearest_genuine_one(shared_api: Api) -> None:
    told = shared_api.post("/codes/check", GENUINE | {"extinfo": "GENUINEOO01"})
    assert (told["verdict"], told["reason"], told["batch"], told["nearest"]) == ("fake", "unknown_code", None, None)
    near = shared_api.post("/codes/check", GENUINE | {"extinfo": "PRINTEDO003"})["nearest"]
    assert (near["batch"], near["position"], near["edit"], near["place"]) == ("winter", 1, "changed", 8)


@pytest.mark.parametrize(
    ("changed", "verdict", "reason"),
    [
        ({"extinfo": "PRINTED0003"}, "not_active", "not_active"),
        ({"extinfo": ""}, "success", "no_code"),
        ({"keystr": "nothing"}, "success", "unknown_product"),
    ],
)
def test_a_check_says_what_a_scan_is_answered(
    shared_api: Api, changed: dict[str, str], verdict: str, reason: str
) -> None:
    told = shared_api.post("/codes/check", GENUINE | changed)
    assert (told["verdict"], told["reason"]) == (verdict, reason)


def test_a_check_counts_the_scans_of_the_code(api: Api) -> None:
    for number in range(2):
        api.post("/verdicts", GENUINE | {"person": "p", "id": f"q{number}"})
    told = api.post("/codes/check", GENUINE)
    assert (told["scans"], told["persons"], told["first_scan"][-1]) == (2, 1, "Z")


def test_a_check_says_since_when_the_code_is_counted(api: Api) -> None:
    api.post("/verdicts", GENUINE | {"person": "p", "id": "q1"})
    tag = bytes.fromhex(api.post("/codes/check", GENUINE)["code"])
    journal = open_journal(storage_url(api.house), pepper=Pepper.load(api.house.pepper_path))
    journal.reset_counts([tag], who="ann", why="sold again", now=1_795_312_800.0)
    journal.close()
    told = api.post("/codes/check", GENUINE)
    assert (told["scans"], told["persons"], told["first_scan"]) == (0, 0, None)
    assert told["counts_reset"] == {
        "at": "2026-11-22T02:00:00Z",
        "who": "ann",
        "why": "sold again",
        "scans": 1,
        "persons": 1,
    }


def test_a_code_that_is_too_long_is_refused_and_not_repeated(shared_api: Api) -> None:
    response = shared_api("POST", "/codes/check", GENUINE | {"extinfo": "SECRET" * 2000})
    assert response.status_code == 422
    assert b"SECRET" not in response.data
