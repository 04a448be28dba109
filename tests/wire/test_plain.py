from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from gunicorn.asgi.parser import CallbackRequest, ParseError, PythonProtocol
from gunicorn.asgi.protocol import _RequestHeaderPolicy
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from hypothesis import given
from hypothesis import strategies as st

from scanhook.wire import plain
from scanhook.wire.plain import PlainRequest, read_plain

BODY = b"<xml><Encrypt>\xe4\xb8\xad</Encrypt></xml>"
HEADS = [b"Host: scan.example.com", b"Content-Type: text/xml", b"Content-Length: 33"]
LINE = b"POST /wechat/callback/main?signature=5f&timestamp=1795376668&nonce=%2B7&openid=o_-6 HTTP/1.1"


def request(*heads: bytes, line: bytes = LINE, body: bytes = BODY) -> bytes:
    return b"\r\n".join([line, *heads, b"", body])


PLAIN = request(*HEADS)
TWENTY = [b"X-%d: y" % number for number in range(20)]


def test_a_push_as_wechat_sends_it_is_plain() -> None:
    assert read_plain(PLAIN) == PlainRequest(
        path="/wechat/callback/main",
        query=b"signature=5f&timestamp=1795376668&nonce=%2B7&openid=o_-6",
        content_type="text/xml",
        body=BODY,
    )


@pytest.mark.parametrize(
    "heads",
    [
        [b"Host:scan.example.com", b"CONTENT-LENGTH:33"],
        [b"Host: \t scan.example.com \t", b"content-length: \t33 "],
        [*HEADS, b"Connection: keep-alive"],
        [*HEADS, b"Connection: Keep-Alive "],
        [*HEADS, b"X-Forwarded-For: 203.0.113.7, 198.51.100.2", b"X-Forwarded-For: 192.0.2.1"],
        [*HEADS, b'User-Agent: Mozilla/4.0 (compatible; "x")', b"Accept: */*", b"Pragma: no-cache", b"Empty:"],
        [*HEADS, *TWENTY],
    ],
)
def test_what_proxies_add_changes_nothing(heads: list[bytes]) -> None:
    found = read_plain(request(*heads))
    assert found is not None
    assert found.body == BODY


def test_a_push_without_a_type_is_plain_too() -> None:
    found = read_plain(request(HEADS[0], HEADS[2]))
    assert found is not None
    assert found.content_type == ""


@pytest.mark.parametrize("size", [1, 65536])
def test_a_body_may_be_as_large_as_a_pushs(size: int) -> None:
    found = read_plain(request(HEADS[0], b"Content-Length: %d" % size, body=b"x" * size))
    assert found is not None
    assert len(found.body) == size


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN[:-1],
        PLAIN + b"\n",
        PLAIN + PLAIN,
        PLAIN[: PLAIN.index(b"\r\n\r\n") + 2],
        b"\r\n" + PLAIN,
        b" " + PLAIN,
        PLAIN.replace(b"\r\n", b"\n", 1),
        PLAIN.replace(b"\r\n", b"\n"),
        PLAIN.replace(b"\r\n\r\n", b"\r\n\n", 1),
        request(*HEADS, line=LINE.replace(b"POST", b"PUT")),
        request(*HEADS, line=LINE.replace(b"POST", b"post")),
        request(*HEADS, line=LINE.replace(b"1.1", b"1.0")),
        request(*HEADS, line=LINE.replace(b"?", b"")),
        request(*HEADS, line=LINE.replace(b"?", b"??", 1).replace(b"/main", b"/m%61in")),
        request(*HEADS, line=LINE.replace(b"/wechat", b"http://a/wechat")),
        request(*HEADS, line=LINE.replace(b"o_-6", b"o#6")),
        request(*HEADS, line=LINE.replace(b"o_-6", b"o 6")),
        request(*HEADS, line=LINE.replace(b"o_-6", b"o\xff6")),
        request(*HEADS, line=LINE.replace(b"o_-6", b"o" * 4096)),
        request(*HEADS[1:]),
        request(*HEADS[:2]),
        request(*HEADS, b"Host: other.example.com"),
        request(*HEADS, HEADS[1]),
        request(*HEADS, HEADS[2]),
        request(*HEADS[:2], b"Content-Length: 33, 33"),
        request(*HEADS[:2], b"Content-Length: +33"),
        request(*HEADS[:2], b"Content-Length: 033"),
        request(*HEADS[:2], b"Content-Length: 0", body=b""),
        request(*HEADS[:2], b"Content-Length:", body=b""),
        request(*HEADS[:2], b"Content-Length: \xd9\xa3\xd9\xa3"),
        request(*HEADS[:2], b"Content-Length: 65537", body=b"x" * 65537),
        request(*HEADS, b"Transfer-Encoding: chunked"),
        request(*HEADS, b"transfer-encoding: identity"),
        request(*HEADS, b"Connection: close"),
        request(*HEADS, b"Connection: keep-alive, upgrade"),
        request(*HEADS, b"Connection:"),
        request(*HEADS, b"Connection: close", b"Connection: keep-alive"),
        request(*HEADS, b"Expect: 100-continue"),
        request(*HEADS, b"Upgrade: h2c"),
        request(*HEADS, b"TE: trailers"),
        request(*HEADS, b"Trailer: X-A"),
        request(*HEADS, b"X-Forwarded-Ssl: off"),
        request(*HEADS, b"X-Forwarded-Protocol: http"),
        request(*HEADS, b"X-Forwarded-Proto: https", b"X-Forwarded-Proto: http"),
        request(*HEADS, *TWENTY, *TWENTY),
        request(b"Host:", *HEADS[1:]),
        request(b"Host: a b", *HEADS[1:]),
        request(b"Host: a/b", *HEADS[1:]),
        request(*HEADS, b"X-A : b"),
        request(*HEADS, b"X_A: b"),
        request(*HEADS, b": b"),
        request(*HEADS, b"X-A b"),
        request(*HEADS, b" folded"),
        request(*HEADS, b"X-A: b\x00"),
        request(*HEADS, b"X-A: b\rContent-Length: 1"),
        request(*HEADS, b"X-A: b\nContent-Length: 1"),
        request(*HEADS, b"X-A: \xe4\xb8\xad"),
        request(*HEADS, b"X-A: " + b"b" * 4096),
    ],
)
def test_what_is_beyond_the_plainest_is_left_to_others(data: bytes) -> None:
    assert read_plain(data) is None


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace(b"POST", b"GET"),
        LINE.replace(b"/wechat/callback/main", b"/api/v1/verdicts"),
        LINE.replace(b"/wechat/callback/main", b"/wechat/callbacks"),
        LINE.replace(b"/main", b"/main/more"),
    ],
)
def test_the_heads_of_other_requests_are_not_even_looked_at(line: bytes) -> None:
    """They may hold keys and cookies, and what is looked at stays in memory for a while."""
    before = plain._read_fields.cache_info()
    assert read_plain(request(*HEADS, b"Authorization: Bearer secret", line=line)) is None
    assert plain._read_fields.cache_info() == before


