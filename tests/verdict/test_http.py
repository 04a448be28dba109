from __future__ import annotations

import gzip
import json
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from scanhook.clock import FixedClock
from scanhook.errors import VerifierFailed
from scanhook.registry import Reason
from scanhook.verdict import Finding
from scanhook.verdict.breaker import Breaker
from scanhook.verdict.http import ANSWER_MAX_BYTES, HttpVerifier
from tests.conftest import OPENID
from tests.verdict.questions import question
from tests.verdict.service import CERTIFICATE, SECRET, Asked, BrandService, Reply, brand_service, says


@pytest.fixture
def verifier(service: BrandService) -> Iterator[HttpVerifier]:
    made = HttpVerifier(service.url, secret=SECRET, private=True)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        ('{"reason": "active"}', ("active", None)),
        ('{"reason": "unknown_code"}', ("unknown_code", None)),
        ('{"reason": "recalled", "code_result": "not_active"}', ("recalled", "not_active")),
        ('{"reason": "active", "code_result": null}', ("active", None)),
        ('{"reason": "void", "code_result": "fake", "note": "anything else"}', ("void", "fake")),
        (' {"code_result": "real", "reason": "expired"}\n', ("expired", "real")),
    ],
)
def test_an_answer_becomes_a_finding(
    service: BrandService, verifier: HttpVerifier, answer: str, finding: tuple[str, str | None]
) -> None:
    service.answer = lambda _asked: Reply(body=answer.encode())

    found = verifier.verify(question())

    assert (found.reason, found.code_result, found.look_up) == (*finding, None)
    assert isinstance(found.reason, Reason)
    assert len(service.asked) == 1


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_of_the_table_can_be_answered(
    service: BrandService, verifier: HttpVerifier, reason: Reason
) -> None:
    service.answer = lambda _asked: says(reason=reason.value)

    assert verifier.verify(question()) == Finding(reason=reason)


def test_the_request_is_golden(service: BrandService, verifier: HttpVerifier) -> None:
    verifier.verify(question("茅台-1"))

    (asked,) = service.asked
    headers = {name.lower(): value for name, value in asked.headers.items()}
    assert asked.path == "/verify"
    assert asked.body.decode() == (
        '{"id": "00112233445566778899aabbccddeeff", "account": "main", "keystandard": "ean13", '
        '"keystr": "6900873042720", "extinfo": "茅台-1"}'
    )
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "00112233445566778899aabbccddeeff"
    assert headers["webhook-timestamp"] == "1760000000"
    # HMAC-SHA256 with the key 64 65 … 7b (24 bytes) over id.timestamp.body, computed apart from scanhook.
    assert headers["webhook-signature"] == "v1,+Is0ESRmiif+G7Lg2IRyVrqdjc5X7tLMik4964+e3+8="


def test_the_signature_satisfies_the_standards_own_library(service: BrandService, verifier: HttpVerifier) -> None:
    verified: list[object] = []

    def answer(asked: Asked) -> Reply:
        verified.append(Webhook(SECRET).verify(asked.body, asked.headers))
        with pytest.raises(WebhookVerificationError):
            Webhook("whsec_" + "A" * 32).verify(asked.body, asked.headers)
        return says(reason="active")

    service.answer = answer

    assert verifier.verify(question("6J5T9XQ2", asked_at=time.time())).reason == "active"
    assert verified == [
        {
            "id": "00112233445566778899aabbccddeeff",
            "account": "main",
            "keystandard": "ean13",
            "keystr": "6900873042720",
            "extinfo": "6J5T9XQ2",
        }
    ]


def test_a_request_holds_nothing_of_the_person(service: BrandService, verifier: HttpVerifier) -> None:
    verifier.verify(question())

    (asked,) = service.asked
    assert OPENID not in asked.body.decode() + str(asked.headers)
    assert sorted(json.loads(asked.body)) == ["account", "extinfo", "id", "keystandard", "keystr"]


