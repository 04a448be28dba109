"""What is read in a short way must be what the long way reads; and what was begun before, what is begun anew."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from Crypto.Cipher import AES
from hypothesis import event, example, given
from hypothesis import strategies as st

from scanhook.envelope import PushQuery, read_document, sign
from scanhook.envelope.cbc import AesCbc
from scanhook.envelope.flat_xml import read_flat_xml
from scanhook.errors import PushError
from scanhook.message.decode import _FORBIDDEN
from scanhook.storage import Pepper
from tests.fuzz.strategies import any_text, fuzzed, mutated
from tests.message.pushes import XML

_blanks = st.sampled_from([*[""] * 12, "\n", "\n", " \r\n\t", "\u3000", "\x0b", "x", "<!-- -->", "&#32;", "]"])
_tags = st.sampled_from([*"abcdefghij", "ExtInfo", "xml", "a_1", "a-1", "_a", "a:b", "é", "1", "a b='c'"])
_odd = any_text | st.sampled_from(["]", "]]", "]]>", "\ufffe", "\x7f\x85", "&amp;"])
_plain = st.text("aB1 \t\n>[\"'微😀", max_size=6)
_texts = st.integers(0, 5).flatmap(lambda one_in_six: _plain if one_in_six else _odd)


@st.composite
def nearly_flat(draw: st.DrawFn) -> bytes:
    """Draw XML that is flat, or only nearly so."""
    written = ["<xml>"]
    for tag in draw(st.lists(_tags, min_size=1, max_size=4)):
        text = draw(_texts)
        inside = f"<![CDATA[{text}]]>" if draw(st.booleans()) else text
        written += [draw(_blanks), f"<{tag}>{inside}</{tag}>"]
    written += [draw(_blanks), "</xml>", draw(_blanks)]
    return "".join(written).encode(errors="surrogatepass")


def _outcome(read: Callable[[], object]) -> object:
    try:
        return read()
    except PushError as error:
        return type(error), error.kind, str(error)


@fuzzed(120)
@given(nearly_flat() | mutated(tuple(XML.values())))
@example(b"<xml><a>b</a></xml>")
@example(b"<xml><a><![CDATA[b]]]></a></xml>")
def test_a_document_is_the_same_either_way(body: bytes) -> None:
    short, flat = _outcome(lambda: read_document(body)), read_flat_xml(body)
    event("short" if flat is not None else "long")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scanhook.envelope.document.read_flat_xml", lambda _: None)
        assert _outcome(lambda: read_document(body)) == short


_pairs = st.tuples(
    st.sampled_from(["signature", "msg_signature", "timestamp", "nonce", "echostr", "openid", "", "x"]),
    st.sampled_from(["=", "=", "=", "", "==", "%3D"]),
    st.sampled_from(["1447848568", "", "a", "+", "%41", "%", "\x7f", "\x1f", "\x80", "\xff", " ", ";", "a=b", "~"]),
).map("".join)


@fuzzed(120)
@given(
    st.lists(_pairs, max_size=36).map(lambda pairs: "&".join(pairs).encode("latin-1"))
    | st.lists(_pairs, max_size=5).map(lambda pairs: ("timestamp=1&nonce=2&" + "&".join(pairs)).encode("latin-1"))
)
@example(b"timestamp=1&nonce=2&" + b"&".join(b"x%d=1" % number for number in range(30)))
@example(b"timestamp=1&nonce=2&" + b"&".join(b"x%d=1" % number for number in range(31)))
@example(b"timestamp=1&nonce=2&openid=1&openid=2")
def test_a_query_is_the_same_either_way(query: bytes) -> None:
    short = _outcome(lambda: PushQuery.from_query_string(query))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scanhook.envelope.query._read_plain", lambda _: None)
        assert _outcome(lambda: PushQuery.from_query_string(query)) == short


@fuzzed(50)
@given(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16),
    st.lists(
        st.integers(1, 6).flatmap(lambda blocks: st.binary(min_size=16 * blocks, max_size=16 * blocks)), max_size=4
    ),
)
def test_a_cipher_that_was_begun_before_is_one_that_is_begun_anew(key: bytes, iv: bytes, messages: list[bytes]) -> None:
    cipher = AesCbc(key, iv)
    for message in messages:
        assert cipher.encrypt(message) == AES.new(key, AES.MODE_CBC, iv=iv).encrypt(message)
        assert cipher.decrypt(message) == AES.new(key, AES.MODE_CBC, iv=iv).decrypt(message)


@fuzzed(60)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=6), max_size=5))
@example(["\uffff", "\U00010000", "\ue000", "\x7f", "\x80"])
def test_a_signature_is_over_the_texts_sorted_by_their_bytes(texts: list[str]) -> None:
    joined = b"".join(sorted(text.encode() for text in texts))
    assert sign(*texts) == hashlib.sha1(joined, usedforsecurity=False).hexdigest()


def _hashed(purpose: bytes, *parts: bytes, size: int) -> bytes:
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hashlib.blake2b(message, digest_size=size, key=bytes(range(32)), person=purpose).digest()


@fuzzed(50)
@given(st.binary(max_size=8), st.lists(st.text(st.characters(codec="utf-8"), max_size=40), min_size=4, max_size=4))
def test_a_hash_that_was_begun_before_is_one_that_is_begun_anew(product_id: bytes, texts: list[str]) -> None:
    pepper, parts = Pepper(secret=bytes(range(32))), [text.encode() for text in texts]
    for _ in range(2):
        assert pepper.identity(tuple(texts)) == _hashed(b"push", *parts, size=16)
        assert pepper.stray_tag(*texts) == _hashed(b"stray-code", *parts, size=10)
        assert pepper.tag(product_id, texts[0]) == _hashed(b"code", product_id, parts[0], size=10)
        assert list(pepper.tags(product_id, texts)) == [pepper.tag(product_id, text) for text in texts]


def test_no_printable_character_is_forbidden_in_a_text() -> None:
    printable = "".join(filter(str.isprintable, map(chr, range(0x110000))))
    assert len(printable) > 140_000
    assert _FORBIDDEN.search(printable) is None
