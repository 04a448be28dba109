from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scanhook.settings import House
from tests.cli.conftest import AT, Scanner, run, run_json

FRAME = "qrcode/moment-frame"
TEN = "keystandard,keystr,extinfo,status,batch\n" + "".join(
    f"qrcode,moment-frame,ITEM{number:02},inactive,spring\n" for number in range(1, 11)
)


@pytest.fixture
def spring(shop: House, tmp_path: Path) -> House:
    """Return a house with one batch of ten issued codes."""
    file = tmp_path / "ten.csv"
    file.write_text(TEN)
    run("codes", "import", file)
    return shop


def state(code: str) -> str:
    described: dict[str, Any] = run_json("codes", "check", f"{FRAME}/{code}")
    return str(described["state"])


def states() -> list[str]:
    return [state(f"ITEM{number:02}") for number in range(1, 11)]


def changed(*arguments: str) -> dict[str, Any]:
    made: dict[str, Any] = run_json(*arguments, "--why", "as told")
    return made


def test_a_house_begins_without_batches() -> None:
    assert "There is no batch yet" in run("batches", "list").stdout
    assert run_json("batches", "list") == []


def test_a_batch_is_activated_by_its_name_alone(spring: House) -> None:
    made = changed("batches", "activate", "spring")

    assert (made["action"], made["level"], made["batch"], made["codes"]) == ("activate", "batch", "spring", 10)
    assert (made["keystandard"], made["keystr"], made["why"]) == ("qrcode", "moment-frame", "as told")
    assert set(states()) == {"active"}


def test_people_are_told_what_was_changed_and_how_to_take_it_back(spring: House) -> None:
    said = run("batches", "suspend", "spring", "--why", "x")
    assert "suspend, 10 codes of batch spring. It holds from now on." in said.stdout
    assert "To take it back: scanhook batches undo " in said.stderr


def test_both_ends_of_a_range_belong_to_it(spring: House) -> None:
    changed("batches", "activate", "spring", "--range", "3-5")
    assert states() == ["issued"] * 2 + ["active"] * 3 + ["issued"] * 5


def test_a_consumer_is_answered_by_the_change_at_once(scanner: Scanner) -> None:
    scanner.scan("PRINTED0003", at=AT)
    changed("batches", "activate", "winter")
    scanner.scan("PRINTED0003", at=AT + 60)
    told = [entry["verdict"] for entry in run_lines("scans", "tail")]
    assert told == ["not_active", "real"]


def run_lines(*arguments: str) -> list[dict[str, Any]]:
    import json  # noqa: PLC0415

    return [json.loads(line) for line in run(*arguments, "--json").stdout.splitlines()]


@pytest.mark.parametrize(
    ("verb", "expected"),
    [("suspend", "suspended"), ("recall", "recalled"), ("stolen", "stolen"), ("void", "void"), ("expire", "expired")],
)
def test_every_verb_leads_to_its_state(spring: House, verb: str, expected: str) -> None:
    changed("batches", verb, "spring")
    assert state("ITEM01") == expected


def test_an_activation_waits_for_its_time(spring: House) -> None:
    changed("batches", "activate", "spring", "--at", "2999-01-01T08:00:00+08:00")

    assert state("ITEM01") == "issued"
    shown = run_json("batches", "show", "spring")
    assert shown["own_state"] == "issued"
    assert (shown["activates_at"], shown["expires_at"]) == ("2999-01-01T00:00:00+00:00", None)


def test_a_planned_activation_takes_nothing_away(spring: House, tmp_path: Path) -> None:
    changed("batches", "activate", "spring")
    later = tmp_path / "later.csv"
    later.write_text("keystandard,keystr,extinfo,status,batch\nqrcode,moment-frame,LATER11,inactive,spring\n")
    run("codes", "import", later)

    said = run("batches", "activate", "spring", "--at", "2999-01-01", "--why", "x", code=1).stderr
    assert "it is activated already, and would not be until that time" in said
    planned = run("batches", "activate", "spring", "--range", "11-11", "--at", "2999-01-01", "--why", "x")
    assert "It holds from 2998-12-3" in planned.stdout or "It holds from 2999-01-01" in planned.stdout
    assert "10 codes of the batch are active already, and stay so." in planned.stderr
    assert states() == ["active"] * 10
    assert state("LATER11") == "issued"


def test_only_activation_and_expiry_have_a_time(spring: House) -> None:
    assert (
        "No such option '--at'" in run("batches", "recall", "spring", "--why", "x", "--at", "2999-01-01", code=2).stderr
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("activate", "summer"), "there is no batch `summer`: see `scanhook batches list`"),
        (("activate", "spring", "--range", "5-3"), "the range 5-3 is none"),
        (("activate", "spring", "--range", "0-3"), "the range 0-3 is none"),
        (("activate", "spring", "--range", "3-11"), "goes beyond the batch spring, which has the positions 1-10"),
        (("activate", "spring", "--at", "2001-01-01"), "the time is in the past: leave it out to change the state now"),
        (("activate", "spring", "--product", "qrcode/other"), "has no product qrcode/other"),
    ],
)
def test_what_cannot_be_done_changes_nothing(spring: House, arguments: tuple[str, ...], sentence: str) -> None:
    said = run("batches", *arguments, "--why", "x", code=1).stderr
    assert sentence in said
    assert set(states()) == {"issued"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("activate", "spring", "--why", "x", "--range", "3"), "--range is written FIRST-LAST, such as 1-5000"),
        (("activate", "spring", "--why", "x", "--at", "soon"), "`soon` is no time"),
        (
            ("activate", "spring", "--why", "x", "--product", "qrcode"),
            "`qrcode` is no product: write KEYSTANDARD/KEYSTR",
        ),
        (("activate", "spring"), "Missing option '--why'"),
        (("activate", "--why", "x"), "Missing argument"),
    ],
)
def test_what_cannot_be_understood_is_a_usage_error(spring: House, arguments: tuple[str, ...], sentence: str) -> None:
    assert sentence in run("batches", *arguments, code=2).stderr


