from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import quote_from_bytes, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scanhook.envelope import (
    AesKey,
    Format,
    Keyring,
    Mode,
    PushQuery,
    decrypt,
    encrypt,
    open_echo,
    open_push,
    read_document,
)
from scanhook.errors import PushError
from scanhook.message import decode
from tests.conftest import APP_ID, ENCODED_KEY, ORIGINAL_ID, TOKEN
from tests.envelope.peer import (
    NONCE,
    NOW,
    SCAN_XML,
    json_body,
    packed,
    padded,
    plain_query,
    seal,
    seal_blocks,
    sealed_query,
    signature,
    xml_body,
)
from tests.fuzz.strategies import accepted, any_text, bodies, fuzzed, mutated

KEY = AesKey(encoded=ENCODED_KEY)
KEYS = {
    mode: Keyring(mode=mode, original_id=ORIGINAL_ID, receive_id=APP_ID, tokens=(TOKEN,), aes_keys=(KEY,))
    for mode in Mode
}

_names = st.sampled_from([b"signature", b"msg_signature", b"timestamp", b"nonce", b"echostr", b"openid", b"%6eonce"])
_values = (
    st.binary(max_size=12).map(lambda raw: quote_from_bytes(raw).encode()) | st.binary(max_size=12) | st.just(b"1")
)
query_strings = st.binary(max_size=80) | st.lists(
    st.tuples(_names, st.just(b"="), _values).map(b"".join), max_size=40
).map(b"&".join)


@fuzzed(400)
@given(query_strings)
@example(b"timestamp=1&nonce=2" + b"&" * 40)
@example(b"timestamp=%ff&nonce=%00")
def test_any_query_is_read_or_refused(query: bytes) -> None:
    if accepted(lambda: PushQuery.from_query_string(query)):
        read = PushQuery.from_query_string(query)
        for text in (read.timestamp, read.nonce, read.signature or "", read.msg_signature or ""):
            assert text.isascii()
            assert text.isprintable()


@fuzzed(150)
@given(st.binary(max_size=60))
def test_any_echostr_comes_back_byte_for_byte(echostr: bytes) -> None:
    written = f"timestamp={NOW}&nonce={NONCE}&signature={signature(TOKEN, str(NOW), NONCE)}&"
    query = PushQuery.from_query_string(written.encode() + urlencode({"echostr": echostr}).encode())
    assert open_echo(query, keys=KEYS[Mode.SAFE], now=NOW) == echostr


@fuzzed(300)
@given(bodies)
@example(b"")
@example(b"<xml>" + b"<a>" * 1000 + b"</a>" * 1000 + b"</xml>")
@example(b'{"a":' * 1000 + b"1" + b"}" * 1000)
@example(b'{"a":"\\ud800"}')
def test_any_body_is_read_or_refused(body: bytes) -> None:
    if accepted(lambda: read_document(body)):
        format_, document = read_document(body)
        assert format_ is (Format.XML if body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<") else Format.JSON)
        assert all(isinstance(name, str) for name in document)
        if format_ is Format.XML:
            assert document
            assert all(isinstance(value, str | dict) for value in document.values())


@fuzzed(300)
@given(
    st.one_of(
        any_text,
        st.binary(max_size=100).map(lambda raw: base64.b64encode(raw).decode()),
        st.integers(0, 6)
        .flatmap(lambda blocks: st.binary(min_size=16 * blocks, max_size=16 * blocks))
        .map(seal_blocks),
        st.binary(max_size=60).map(lambda raw: seal_blocks(padded(raw))),
        st.tuples(st.binary(max_size=40), st.integers(0, 2**32 - 1) | st.integers(0, 60)).map(
            lambda parts: seal_blocks(padded(packed(parts[0], length=parts[1])))
        ),
    )
)
def test_any_ciphertext_is_decrypted_or_refused(encrypted: str) -> None:
    accepted(lambda: decrypt(encrypted, key=KEY, receive_id=APP_ID))


@fuzzed(150)
@given(st.binary(max_size=200), st.binary(min_size=16, max_size=16), st.text(st.characters(codec="utf-8"), max_size=20))
def test_whatever_is_encrypted_is_decrypted_again(message: bytes, random: bytes, receive_id: str) -> None:
    encrypted = encrypt(message, key=KEY, receive_id=receive_id, random=random)
    assert decrypt(encrypted, key=KEY, receive_id=receive_id) == message


@fuzzed(100)
@given(st.data())
def test_ciphertext_with_one_bit_changed_is_never_opened_as_the_same(data: st.DataObject) -> None:
    ciphertext = bytearray(base64.b64decode(seal(SCAN_XML)))
    bit = data.draw(st.integers(0, 8 * len(ciphertext) - 1))
    ciphertext[bit // 8] ^= 1 << bit % 8
    encrypted = base64.b64encode(ciphertext).decode()
    with pytest.raises(PushError):  # the signature covers it
        open_push(sealed_query(seal(SCAN_XML)), xml_body(encrypted), keys=KEYS[Mode.SAFE], now=NOW)
    accepted(lambda: decrypt(encrypted, key=KEY, receive_id=APP_ID))


@fuzzed(250)
@given(bodies, st.sampled_from([xml_body, json_body]), st.sampled_from([Mode.SAFE, Mode.COMPAT]))
@example(SCAN_XML, xml_body, Mode.SAFE)
def test_anything_in_a_rightly_signed_envelope_is_understood_or_refused(
    inside: bytes, body: Callable[[str], bytes], mode: Mode
) -> None:
    encrypted = seal(inside)
    query = sealed_query(encrypted)
    accepted(lambda: decode(open_push(query, body(encrypted), keys=KEYS[mode], now=NOW).document))


@fuzzed(100)
@given(bodies)
def test_anything_in_a_rightly_signed_plain_push_is_understood_or_refused(body: bytes) -> None:
    query = plain_query()
    accepted(lambda: decode(open_push(query, body, keys=KEYS[Mode.PLAIN], now=NOW).document))


@fuzzed(150)
@given(query_strings, mutated() | st.binary(max_size=60), st.sampled_from(list(Mode)))
def test_nothing_at_all_is_opened_without_a_right_signature(query: bytes, body: bytes, mode: Mode) -> None:
    assert not accepted(lambda: open_push(PushQuery.from_query_string(query), body, keys=KEYS[mode], now=NOW))
