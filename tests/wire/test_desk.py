"""Tickets from the sandbox's WeChat to the landing page, over real sockets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from scanhook import create_app
from scanhook.envelope import Keyring
from scanhook.errors import WechatRefused, WechatUnreachable
from scanhook.registry import Reason
from scanhook.sandbox.faults import FaultKind
from scanhook.sandbox.route import Right
from scanhook.sandbox.sandbox import Sandbox
from scanhook.sandbox.tenant import Tenant
from scanhook.settings import House, load_settings
from scanhook.tickets import Unbound
from scanhook.verdict import Finding, Question
from scanhook.wire import service as wire_service
from scanhook.wire.desk import TicketDesk
from scanhook.wire.service import Service, open_service
from tests.conftest import APP_ID, OPENID
from tests.tickets import TICKET, Wechat, put_in_place, scan
from tests.wire.landing.conftest import headline

SECRET = "aSecretThatTheSandboxKnows000000"
PRODUCT = ("qrcode", "moment-frame")
PATIENCE_S = 5.0
"""How long a test waits for what must come at once."""


@pytest.fixture
def tenant(wechat_sandbox: Sandbox, keys: Keyring) -> Tenant:
    tenant = Tenant(APP_ID, secret=SECRET, rights=frozenset({Right.SCAN}), name="house", keys=keys)
    return wechat_sandbox.world.admit(tenant)


@pytest.fixture
def house(stocked_house: House, wechat_sandbox: Sandbox, tenant: Tenant) -> House:
    (stocked_house.base / "secrets" / "main.app_secret").write_text(tenant.secret)
    text = stocked_house.path.read_text()
    stocked_house.path.write_text(f'{text}\n[wechat]\napi_base = "{wechat_sandbox.url}"\ntimeout_s = 2\n')
    return load_settings(stocked_house.path)


@pytest.fixture
def service(house: House) -> Iterator[Service]:
    service = open_service(house)
    yield service
    service.close()


@pytest.fixture
def ticket(wechat_sandbox: Sandbox, tenant: Tenant) -> str:
    return wechat_sandbox.issue_ticket(*PRODUCT, openid=OPENID, tenant=tenant)


def test_a_ticket_is_checked_and_bound_to_the_scan(service: Service, ticket: str) -> None:
    assert service.desk.check("main", ticket, "GENUINE0001").unbound is Unbound.NOT_SCANNED
    scan(service)
    checked = service.desk.check("main", ticket, "GENUINE0001")
    assert (checked.ticket.openid, checked.ticket.scene) == (OPENID, "scan")
    assert checked.proof
    assert checked.proof.verdict.code_result == "real"


def test_a_ticket_of_another_account_is_refused(service: Service, wechat_sandbox: Sandbox) -> None:
    with pytest.raises(WechatRefused) as told:
        service.desk.check("main", wechat_sandbox.issue_ticket(*PRODUCT, openid=OPENID), "GENUINE0001")
    assert told.value.code == 61317


@pytest.mark.parametrize(
    "kind",
    [FaultKind.DROP, FaultKind.NOTHING, FaultKind.HTML, FaultKind.HALF, FaultKind.BAD_GATEWAY, FaultKind.REDIRECT],
)
def test_whatever_answers_in_wechats_place_is_no_answer(
    service: Service, wechat_sandbox: Sandbox, ticket: str, kind: FaultKind
) -> None:
    wechat_sandbox.break_calls(kind, calls=None, path="/scan/")
    with pytest.raises(WechatUnreachable) as told:
        service.desk.check("main", ticket, "GENUINE0001")
    assert ticket not in told.value.why


def test_a_wechat_that_is_busy_for_a_moment_is_asked_again(
    service: Service, wechat_sandbox: Sandbox, ticket: str
) -> None:
    service.desk.check("main", ticket, None)
    wechat_sandbox.break_calls(FaultKind.BUSY, path="/scan/")
    assert service.desk.check("main", ticket, None).ticket.key_str == "moment-frame"


def test_a_wrong_secret_says_so(house: House, ticket: str) -> None:
    (house.base / "secrets" / "main.app_secret").write_text("x" * 32)
    service = open_service(load_settings(house.path))
    try:
        with pytest.raises(WechatRefused, match="40001"):
            service.desk.check("main", ticket, None)
    finally:
        service.close()


def test_a_slow_wechat_is_waited_for_no_longer_than_that(
    service: Service, wechat_sandbox: Sandbox, ticket: str
) -> None:
    wechat_sandbox.break_calls(FaultKind.SLOW, path="/scan/", seconds=0.3)
    with pytest.raises(WechatUnreachable, match="no answer within"):
        service.desk.check("main", ticket, None, wait_s=0.05)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Put a WeChat in place that answers once it is let."""
    go_on, wechat = threading.Event(), Wechat()
    wechat.before = lambda: go_on.wait(PATIENCE_S)
    put_in_place(wechat, monkeypatch)
    yield go_on
    go_on.set()


