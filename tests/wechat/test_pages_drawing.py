from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from scanhook.errors import WechatUnreachable
from scanhook.wechat.pages import drawing
from scanhook.wechat.pages.drawing import fetch_drawing
from tests.wechat.loopback import answer, peer

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


class _Cdn(BaseHTTPRequestHandler):
    answers: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {
        "/good": (200, {}, PNG),
        "/moved": (302, {"Location": "/good"}, b""),
        "/circle": (302, {"Location": "/circle"}, b""),
        "/gone": (404, {}, b"no"),
        "/page": (200, {}, b"<html>"),
        "/empty": (200, {}, b""),
    }

    def do_GET(self) -> None:
        status, headers, content = self.answers[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def cdn() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Cdn)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("path", ["/good", "/moved"])
def test_a_picture_is_fetched(cdn: str, path: str) -> None:
    assert fetch_drawing(cdn + path, timeout_s=5) == PNG


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/gone", "the server answers 404"),
        ("/page", "what came is no picture"),
        ("/empty", "what came is no picture"),
        ("/circle", "TooManyRedirects"),
    ],
)
def test_what_is_no_picture_is_not_taken(cdn: str, path: str, said: str) -> None:
    with pytest.raises(WechatUnreachable, match=f"^the QR code's picture cannot be fetched: {said}$"):
        fetch_drawing(cdn + path, timeout_s=5)


@pytest.mark.parametrize("url", ["", "mmbiz/0", "file:///etc/hostname", "http://[", "http://127.0.0.1:1/SECRET"])
def test_an_address_that_leads_nowhere_is_not_repeated(url: str) -> None:
    with pytest.raises(WechatUnreachable, match="cannot be fetched") as caught:
        fetch_drawing(url, timeout_s=5)
    assert not url or url not in str(caught.value)
    assert caught.value.acted is False


def test_a_picture_without_end_is_cut_off(cdn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "DRAWING_MAX_BYTES", 40)
    with pytest.raises(WechatUnreachable, match="it has more than 40 bytes"):
        fetch_drawing(f"{cdn}/good", timeout_s=5)


def test_a_picture_that_comes_byte_by_byte_does_not_take_for_ever() -> None:
    said = r"cannot be fetched: it did not come within 0\.3 s$"
    with (
        peer(lambda _asked: slow.drip(answer(PNG, content_type="image/png"))) as slow,
        pytest.raises(WechatUnreachable, match=said),
    ):
        fetch_drawing(f"{slow.base}/good", timeout_s=0.3)