def test_from_void_leads_only_an_undo(spring: House) -> None:
    void = changed("batches", "void", "spring")["change"]

    said = run("batches", "activate", "spring", "--why", "x", code=1).stderr
    assert (
        "what is void cannot be changed by activate: if that was a mistake, undo the change that made it void" in said
    )
    changed("batches", "undo", str(void))
    assert set(states()) == {"issued"}


def test_an_older_change_is_undone_after_the_newer_one(spring: House) -> None:
    first = str(changed("batches", "activate", "spring", "--range", "1-6")["change"])
    second = str(changed("batches", "suspend", "spring", "--range", "4-8")["change"])

    said = run("batches", "undo", first, "--why", "x", code=1).stderr
    assert f"the newer change {second} overlaps the change {first}: undo that one first" in said
    changed("batches", "undo", second)
    assert states() == ["active"] * 6 + ["issued"] * 4
    changed("batches", "undo", first)
    assert set(states()) == {"issued"}
    assert f"the change {first} was undone by the change" in run("batches", "undo", first, "--why", "x", code=1).stderr


def test_the_history_tells_who_what_when_and_why(spring: House) -> None:
    run("batches", "activate", "spring", "--range", "1-6", "--why", "shipped to Lanzhou", "--by", "Li Lei")
    run("batches", "suspend", "spring", "--why", "complaints", "--by", "Han Meimei")

    told = run_json("batches", "history", "spring")
    assert [(each["who"], each["action"], each["why"], each["codes"]) for each in told[:2]] == [
        ("Han Meimei", "suspend", "complaints", 10),
        ("Li Lei", "activate", "shipped to Lanzhou", 6),
    ]
    assert told[2]["action"] == "import"
    assert run_json("batches", "history", "--before", str(told[0]["change"]))[0] == told[1]
    shown = run("batches", "history").stdout
    for word in ("Li Lei", "1-6", "Han Meimei", "complaints"):
        assert word in shown


def test_a_change_of_many_codes_wants_a_word(spring: House) -> None:
    text = spring.path.read_text()
    spring.path.write_text(text + "\n[registry]\nconfirm_above = 9\n")

    said = run("batches", "void", "spring", "--why", "x", code=1).stderr
    assert "this changes 10 codes: say --yes if that is what you want" in said
    changed("batches", "void", "spring", "--range", "1-9")
    changed("batches", "void", "spring", "--yes")
    assert set(states()) == {"void"}


def test_of_two_batches_with_one_name_the_product_is_asked_for(spring: House, tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("keystandard,keystr,extinfo,status,batch\nqrcode,other,A1,inactive,spring\n")
    run("codes", "import", file)

    said = run("batches", "activate", "spring", "--why", "x", code=1).stderr
    assert "several products have a batch `spring` (qrcode/moment-frame, qrcode/other): say --product" in said
    changed("batches", "activate", "spring", "--product", "qrcode/other")
    assert set(states()) == {"issued"}
    assert run_json("codes", "check", "qrcode/other/A1")["state"] == "active"


def test_several_batches_are_one_change(stocked: House) -> None:
    made = changed("batches", "recall", "autumn", "winter")
    assert (made["codes"], made["details"]) == (3, {"batches": ["autumn", "winter"]})
    assert [state(code) for code in ("GENUINE0001", "PRINTED0003")] == ["recalled", "recalled"]
    changed("batches", "undo", str(made["change"]))
    assert [state(code) for code in ("GENUINE0001", "PRINTED0003")] == ["active", "issued"]


def test_the_batches_are_listed_with_their_states_in_force(stocked: House) -> None:
    changed("batches", "recall", "autumn")
    listed = {row["batch"]: row for row in run_json("batches", "list")}
    assert {name: row["own_state"] for name, row in listed.items()} == {"autumn": "recalled", "winter": None}
    assert {name: row["states"] for name, row in listed.items()} == {"autumn": {"recalled": 2}, "winter": {"issued": 1}}
    assert [row["batch"] for row in run_json("batches", "list", "--product", FRAME)] == ["autumn", "winter"]
    shown = run("batches", "list").stdout
    assert "recalled 2" in shown
    assert "issued 1" in shown


def test_an_activation_under_a_suspended_product_says_so(spring: House) -> None:
    run("products", "suspend", "qrcode", "moment-frame", "--why", "x")
    said = run("batches", "activate", "spring", "--why", "x")
    assert "the product qrcode/moment-frame is suspended, and the strictest state is in force" in said.stderr
    assert state("ITEM01") == "suspended"
    run("products", "activate", "qrcode", "moment-frame", "--why", "x")
    assert state("ITEM01") == "active"


def test_activating_a_product_leaves_its_issued_codes_issued(spring: House) -> None:
    run("products", "suspend", "qrcode", "moment-frame", "--why", "x")
    run("products", "activate", "qrcode", "moment-frame", "--why", "x")
    assert set(states()) == {"issued"}