def test_a_wechat_that_answers_when_its_visitors_have_left_is_left_alone(
    stocked_house: House, slow: threading.Event
) -> None:
    service = open_service(stocked_house)
    for _ in range(5):
        with pytest.raises(WechatUnreachable, match="no answer within"):
            service.desk.check("main", TICKET, None, wait_s=0.01)
    slow.set()
    service.desk._aside.close()  # all the answers are there now, too late
    with pytest.raises(WechatUnreachable, match="left alone for a while"):
        service.desk.check("main", TICKET, None)
    service.close()


def test_visitors_who_find_no_place_say_nothing_of_wechat(stocked_house: House, slow: threading.Event) -> None:
    service, wechat = open_service(stocked_house), Wechat()
    wechat.before = lambda: slow.wait(PATIENCE_S)
    desk = TicketDesk(service.desk._binder, open_api=lambda _: wechat, waiters_max=0)
    for _ in range(7):
        with pytest.raises(WechatUnreachable, match="too many tickets are being checked"):
            desk.check("main", TICKET, None)
    slow.set()
    desk.close()
    service.close()


class Slow:
    """A verifier that nobody gets an answer from before it is let."""

    waits = True

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.asked: SimpleQueue[str] = SimpleQueue()

    def verify(self, question: Question) -> Finding:
        self.asked.put(question.id)
        if not self.go_on.wait(PATIENCE_S):
            raise AssertionError("nobody let it go on")
        return Finding(reason=Reason.ACTIVE)

    def close(self) -> None:
        """Nothing is open."""


def test_visitors_who_wait_for_a_verifier_take_no_place_of_a_scan(
    stocked_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier, wechat = Slow(), Wechat()
    put_in_place(wechat, monkeypatch)
    monkeypatch.setattr(wire_service, "verifier_from_url", lambda _: verifier)
    text = stocked_house.path.read_text().replace("[service]", "[service]\nthreads = 2")
    stocked_house.path.write_text(text)
    service = open_service(load_settings(stocked_house.path))
    verifier.go_on.set()
    scan(service)
    verifier.go_on.clear()
    bound: list[bool] = []
    threads = [
        threading.Thread(
            target=lambda: bound.append(service.desk.check("main", TICKET, "GENUINE0001").proof is not None)
        ),
        threading.Thread(target=lambda: scan(service, FromUserName="oSomebodyElse")),
    ]
    for thread in threads:  # the visitor has the only place there is for visitors, the scan the only one for scans
        thread.start()
        verifier.asked.get(timeout=PATIENCE_S)
    verifier.go_on.set()
    for thread in threads:
        thread.join()
    assert bound == [True]
    assert [entry.decided for entry in service.journal.entries()] == [True, True]
    service.close()


@pytest.fixture
def client(house: House, tenant: Tenant) -> Iterator[FlaskClient]:
    """Serve the house, so that the sandbox can push to it."""
    app = create_app(house)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    tenant.callback_url = f"http://127.0.0.1:{server.server_port}/wechat/callback"
    try:
        yield app.test_client()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_from_the_scan_to_the_page(client: FlaskClient, wechat_sandbox: Sandbox, tenant: Tenant, ticket: str) -> None:
    def reads(ticket: str, ext_info: str = "GENUINE0001") -> str:
        link = {"wxkeystandard": "qrcode", "wxkeystr": "moment-frame", "wxticket": ticket, "wxextinfo": ext_info}
        return headline(client.get("/landing", query_string=link, headers={"Accept-Language": "en"}))

    wechat_sandbox.scan(*PRODUCT, "GENUINE0001", tenant=tenant)
    assert reads(ticket) == "Scan the item first"
    mine = wechat_sandbox.issue_ticket(*PRODUCT, tenant=tenant)
    assert reads(mine) == "Genuine"
    assert reads(mine, "GENUINE0002") == "Scan the item first"
    assert reads("") == "Scan the item yourself"
    assert reads(wechat_sandbox.issue_ticket(*PRODUCT)) == "This link has expired"
    wechat_sandbox.break_calls("html", calls=None, path="/scan/")
    assert reads(mine) == "Try again in a moment"