@dataclass(slots=True)
class Read:
    """What gunicorn's parser reads."""

    body: bytes = b""
    ends: list[str] = field(default_factory=list)


def read_by_gunicorn(data: bytes) -> tuple[str, bytes, str, bytes]:
    """Return path, query, content type and body of a request that gunicorn takes for whole, with nothing behind it."""
    read = Read()

    def on_body(chunk: bytes) -> None:
        read.body += chunk

    parser = PythonProtocol(on_body=on_body, on_message_complete=lambda: read.ends.append("complete"))
    parser.feed(data)
    assert (read.ends, parser.remaining()) == (["complete"], b"")
    found = CallbackRequest.from_parser(parser, is_ssl=False)
    _RequestHeaderPolicy(Config(), ("127.0.0.1", 50000), found.scheme, found.version).apply(found)
    assert (found.method, found.version, found.should_close()) == ("POST", (1, 1), False)
    heads = [value for name, value in found.headers_bytes if name == b"content-type"]
    return found.path, (found.query or "").encode("latin-1"), b"".join(heads).decode(), read.body


PIECES = [
    *(bytes([byte]) for byte in b"\r\n \t:05\x00\xff?#%/_-"),
    *(b"\r\n", b"HTTP/1.1", b"POST ", b"Host: a"),
    *(b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Connection: close"),
    *(b"\r\nX-Forwarded-Proto: https", b"\r\nX-Forwarded-Ssl: off", b"\r\nX-Forwarded-Proto: http"),
]
EDITS = st.lists(st.tuples(st.integers(0, len(PLAIN)), st.integers(0, 2), st.sampled_from(PIECES)), max_size=3)


@given(edits=EDITS)
def test_whatever_is_plain_is_read_by_gunicorn_in_the_same_way(edits: list[tuple[int, int, bytes]]) -> None:
    data = PLAIN
    for at, gone, piece in edits:
        data = data[:at] + piece + data[at + gone :]
    found = read_plain(data)
    if found is not None:
        assert tuple(found) == read_by_gunicorn(data)


def test_gunicorn_and_we_do_not_agree_by_accident() -> None:
    """What the test above relies on: gunicorn's parser reads a plain push, and refuses what is none."""
    assert tuple(read_plain(PLAIN) or ()) == read_by_gunicorn(PLAIN)
    with pytest.raises((ParseError, ParseException, AssertionError)):
        read_by_gunicorn(request(*HEADS, HEADS[2]))
