from __future__ import annotations

import threading
from typing import Any

import pytest

from scanhook import create_app
from scanhook.errors import StorageError, Undecided, WechatUnreachable
from scanhook.office import Presentation
from scanhook.office.sql_catalog import SqlCatalog
from scanhook.verdict import Judge
from scanhook.wechat.codes import refusal
from tests.conftest import OPENID
from tests.serving import journal_size
from tests.tickets import TICKET, Wechat, answer, put_in_place, scanned
from tests.wire.api.conftest import Api

GIVEN = {"ticket": TICKET, "extinfo": "GENUINE0001"}
PATH = "/tickets/check"


@pytest.fixture
def wechat(monkeypatch: pytest.MonkeyPatch) -> Wechat:
    wechat = Wechat()
    put_in_place(wechat, monkeypatch)
    return wechat


@pytest.fixture
def desk(wechat: Wechat, api: Api) -> Api:
    """Return the API of a house whose WeChat answers."""
    return Api(house=api.house, client=create_app(api.house).test_client(), keys=api.keys)


def test_what_wechat_says_is_answered_and_no_verdict_without_a_scan(desk: Api) -> None:
    assert desk.post(PATH, GIVEN, scope="read") == {
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


def test_the_verdict_is_answered_where_this_person_has_scanned(desk: Api) -> None:
    scanned(desk.house)
    told = desk.post(PATH, GIVEN)
    assert (told["bound"], told["unbound"]) == (True, None)
    item = told["item"]
    assert {name: item[name] for name in ("verdict", "reason", "batch", "position", "scans", "persons")} == {
        "verdict": "real",
        "reason": "active",
        "batch": "autumn",
        "position": 1,
        "scans": 1,
        "persons": 1,
    }
    assert item["first_scan"] == item["scan"]["at"]
    assert item["counted_since"] is None
    assert (item["scan"]["verdict"], item["scan"]["reason"]) == ("real", "active")
    assert journal_size(desk.house) == (1, 0)


def test_a_recall_since_the_scan_is_told_beside_what_was_answered_then(desk: Api) -> None:
    scanned(desk.house)
    target = {"keystandard": "qrcode", "keystr": "moment-frame", "batch": "autumn"}
    desk.post("/changes", {"action": "void", "level": "batch", "targets": [target], "why": "x"})
    item = desk.post(PATH, GIVEN)["item"]
    assert (item["verdict"], item["reason"], item["scan"]["verdict"]) == ("fake", "void", "real")


def test_without_a_code_nothing_is_told_of_an_item(desk: Api) -> None:
    scanned(desk.house)
    told = desk.post(PATH, {"ticket": TICKET})
    assert (told["bound"], told["unbound"], told["item"]) == (False, "no_extinfo", None)


def test_a_product_that_the_registry_does_not_know_is_named_all_the_same(desk: Api, wechat: Wechat) -> None:
    wechat.answers["T2"] = answer(keystandard="ean13", keystr="6901481811083", scene="others")
    told = desk.post(PATH, {"ticket": "T2", "extinfo": ""})
    assert (told["product"]["keystr"], told["product"]["known"], told["scene"]) == ("6901481811083", False, "others")


def test_name_and_picture_come_from_the_catalog(desk: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Presentation(name="一刻相框", image="https://mmbiz.qpic.cn/a.png")
    monkeypatch.setattr(SqlCatalog, "presentation", lambda *_, **__: shown)
    product = desk.post(PATH, GIVEN)["product"]
    assert (product["name"], product["image"]) == ("一刻相框", "https://mmbiz.qpic.cn/a.png")


def test_a_ticket_that_wechat_does_not_know_is_a_problem_of_its_own_type(desk: Api) -> None:
    told = desk.problem("POST", PATH, {"ticket": "Forged"})
    assert (told["status"], told["type"]) == (422, "urn:scanhook:ticket-invalid")
    assert told["errors"] == [
        {
            "field": "ticket",
            "message": "WeChat does not know it: it is older than 20 minutes, or of another account",
        }
    ]


@pytest.mark.parametrize(
    ("ticket", "message"),
    [
        ("", "the ticket is empty: WeChat empties it when somebody shares the link; scan the item again"),
        (" ", "the ticket is empty: WeChat empties it when somebody shares the link; scan the item again"),
        ("x" * 10_000, "String should have at most 512 characters"),
        ("a\x00b", "a ticket has neither blanks nor signs that are not ASCII: give the link's wxticket alone"),
    ],
)
def test_what_cannot_be_a_ticket_is_never_sent(desk: Api, wechat: Wechat, ticket: str, message: str) -> None:
    told = desk.problem("POST", PATH, {"ticket": ticket})
    assert (told["status"], told["errors"]) == (422, [{"field": "ticket", "message": message}])
    assert wechat.asked == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"extinfo": "x" * 65}, "extinfo"), ({"extinfo": "a\x00"}, "extinfo"), ({"account": "nobody"}, "account")],
)
def test_what_cannot_be_used_names_its_field(desk: Api, changed: dict[str, Any], field: str) -> None:
    told = desk.problem("POST", PATH, GIVEN | changed)
    assert (told["status"], told["errors"][0]["field"]) == (422, field)


