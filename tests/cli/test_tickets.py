from __future__ import annotations

import pytest
from click.testing import CliRunner

from scanhook.cli import main
from scanhook.errors import WechatUnreachable
from scanhook.settings import House
from tests.cli.conftest import run, run_json
from tests.conftest import OPENID
from tests.tickets import TICKET, Wechat, put_in_place, scanned


@pytest.fixture
def wechat(monkeypatch: pytest.MonkeyPatch) -> Wechat:
    wechat = Wechat()
    put_in_place(wechat, monkeypatch)
    return wechat


def table(*options: str) -> str:
    """Check the ticket, and return what the table says without its lines."""
    return " ".join(run("tickets", "check", TICKET, *options).output.replace("│", " ").split())


def test_what_wechat_says_is_shown_and_no_verdict_without_a_scan(stocked: House, wechat: Wechat) -> None:
    told = run_json("tickets", "check", TICKET, "--extinfo", "GENUINE0001")
    assert told == {
        "account": "main",
        "product": {
            "keystandard": "qrcode",
            "keystr": "moment-frame",
            "known": True,
            "name": None,
            "image": None,
        },
        "person": OPENID,
        "scene": "scan",
        "is_check": True,
        "is_contact": False,
        "bound": False,
        "unbound": "not_scanned",
        "item": None,
    }
    assert "this person has not scanned this code in the last 20 minutes" in table("--extinfo", "GENUINE0001")
    assert "--extinfo" in run("tickets", "check", TICKET).output
    assert wechat.closed


@pytest.mark.usefixtures("wechat")
def test_the_verdict_is_shown_where_this_person_has_scanned(stocked: House) -> None:
    scanned(stocked)
    item = run_json("tickets", "check", TICKET, "--extinfo", "GENUINE0001")["item"]
    assert (item["verdict"], item["reason"], item["batch"], item["persons"]) == ("real", "active", "autumn", 1)
    assert item["scan"] == {"at": item["first_scan"], "verdict": "real", "reason": "active"}
    told = table("--extinfo", "GENUINE0001")
    for said in (
        "product keystr moment-frame",
        "is_check yes",
        "bound yes: this person has scanned it",
        "item verdict real",
        "item scan reason active",
    ):
        assert said in told


@pytest.mark.usefixtures("stocked")
def test_a_ticket_can_come_from_standard_input(wechat: Wechat) -> None:
    result = CliRunner().invoke(main, ["tickets", "check", "-"], input=f"{TICKET}\n", catch_exceptions=False)
    assert (result.exit_code, wechat.asked) == (0, [TICKET])


@pytest.mark.usefixtures("stocked", "wechat")
@pytest.mark.parametrize(
    ("ticket", "why"),
    [
        ("Forged", "61317"),
        ("", "the ticket is empty"),
        ("x" * 10_000, "512 characters"),
    ],
)
def test_a_ticket_that_is_none_says_why(ticket: str, why: str) -> None:
    assert why in run("tickets", "check", ticket, code=1).output


@pytest.mark.usefixtures("stocked")
def test_a_wechat_that_cannot_be_reached_says_so(wechat: Wechat) -> None:
    wechat.answers[TICKET] = WechatUnreachable("/scan/scanticket/check: no answer", acted=None)
    assert "error: /scan/scanticket/check: no answer" in run("tickets", "check", TICKET, code=1).output


@pytest.mark.usefixtures("stocked")
def test_a_house_that_may_not_call_wechat_says_what_to_write() -> None:
    assert "main.app_secret is empty: put the secret into it" in run("tickets", "check", TICKET, code=1).output


@pytest.mark.usefixtures("stocked", "wechat")
def test_an_account_that_is_none_is_refused() -> None:
    assert "no account `nobody`" in run("tickets", "check", TICKET, "--account", "nobody", code=1).output
