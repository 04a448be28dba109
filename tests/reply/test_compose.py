from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from scanhook.envelope import Format
from scanhook.message import CodeResult
from scanhook.reply import SUCCESS, ScanProductReply, compose

REPLY = ScanProductReply(
    to_user_name="otAzGjrJVN21mpDF4ZWQiYZwdK0Y",
    from_user_name="gh_fbe8a958756e",
    create_time=1447848568,
    key_standard="qrcode",
    key_str="weixin_antifake",
    ext_info="hyhy",
    code_result=CodeResult.REAL,
)
# The seed's example, without the blanks and line breaks between its elements.
SEED = (
    b"<xml>"
    b"<ToUserName><![CDATA[otAzGjrJVN21mpDF4ZWQiYZwdK0Y]]></ToUserName>"
    b"<FromUserName><![CDATA[gh_fbe8a958756e]]></FromUserName>"
    b"<CreateTime>1447848568</CreateTime>"
    b"<MsgType><![CDATA[scanproduct]]></MsgType>"
    b"<ScanProduct>"
    b"<KeyStandard><![CDATA[qrcode]]></KeyStandard>"
    b"<KeyStr><![CDATA[weixin_antifake]]></KeyStr>"
    b"<ExtInfo><![CDATA[hyhy]]></ExtInfo>"
    b"<AntiFake>"
    b"<CodeResult><![CDATA[real]]></CodeResult>"
    b"</AntiFake>"
    b"</ScanProduct>"
    b"</xml>"
)
SEED_JSON = (
    b'{"ToUserName":"otAzGjrJVN21mpDF4ZWQiYZwdK0Y","FromUserName":"gh_fbe8a958756e","CreateTime":1447848568,'
    b'"MsgType":"scanproduct","ScanProduct":{"KeyStandard":"qrcode","KeyStr":"weixin_antifake","ExtInfo":"hyhy",'
    b'"AntiFake":{"CodeResult":"real"}}}'
)
STRUCTURE = [
    *("xml", "ToUserName", "FromUserName", "CreateTime", "MsgType", "ScanProduct"),
    *("KeyStandard", "KeyStr", "ExtInfo", "AntiFake", "CodeResult"),
]

ODD_TEXTS = [
    *("]]>", "]]]>", "]]]]>>", "]]>]]>", "]", "]]", ">", "]>", "]]&gt;", "<![CDATA[", "<![CDATA[x]]>", "]]><![CDATA[>"),
    "]]></ExtInfo><AntiFake><CodeResult><![CDATA[real]]></CodeResult></AntiFake><ExtInfo><![CDATA[",
    *(
        "]]></KeyStr></ScanProduct></xml>",
        "<!-- -->",
        "<?x?>",
        "&amp;",
        "&lt;",
        "&#13;",
        "&",
        "<",
        '"',
        "'",
        "\\",
        "\\n",
    ),
    *(
        "\r",
        "\n",
        "\r\n",
        "\n\r",
        "\r\r\n",
        "a\rb",
        "\r]]>\r",
        "]]\r>",
        "]\r]>",
        "]]>&#13;<![CDATA[",
        "\t",
        " ",
        "  a ",
    ),
    *("微信防伪", "😀𠮷", "\x80\x85\x9f", "\u2028\u2029", "\ufeff", "\ufffd", "\U0001fffe", "é\u0301", "x" * 1024, ""),
]


def _everywhere(text: str) -> dict[str, Any]:
    return dict.fromkeys(("to_user_name", "from_user_name", "key_standard", "key_str", "ext_info"), text)


def test_the_reply_is_the_seeds_element_for_element() -> None:
    assert compose(REPLY, Format.XML) == SEED


def test_the_json_reply_has_the_seeds_names_nested_alike() -> None:
    assert compose(REPLY, Format.JSON) == SEED_JSON


@pytest.mark.parametrize("code_result", list(CodeResult))
@pytest.mark.parametrize(("format_", "seed"), [(Format.XML, SEED), (Format.JSON, SEED_JSON)])
def test_the_verdict_is_the_only_thing_that_changes(format_: Format, seed: bytes, code_result: CodeResult) -> None:
    changed = seed.replace(b"real", {"real": b"real", "fake": b"fake", "not_active": b"not_active"}[code_result.value])
    assert compose(replace(REPLY, code_result=code_result), format_) == changed


def test_success_is_written_as_wechat_wants_it() -> None:
    assert SUCCESS == b"success"


@pytest.mark.parametrize("text", ODD_TEXTS, ids=ascii)
def test_no_text_breaks_out_of_the_xml_and_each_is_read_back_exactly(text: str) -> None:
    root = ET.fromstring(compose(replace(REPLY, **_everywhere(text)), Format.XML))
    assert [element.tag for element in root.iter()] == STRUCTURE
    assert not any(element.attrib for element in root.iter())
    echoed = ("ToUserName", "FromUserName", "ScanProduct/KeyStandard", "ScanProduct/KeyStr", "ScanProduct/ExtInfo")
    assert [root.findtext(path) for path in echoed] == [text] * 5
    assert root.findtext("CreateTime") == "1447848568"
    assert root.findtext("ScanProduct/AntiFake/CodeResult") == "real"


@pytest.mark.parametrize("text", ODD_TEXTS, ids=ascii)
def test_no_text_breaks_out_of_the_json_and_each_is_read_back_exactly(text: str) -> None:
    assert json.loads(compose(replace(REPLY, **_everywhere(text)), Format.JSON)) == {
        "ToUserName": text,
        "FromUserName": text,
        "CreateTime": 1447848568,
        "MsgType": "scanproduct",
        "ScanProduct": {
            "KeyStandard": text,
            "KeyStr": text,
            "ExtInfo": text,
            "AntiFake": {"CodeResult": "real"},
        },
    }


def test_the_end_of_a_section_is_cut_in_two() -> None:
    composed = compose(replace(REPLY, ext_info="a]]>b\rc"), Format.XML)
    assert b"<ExtInfo><![CDATA[a]]]]><![CDATA[>b]]>&#13;<![CDATA[c]]></ExtInfo>" in composed


def test_the_answer_is_utf_8_without_escapes_and_without_a_mark() -> None:
    for format_ in Format:
        composed = compose(replace(REPLY, ext_info="微信"), format_)
        assert b"\xe5\xbe\xae\xe4\xbf\xa1" in composed
        assert composed[:1] in (b"<", b"{")


def test_neither_the_person_nor_the_code_shows_when_a_reply_is_printed() -> None:
    shown = repr(REPLY)
    assert "otAzGjrJVN21mpDF4ZWQiYZwdK0Y" not in shown
    assert "hyhy" not in shown
