from __future__ import annotations

import re
from itertools import product

import pytest

from scanhook.envelope import BODY_MAX_BYTES, flat_xml, read_document
from scanhook.envelope.flat_xml import read_flat_xml
from scanhook.errors import Malformed
from tests.envelope.peer import SCAN_FIELDS, SCAN_XML, seal, xml_body
from tests.message.pushes import XML


def _long_way(body: bytes) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scanhook.envelope.document.read_flat_xml", lambda _: None)
        return read_document(body)[1]


@pytest.mark.parametrize(
    "body", [*XML.values(), SCAN_XML, xml_body(seal(SCAN_XML))], ids=[*XML, "in one line", "outer"]
)
def test_everything_that_wechat_prints_goes_the_short_way(body: bytes) -> None:
    assert read_flat_xml(body) == _long_way(body)


def test_the_texts_are_read_by_name() -> None:
    assert read_flat_xml(SCAN_XML) == SCAN_FIELDS


@pytest.mark.parametrize(
    "body",
    [
        *("<xml><a>b</a></xml>", "\t<xml> <a>b</a>\n</xml> ", "\r\n<xml>\r\n<a>b</a>\r\n</xml>\r\n"),
        "<xml><a><![CDATA[b]]></a></xml>",
    ],
)
def test_blanks_around_the_elements_are_passed_over(body: str) -> None:
    assert read_flat_xml(body.encode()) == {"a": "b"}


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        *(("", ""), ("<![CDATA[]]>", ""), (" \t\n ", " \t\n "), ("<![CDATA[ b ]]>", " b "), ("a>b", "a>b")),
        *(("微信", "微信"), ("<![CDATA[😀\u3000\x85]]>", "😀\u3000\x85"), ("a[b", "a[b"), ("'\"", "'\"")),
    ],
)
def test_a_text_is_kept_exactly(inside: str, text: str) -> None:
    assert read_flat_xml(f"<xml><a>{inside}</a></xml>".encode()) == {"a": text}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="nothing"),
        pytest.param("{}", id="JSON"),
        pytest.param("\ufeff<xml><a>b</a></xml>", id="a byte order mark"),
        pytest.param("<?xml version='1.0'?><xml><a>b</a></xml>", id="a declaration"),
        pytest.param("<!DOCTYPE xml><xml><a>b</a></xml>", id="a DOCTYPE"),
        pytest.param("<XML><a>b</a></XML>", id="another root"),
        pytest.param("<xml ><a>b</a></xml>", id="a blank in the root"),
        pytest.param("<xml x='y'><a>b</a></xml>", id="an attribute of the root"),
        pytest.param("<xml><a x='y'>b</a></xml>", id="an attribute"),
        pytest.param("<xml><a >b</a></xml>", id="a blank in a tag"),
        pytest.param("<xml><a>b</a ></xml>", id="a blank in an end tag"),
        pytest.param("<xml><a/></xml>", id="an empty tag"),
        pytest.param("<xml></xml>", id="no element"),
        pytest.param("<xml>text</xml>", id="only text"),
        pytest.param("<xml><a>b</a><a>c</a></xml>", id="the same name twice"),
        pytest.param("<xml><a>b</a>text<c>d</c></xml>", id="text between"),
        pytest.param("<xml>text<a>b</a></xml>", id="text before"),
        pytest.param("<xml><a>b</a>text</xml>", id="text behind"),
        pytest.param("<xml><a>b</a>\u3000<c>d</c></xml>", id="an ideographic space between"),
        pytest.param("<xml><!-- --><a>b</a></xml>", id="a comment"),
        pytest.param("<xml><a>b<!-- --></a></xml>", id="a comment inside"),
        pytest.param("<xml><a><b>c</b></a></xml>", id="an element inside"),
        pytest.param("<xml><a>b</c></xml>", id="another end tag"),
        pytest.param("<xml><a>b</A></xml>", id="an end tag in capitals"),
        pytest.param("<xml><a>b</a>", id="no end"),
        pytest.param("<a>b</a></xml>", id="no beginning"),
        pytest.param("<xml><a>b</a></xml><xml/>", id="more behind the end"),
        pytest.param("<x<a>b</a>ml></xml>", id="an element in the root's tag"),
        pytest.param("<xml></xm<a>b</a>l>", id="an element in the root's end tag"),
        pytest.param("<xml><![CDATA[<a>b</a>]]></xml>", id="an element in CDATA"),
        pytest.param("<xml><!-- <a>b</a> --></xml>", id="an element in a comment"),
        pytest.param("<xml><a><![CDATA[b</a></xml>", id="CDATA without its end"),
        pytest.param("<xml><a>b]]></a></xml>", id="CDATA without its beginning"),
        pytest.param("<xml><a><![CDATA[b]c]]></a></xml>", id="a bracket in CDATA"),
        pytest.param("<xml><a><![CDATA[b<c]]></a></xml>", id="a tag's mark in CDATA"),
        pytest.param("<xml><a><![CDATA[b]]><![CDATA[c]]></a></xml>", id="two sections"),
        pytest.param("<xml><a>b<![CDATA[c]]></a></xml>", id="a text and a section"),
        pytest.param("<xml><a>&amp;</a></xml>", id="an entity"),
        pytest.param("<xml><a>b\rc</a></xml>", id="a carriage return"),
        pytest.param("<xml><a:b>c</a:b></xml>", id="a prefix"),
        pytest.param("<xml><é>c</é></xml>", id="a name that is not ASCII"),
        pytest.param("<xml><1>b</1></xml>", id="a name that is none"),
    ],
)
def test_anything_else_is_left_to_the_reader_for_everything(body: str) -> None:
    assert read_flat_xml(body.encode()) is None