def test_a_house_that_may_not_call_wechat_says_what_to_write(api: Api) -> None:
    told = api.problem("POST", PATH, GIVEN)
    assert (told["status"], told["type"]) == (409, "urn:scanhook:no-api")
    assert "[accounts.main] has no app_secret" in told["detail"]


@pytest.mark.parametrize(("code", "status"), [(48001, 502), (40164, 502), (-1, 503)])
def test_another_refusal_is_passed_on_with_its_remedy(desk: Api, wechat: Wechat, code: int, status: int) -> None:
    error = refusal(code, "whatever rid: 61725984-6126f6f9-040f19c4", path="/scan/scanticket/check")
    wechat.answers[TICKET] = error
    told = desk.problem("POST", PATH, GIVEN)
    assert (told["status"], told["detail"]) == (status, error.why)


def test_a_wechat_that_cannot_be_reached_is_to_be_asked_again(desk: Api, wechat: Wechat) -> None:
    wechat.answers[TICKET] = WechatUnreachable("/scan/scanticket/check: no answer", acted=None)
    response = desk("POST", PATH, GIVEN)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert response.json
    assert response.json["detail"] == "/scan/scanticket/check: no answer"


def test_a_wechat_that_fails_again_and_again_is_left_alone(desk: Api, wechat: Wechat) -> None:
    wechat.answers[TICKET] = WechatUnreachable("/scan/scanticket/check: no answer", acted=None)
    details = [desk.problem("POST", PATH, GIVEN)["detail"] for _ in range(7)]
    assert len(wechat.asked) == 5
    assert details[-1].endswith("WeChat failed several times in a row and is left alone for a while")


def test_refusals_and_bad_tickets_leave_the_way_open(desk: Api, wechat: Wechat) -> None:
    for _ in range(7):
        assert desk.problem("POST", PATH, {"ticket": "Forged"})["status"] == 422
    assert len(wechat.asked) == 7


def test_a_slow_wechat_is_not_waited_for(desk: Api, wechat: Wechat, monkeypatch: pytest.MonkeyPatch) -> None:
    come_back = threading.Event()
    wechat.before = lambda: come_back.wait(20)
    monkeypatch.setattr("scanhook.wire.desk.TicketDesk.check.__kwdefaults__", {"wait_s": 0.05})
    try:
        told = desk.problem("POST", PATH, GIVEN)
    finally:
        come_back.set()
    assert told["status"] == 503
    assert "no answer within" in told["detail"]


def test_a_bound_item_without_a_verdict_is_to_be_asked_again(desk: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def undecided(*_: object, **__: object) -> Any:
        raise Undecided("https: the verifier was too slow")

    scanned(desk.house)
    monkeypatch.setattr(Judge, "judge", undecided)
    assert desk.problem("POST", PATH, GIVEN)["status"] == 503


def test_no_log_holds_ticket_openid_or_code(desk: Api, wechat: Wechat, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", logger="scanhook"):
        desk.post(PATH, GIVEN)
        desk.problem("POST", PATH, {"ticket": "Forged7", "extinfo": "GENUINE0001"})
        wechat.answers[TICKET] = WechatUnreachable("/scan/scanticket/check: no answer", acted=None)
        desk.problem("POST", PATH, GIVEN)
    assert "check_ticket" in caplog.text
    assert [word for word in (TICKET, "Forged7", OPENID, "GENUINE0001") if word in caplog.text] == []


def test_a_catalog_that_cannot_be_read_costs_only_the_picture(desk: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise StorageError("the disk gave an error")

    monkeypatch.setattr(SqlCatalog, "presentation", broken)
    assert desk.post(PATH, GIVEN)["product"]["name"] is None