@pytest.mark.parametrize("status", [201, 204, 301, 302, 303, 307, 308, 400, 401, 404, 429, 500, 503])
def test_any_other_status_is_no_answer(service: BrandService, verifier: HttpVerifier, status: int) -> None:
    service.answer = lambda _asked: Reply(
        status=status, headers={"location": f"{service.url}/elsewhere", "content-length": "0"}
    )

    with pytest.raises(VerifierFailed, match=f"answered with status {status}, not 200"):
        verifier.verify(question())

    assert [asked.path for asked in service.asked] == ["/verify"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"active",
        b'"active"',
        b"null",
        b"[]",
        b"{}",
        b'{"code_result": "real"}',
        b'{"reason": null}',
        b'{"reason": "nonsense"}',
        b'{"reason": "ACTIVE"}',
        b'{"reason": "undecided"}',
        b'{"reason": ["active"]}',
        b'{"reason": {"active": 1}}',
        b'{"reason": "active", "code_result": "genuine"}',
        b'{"reason": "active", "code_result": ""}',
        b'{"reason": "active", "code_result": false}',
        b'{"reason": "active", "code_result": ["real"]}',
        b'{"reason": "active"',
        b'{"reason": "active"} {}',
        b"\xff\xfe{}",
        b"[" * 60_000,
    ],
    ids=lambda body: body[:40].decode("latin-1") or "empty",
)
def test_what_is_no_answer_is_told(service: BrandService, verifier: HttpVerifier, body: bytes) -> None:
    service.answer = lambda _asked: Reply(body=body)

    with pytest.raises(VerifierFailed, match=r'not JSON like \{"reason": "active"\}|is none of active, not_active'):
        verifier.verify(question())


def test_an_answer_of_the_largest_size_is_read(service: BrandService, verifier: HttpVerifier) -> None:
    service.answer = lambda _asked: Reply(body=b'{"reason": "active"}'.ljust(ANSWER_MAX_BYTES))

    assert verifier.verify(question()).reason == "active"


def test_a_packed_answer_is_not_unpacked(service: BrandService, verifier: HttpVerifier) -> None:
    packed = gzip.compress(b'{"reason": "active"}')
    service.answer = lambda _asked: Reply(body=packed, headers={"content-encoding": "gzip"})

    with pytest.raises(VerifierFailed, match="is not JSON"):
        verifier.verify(question())


def test_a_larger_answer_is_refused(service: BrandService, verifier: HttpVerifier) -> None:
    body = b'{"reason": "active"}'.ljust(ANSWER_MAX_BYTES + 1)
    service.answer = lambda _asked: Reply(body=body)

    with pytest.raises(VerifierFailed, match="more than 65536 bytes"):
        verifier.verify(question())