@pytest.mark.parametrize("body", [b"<xml><a>\xff</a></xml>", b"<xml><a>\xed\xa0\x80</a></xml>", b"<\0x\0m\0l\0>\0"])
def test_what_is_not_utf_8_is_left_to_the_reader_for_everything(body: bytes) -> None:
    assert read_flat_xml(body) is None


TAGS = ("a", "A1_b", "xml", "XMLa", "_a", "a-b", "a.b", "a:b", "é", "1a", "", "a b='c'", "a ", " a", "a/", "!--", "?a")
INSIDE = (
    *(
        "",
        "t",
        " ",
        "\n",
        "微",
        "]",
        "]]",
        "]]>",
        ">",
        "&lt;",
        "&",
        "&x;",
        "<",
        "<b/>",
        "<!-- -->",
        "\r",
        "\x00",
        "\ufffe",
    ),
    *(
        f"<![CDATA[{text}]]>"
        for text in ("", "t", " ", "微", "]", "]]", "]]>", "<", "&", "\r\n", "\x1f", "\uffff", "<b>")
    ),
    *("<![CDATA[t", "t]]>", "<![CDATA[t]]", "<![cdata[t]]>", "t<![CDATA[t]]>", "<![CDATA[t]]>t", "<![CDATA[t]]> "),
)
AROUND = (
    *(
        ("", "", ""),
        ("\n", " ", "\t\r\n"),
        ("", "", "\x0b"),
        ("\u3000", "", ""),
        ("", "t", ""),
        ("", "]]>", ""),
        ("<!---->", "", ""),
    ),
    *(
        ("", "<a>1</a>", ""),
        ("<c>1</c>", "<d></d>", ""),
        ("", "", "<e/>"),
        ("", "</xml>", ""),
        ("<xml>", "", ""),
        ("", "&#32;", ""),
    ),
)


@pytest.mark.parametrize("around", AROUND, ids=ascii)
def test_whatever_is_put_together_is_read_like_the_long_way_or_left_to_it(around: tuple[str, str, str]) -> None:
    before, between, behind = around
    for tag, inside in product(TAGS, INSIDE):
        body = f"<xml>{before}<{tag}>{inside}</{tag}>{between}<b>2</b></xml>{behind}".encode()
        flat = read_flat_xml(body)
        assert flat is None or flat == _long_way(body), body


EDGES = (0xD7FF, 0xE000, 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x1FFFE, 0x10FFFF)


@pytest.mark.parametrize("inside", ["{}", "<![CDATA[{}]]>"], ids=["plain", "CDATA"])
def test_every_character_is_read_like_the_long_way_or_left_to_it(inside: str) -> None:
    read = 0
    for character in map(chr, (*range(0x300), *EDGES)):
        body = f"<xml><a>{inside.format(f'b{character}c')}</a></xml>".encode()
        flat = read_flat_xml(body)
        if flat is not None:
            assert flat == _long_way(body) == {"a": f"b{character}c"}
            read += 1
    # 29 control characters, `<`, `&`, `]`, a carriage return, U+FFFE and U+FFFF are left to it.
    assert read == 0x300 + len(EDGES) - 35


def test_no_repeat_gives_back_what_it_took_or_runs_over_the_next_tag(capsys: pytest.CaptureFixture[str]) -> None:
    # So the search does a fixed amount of work between two `<`, whatever a stranger sends.
    re.compile(flat_xml._ELEMENT.pattern, re.DEBUG)
    tree = capsys.readouterr().out.split("\n\n")[0]  # the program that is made of it comes behind
    assert not re.search("(MAX|MIN)_REPEAT", tree)
    sets = re.findall(r"POSSESSIVE_REPEAT 0 MAXREPEAT\n *IN\n((?: +(?:NEGATE|RANGE|LITERAL|CATEGORY) .*\n)+)", tree)
    assert len(sets) == tree.count("MAXREPEAT") == 3
    for characters in sets:
        assert ("NEGATE" in characters) == ("LITERAL 60\n" in characters)


def _filled(unit: str, *, before: str = "", behind: str = "") -> bytes:
    times = (BODY_MAX_BYTES - len(before) - len(behind)) // len(unit)
    return (before + unit * times + behind).encode()


@pytest.mark.parametrize(
    "body",
    [
        *(
            _filled("<"),
            _filled("<a"),
            _filled("<a>"),
            _filled("<a>b"),
            _filled("<a></"),
            _filled("</a>"),
            _filled("<xml>"),
        ),
        *(_filled("<a><![CDATA["), _filled("<a><![CDATA[b"), _filled("<a><![CDATA[", behind="]]></a>")),
        *(_filled("a", before="<"), _filled("a", before="<xml><"), _filled("a", before="<xml><a>")),
        *(_filled(" ", before="<xml><a></a>"), _filled("\r\n", before="<xml><a></a>", behind="x</xml>")),
        *(
            _filled("]", before="<xml><a>"),
            _filled("]]>", before="<xml><a><![CDATA["),
            _filled("<a></a>", before="<xml>"),
        ),
        _filled("a", before="<xml><a", behind="></a></xml>"),
    ],
    ids=lambda body: body[:30].decode() + "…",
)
def test_the_largest_bodies_of_strangers_are_refused_either_way(body: bytes) -> None:
    assert read_flat_xml(body) is None
    with pytest.raises(Malformed):
        read_document(body)


def test_the_largest_body_that_is_right_is_read() -> None:
    names = [f"n{number}" for number in range(3000)]
    body = "<xml>" + "".join(f"<{name}>{name}</{name}>" for name in names) + "</xml>"
    assert len(body) < BODY_MAX_BYTES
    assert read_flat_xml(body.encode()) == dict(zip(names, names, strict=True))
