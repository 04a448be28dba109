"""What the fuzzers throw at the parsers. The same in every run: a failure here is a failure everywhere."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from scanhook.errors import ScanhookError
from tests.envelope.peer import SCAN_JSON, SCAN_XML
from tests.message.pushes import FIELDS, JSON, XML

VALID = (SCAN_XML, SCAN_JSON, *XML.values(), *JSON.values())

_short = st.binary(max_size=24)
# Far faster than st.text(), and every character below U+10000 is in it, lone surrogates and controls too.
any_text = st.one_of(
    _short.map(lambda raw: raw.decode("latin-1")),
    _short.map(lambda raw: raw[: len(raw) & ~1].decode("utf-16-le", "surrogatepass")),
    st.lists(
        st.sampled_from(["]]>", "\r", "\n", "<a>", "&", "&amp;", "|", "😀", "微", "\x7f", "\ud800", "0"]), max_size=8
    ).map("".join),
)
_fragments = st.sampled_from(
    [
        *(b"<", b">", b"/", b"</", b"/>", b"<xml>", b"</xml>", b"<a>", b"</a>", b"<a/>", b"<!--", b"-->", b"<?", b"?>"),
        *(b"<![CDATA[", b"]]>", b"<!DOCTYPE x>", b'<!ENTITY e "x">', b"&", b"&e;", b"&#0;", b"&#xD800;", b' b="c"'),
        *(b"{", b"}", b"[", b"]", b":", b",", b'"', b'"a"', b"null", b"true", b"NaN", b"1e999", b"-", b"9" * 5000),
        *(b"\\u", b"\\ud800", b"\\", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r", b" ", b"\xed\xa0\x80", b"Encrypt"),
        *(b"MsgType", b"event", b"CreateTime", b"NeedAntiFake", b"scan_product_callback", b"ExtInfo", b"\xe5\xbe\xae"),
    ]
)


_SHARE = 1 if os.environ.get("FUZZ") == "full" else 3


def fuzzed(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a test so many examples where ``FUZZ=full`` is set, as ``.ci/run`` does; else a third of them."""
    configured = settings(
        max_examples=-(-examples // _SHARE),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        marked: Callable[..., None] = pytest.mark.fuzz(configured(test))
        return marked

    return decorate


@st.composite
def mutated(draw: st.DrawFn, valid: Sequence[bytes] = VALID) -> bytes:
    """Draw a valid document with up to four cuts, insertions or repetitions in it."""
    body = draw(st.sampled_from(valid))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        stop = draw(st.integers(start, min(len(body), start + 40)))
        put = draw(st.one_of(st.binary(max_size=4), _fragments, st.just(body[start:stop] * 2)))
        body = body[:start] + put + body[stop:]
    return body


broken_syntax = st.lists(_fragments, max_size=20).map(b"".join)

_leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), any_text, st.just(2**70), st.just("1"))
json_value = st.recursive(
    _leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3), max_leaves=6
)
_known_names = st.sampled_from(
    [*FIELDS, "MsgId", "EventKey", "RegionCode", "Result", "ReasonMsg", "Country", "Sex", "Scene", "Encrypt"]
)
_known_events = st.sampled_from([*XML, "subscribe", "CLICK", ""])
_event_keys = st.lists(st.sampled_from(["scanbarcode", "scanimage", "qrscene_1", "", "a", "|"]), max_size=6).map(
    "|".join
) | st.sampled_from(["scanbarcode|ean13|69", "scanimage|qrcode|a|b|c"])


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    """Draw a document that is nearly a push: the seed's, with fields changed, added and left out."""
    document: dict[str, object] = {**FIELDS, "Event": draw(_known_events), "EventKey": draw(_event_keys)}
    document |= draw(st.dictionaries(_known_names | any_text, json_value | st.just(10**5000), max_size=4))
    for name in draw(st.sets(_known_names, max_size=2)):
        document.pop(name, None)
    return document


json_documents = documents().map(lambda document: _as_json(document).encode())


def _as_json(document: dict[str, object]) -> str:
    small = {name: value for name, value in document.items() if value != 10**5000}
    return json.dumps(small)


@st.composite
def xml_documents(draw: st.DrawFn) -> bytes:
    """Draw XML that is well-formed in most parts, with any text, in any place."""

    def element(name: str, inside: str) -> str:
        return f"<{name}>{inside}</{name}>"

    text = st.one_of(
        any_text,
        any_text.map(lambda inside: f"<![CDATA[{inside}]]>"),
        any_text.map(lambda inside: inside.replace("&", "&amp;").replace("<", "&lt;")),
    )
    tree = st.recursive(
        st.builds(element, _known_names, text),
        lambda inner: st.builds(element, _known_names, st.lists(inner, max_size=3).map("".join)),
        max_leaves=5,
    )
    inside = "".join(draw(st.lists(tree, max_size=4)))
    return f"<xml>{inside}</xml>".encode(errors="surrogatepass")


bodies = st.one_of(st.binary(max_size=200), broken_syntax, mutated(), json_documents, xml_documents())


def accepted(parse: Callable[[], object]) -> bool:
    """Hold a parser to its contract: it accepts, or raises a ScanhookError whose sentence fits on a line of the log."""
    try:
        parse()
    except ScanhookError as error:
        if not error.why or len(error.why) > 300 or not error.why.isprintable():
            pytest.fail(f"a sentence that no log should hold: {error.why!r}")
        return False
    return True