def test_an_answer_without_end_is_cut_off(
    service: BrandService, verifier: HttpVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    # After the verifier was made, which waits for each byte as long as ever: this machine may be slow.
    monkeypatch.setattr("scanhook.verdict.http.CALL_MAX_S", 0.1)
    hung_up = threading.Event()

    def dribble() -> Iterator[bytes]:
        try:
            while True:
                yield b" "
                time.sleep(0.01)
        finally:
            hung_up.set()

    service.answer = lambda _asked: Reply(dribble=dribble)

    with pytest.raises(VerifierFailed, match="takes longer than 0 s"):
        verifier.verify(question())

    assert hung_up.wait(30)


def test_a_service_that_says_nothing_is_not_waited_for_without_end(
    service: BrandService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.verdict.http.CALL_MAX_S", 0.05)
    go_on = threading.Event()

    def answer(_asked: Asked) -> Reply:
        go_on.wait(5)
        return says(reason="active")

    service.answer = answer
    verifier = HttpVerifier(service.url, secret=SECRET, private=True)

    with pytest.raises(VerifierFailed, match="gives no answer: ReadTimeout"):
        verifier.verify(question())
    go_on.set()
    verifier.close()


def test_a_service_that_hangs_up_is_told(service: BrandService, verifier: HttpVerifier) -> None:
    service.answer = lambda _asked: Reply(headers={"content-length": "100"}, body=b'{"reason": "active"}')

    with pytest.raises(VerifierFailed, match="gives no answer: RemoteProtocolError"):
        verifier.verify(question())


def test_a_service_that_is_down_is_told() -> None:
    with brand_service() as service:
        url = service.url
    verifier = HttpVerifier(url, secret=SECRET, private=True)

    with pytest.raises(VerifierFailed, match="gives no answer: ConnectError"):
        verifier.verify(question())
    verifier.close()


def test_no_failure_shows_the_code(service: BrandService, verifier: HttpVerifier) -> None:
    service.answer = lambda asked: Reply(body=asked.body)

    with pytest.raises(VerifierFailed) as failed:
        verifier.verify(question("6J5T9XQ2"))

    assert "6J5T9XQ2" not in str(failed.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.1.2.3"])
def test_a_private_address_is_refused_unless_allowed(service: BrandService, host: str) -> None:
    verifier = HttpVerifier(f"http://{host}:{service.port}/", secret=SECRET, private=False)

    with pytest.raises(VerifierFailed, match="not on the public internet"):
        verifier.verify(question())
    verifier.close()

    assert service.asked == []


@dataclass(slots=True)
class Switch:
    """A service that can be put out of order."""

    works: bool = False

    def answer(self, _asked: Asked) -> Reply:
        return says(reason="active") if self.works else Reply(status=500)


def test_a_service_that_fails_in_a_row_is_left_alone_for_a_while(service: BrandService) -> None:
    switch, clock = Switch(), FixedClock(at=0.0)
    service.answer = switch.answer
    breaker = Breaker(failures_max=2, open_s=10.0, monotonic=clock.now)
    verifier = HttpVerifier(service.url, secret=SECRET, private=True, breaker=breaker)

    def ask_in_vain(why: str) -> None:
        with pytest.raises(VerifierFailed, match=why):
            verifier.verify(question())

    for why in ("status 500", "status 500", "left alone for a while", "left alone for a while"):
        ask_in_vain(why)
    assert len(service.asked) == 2

    clock.at = 10.0
    for why in ("status 500", "left alone for a while"):
        ask_in_vain(why)
    assert len(service.asked) == 3

    clock.at, switch.works = 20.0, True
    assert [verifier.verify(question()).reason for _ in range(3)] == ["active"] * 3
    assert len(service.asked) == 6
    verifier.close()


def test_a_service_that_cannot_be_reached_opens_the_breaker_too() -> None:
    with brand_service() as service:
        url = service.url
    verifier = HttpVerifier(url, secret=SECRET, private=True, breaker=Breaker(failures_max=1))

    for why in ("ConnectError", "left alone"):
        with pytest.raises(VerifierFailed, match=why):
            verifier.verify(question())
    verifier.close()


@pytest.fixture
def https() -> Iterator[BrandService]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with brand_service(context) as running:
        yield running


@pytest.mark.parametrize(
    ("host", "trusted", "works"),
    [("localhost", True, True), ("localhost", False, False), ("127.0.0.1", True, False)],
    ids=["right name", "unknown issuer", "another name"],
)
def test_the_certificate_must_be_that_of_the_name_in_the_url(
    https: BrandService, monkeypatch: pytest.MonkeyPatch, host: str, *, trusted: bool, works: bool
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    else:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    verifier = HttpVerifier(f"https://{host}:{https.port}/verify", secret=SECRET, private=True)

    if works:
        assert verifier.verify(question()).reason == "active"
    else:
        with pytest.raises(VerifierFailed, match="gives no answer: ConnectError"):
            verifier.verify(question())
        assert https.asked == []
    verifier.close()
