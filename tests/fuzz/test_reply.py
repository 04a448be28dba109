from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scanhook.envelope import Format
from scanhook.errors import Malformed
from scanhook.message import CodeResult, ScanProductCallback, decode
from scanhook.reply import ScanProductReply, compose
from tests.fuzz.strategies import any_text, fuzzed
from tests.message.pushes import FIELDS


def _carried(text: str) -> str:
    """Leave out what XML 1.0 cannot carry (its production ``Char``), and DEL."""
    return "".join(
        character
        for character in text
        if character in "\t\n\r" or (character >= " " and character not in "\x7f\ufffe\uffff" and not _lone(character))
    )


def _lone(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


carried = any_text.map(_carried)


@fuzzed(300)
@given(st.tuples(carried, carried, carried) | st.tuples(any_text, any_text, any_text))
@example(("a", "b", "]]>\r]]>"))
@example(("~", "\x80", "\ud7ff\ue000\ufffd\U00010000\U0010ffff"))
@example(("\r", "\n", ""))
def test_every_text_is_echoed_exactly_or_refused_for_a_reason(texts: tuple[str, str, str]) -> None:
    key_standard, key_str, ext_info = texts
    document = {**FIELDS, "KeyStandard": key_standard, "KeyStr": key_str, "ExtInfo": ext_info}
    if not (key_standard and key_str and all(_carried(text) == text for text in texts)):
        with pytest.raises(Malformed):
            decode(document)
        return
    push = decode(document)
    assert isinstance(push, ScanProductCallback)
    reply = ScanProductReply(
        to_user_name=push.from_user_name,
        from_user_name=push.to_user_name,
        create_time=push.create_time,
        key_standard=push.key_standard,
        key_str=push.key_str,
        ext_info=push.ext_info,
        code_result=CodeResult.FAKE,
    )
    product = ET.fromstring(compose(reply, Format.XML)).find("ScanProduct")
    assert product is not None
    assert tuple(product.findtext(name) for name in ("KeyStandard", "KeyStr", "ExtInfo")) == texts
    assert product.findtext("AntiFake/CodeResult") == "fake"
    members = json.loads(compose(reply, Format.JSON))["ScanProduct"]
    assert tuple(members[name] for name in ("KeyStandard", "KeyStr", "ExtInfo")) == texts
    assert members["AntiFake"] == {"CodeResult": "fake"}
