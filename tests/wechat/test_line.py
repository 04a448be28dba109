from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import closing

import pytest

from scanhook.wechat.line import Line, NoAnswer, Sent
from tests.verdict.service import CERTIFICATE
from tests.wechat.loopback import Asked, answer, peer

GET = Sent(path="/x", query={"access_token": "T"}, reads=True, answer_max_bytes=1000)


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the certificate that the test's server has."""
    monkeypatch.setattr(
        "scanhook.wechat.deadline._trusted", lambda: ssl.create_default_context(cafile=str(CERTIFICATE))
    )


@pytest.mark.usefixtures("trusted")
def test_a_server_with_a_trusted_certificate_is_asked_over_tls() -> None:
    with peer(lambda _asked: answer({"n": 1}), certificate=CERTIFICATE) as wechat, closing(Line(timeout_s=5)) as line:
        assert [line.exchange(wechat.base, GET).content for _ in range(2)] == [b'{"n": 1}'] * 2

    assert (wechat.lines, wechat.paths) == (1, ["/x", "/x"])


@pytest.mark.usefixtures("trusted")
def test_the_limit_holds_over_tls_too() -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        wechat.closing.wait(30)

    with (
        peer(script, certificate=CERTIFICATE) as wechat,
        closing(Line(timeout_s=0.5)) as line,
        pytest.raises(NoAnswer, match=r"gave no whole answer within 0\.5 s") as caught,
    ):
        line.exchange(wechat.base, GET)

    assert caught.value.sent


def test_a_certificate_that_nobody_trusts_ends_it_before_anything_is_sent() -> None:
    with (
        peer(lambda _asked: answer({}), certificate=CERTIFICATE) as wechat,
        closing(Line(timeout_s=5)) as line,
        pytest.raises(NoAnswer, match=r"cannot be reached: .*CERTIFICATE_VERIFY_FAILED") as caught,
    ):
        line.exchange(wechat.base, GET)

    assert (caught.value.sent, wechat.asked) == (False, [])
