"""The sandbox and the service together: what the fixture ``wechat_sandbox`` is for."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from werkzeug.serving import make_server

from scanhook import create_app
from scanhook.envelope import Keyring
from scanhook.sandbox.faults import Fault, FaultKind
from scanhook.sandbox.sandbox import Sandbox
from scanhook.sandbox.scan import PERSONS
from scanhook.sandbox.trace import Shown
from scanhook.settings import House
from tests.serving import journal_size


@pytest.fixture
def pushing(wechat_sandbox: Sandbox, stocked_house: House, keys: Keyring) -> Iterator[Sandbox]:
    """Return a sandbox that pushes to a service with sample codes."""
    server = make_server("127.0.0.1", 0, create_app(stocked_house), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    main = wechat_sandbox.main
    main.keys, main.callback_url = keys, f"http://127.0.0.1:{server.server_port}/wechat/callback"
    yield wechat_sandbox
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_scan_shows_the_services_verdict(pushing: Sandbox, stocked_house: House) -> None:
    shown = [
        pushing.scan("qrcode", "moment-frame", code).shown for code in ("GENUINE0001", "COPIED99999", "PRINTED0003")
    ]
    assert shown == [Shown.GENUINE, Shown.FAKE, Shown.NOT_ACTIVE]
    assert journal_size(stocked_house) == (3, 6)


def test_any_error_code_and_a_lost_answer_can_be_told(wechat_sandbox: Sandbox) -> None:
    wechat_sandbox.break_calls("code", code=48001, path="/scan/", calls=None)
    wechat_sandbox.break_calls("half", acts=True)
    assert wechat_sandbox.faults.told() == [
        (Fault(kind=FaultKind.CODE, code=48001, path="/scan/", calls=None), None),
        (Fault(kind=FaultKind.HALF, acts=True), 1),
    ]


def test_a_ticket_of_whoever_scanned_names_product_and_person(wechat_sandbox: Sandbox) -> None:
    person = PERSONS[1]
    ticket = wechat_sandbox.issue_ticket("qrcode", "moment-frame", openid=person.openid, scene="others")
    assert wechat_sandbox.world.tickets.check(wechat_sandbox.main, ticket) == {
        "keystandard": "qrcode",
        "keystr": "moment-frame",
        "openid": person.openid,
        "scene": "others",
        "is_check": False,
        "is_contact": False,
    }


def test_a_wrong_kind_of_fault_is_refused_with_the_kinds(wechat_sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match=r"^kind is one of slow, busy, quota, .*, redirect$"):
        wechat_sandbox.break_calls("nonsense")
