from __future__ import annotations

import pytest

from scanhook.sandbox.route import Refusal
from tests.sandbox.desk import Desk

OPENID = "otAzGjrS4AYCmeJM1GhEOcHXXTAo"


def _issue(desk: Desk) -> str:
    return desk.world.tickets.issue(desk.main, openid=OPENID, keystandard="ean13", keystr="6901481811083")


def test_a_ticket_is_answered_as_the_page_shows(desk: Desk) -> None:
    assert desk.call("/scan/scanticket/check", {"ticket": _issue(desk)}) == {
        "errcode": 0,
        "errmsg": "ok",
        "keystandard": "ean13",
        "keystr": "6901481811083",
        "openid": OPENID,
        "scene": "scan",
        "is_check": False,
        "is_contact": False,
    }


def test_a_ticket_is_good_for_twenty_minutes(desk: Desk) -> None:
    ticket = _issue(desk)
    desk.clock.at += 1199
    assert desk.call("/scan/scanticket/check", {"ticket": ticket})["errcode"] == 0
    desk.clock.at += 1
    assert desk.call("/scan/scanticket/check", {"ticket": ticket})["errcode"] == 61317


@pytest.mark.parametrize("ticket", ["", "Ym1haDlvNXJqY3Ru1", "x" * 10_000, 5, None, [], {}])
def test_what_is_no_ticket_is_refused(desk: Desk, ticket: object) -> None:
    assert desk.call("/scan/scanticket/check", {"ticket": ticket})["errcode"] == 61317


def test_a_ticket_of_another_account_is_refused(desk: Desk) -> None:
    with pytest.raises(Refusal, match="ticket invalid"):
        desk.world.tickets.check(desk.shop, _issue(desk))


def test_who_came_how_is_kept_with_the_ticket(desk: Desk) -> None:
    ticket = desk.world.tickets.issue(
        desk.main,
        openid=OPENID,
        keystandard="qrcode",
        keystr="x",
        scene="others",
        is_check=True,
        is_contact=True,
    )
    found = desk.world.tickets.check(desk.main, ticket)
    assert (found["scene"], found["is_check"], found["is_contact"]) == ("others", True, True)
