from __future__ import annotations

from collections.abc import Callable

import pytest

from scanhook.envelope import DEPTH_MAX, Format, read_document
from scanhook.errors import Malformed
from tests.envelope.peer import SCAN_FIELDS, SCAN_JSON, SCAN_XML, said

BOM = b"\xef\xbb\xbf"


def _elements(xml: str) -> dict[str, object]:
    format_, document = read_document(xml.encode())
    assert format_ is Format.XML
    return dict(document)


def _members(json: str) -> dict[str, object]:
    format_, document = read_document(json.encode())
    assert format_ is Format.JSON
    return dict(document)


def _refused(body: bytes, kind: str) -> str:
    with pytest.raises(Malformed) as caught:
        read_document(body)
    assert caught.value.kind == kind
    return said(caught)


def test_the_seeds_xml_is_read() -> None:
    assert _elements(SCAN_XML.decode()) == SCAN_FIELDS


def test_the_seeds_xml_is_read_with_its_own_line_breaks_and_blanks() -> None:
    # As the seed prints it: blanks before the root, and behind some of the elements.
    assert (
        _elements(
            " <xml> \n"
            "<ToUserName><![CDATA[gh_fbe8a958756e]]></ToUserName> \n"
            "<FromUserName><![CDATA[otAzGjrJVN21mpDF4ZWQiYZwdK0Y]]></FromUserName>\n"
            "<CreateTime>1447848568</CreateTime> \n"
            "<MsgType><![CDATA[event]]></MsgType> \n"
            "<Event><![CDATA[scan_product_callback]]></Event> \n"
            "<KeyStandard><![CDATA[qrcode]]></KeyStandard> \n"
            "<KeyStr><![CDATA[weixin_antifake]]></KeyStr> \n"
            "<ExtInfo><![CDATA[hyhy]]></ExtInfo> \n"
            "<NeedAntiFake>true</NeedAntiFake> \n"
            "</xml>\n"
        )
        == SCAN_FIELDS
    )


def test_the_seeds_event_as_json_keeps_numbers_and_truth_values() -> None:
    assert _members(SCAN_JSON.decode()) == {**SCAN_FIELDS, "CreateTime": 1447848568, "NeedAntiFake": True}


def test_json_may_be_laid_out_and_empty() -> None:
    assert _members('\t{\r\n  "a" : "b",\n  "c" : null, "d": 1.5, "e": [1, {"f": "g"}] }\n') == {
        "a": "b",
        "c": None,
        "d": 1.5,
        "e": [1, {"f": "g"}],
    }
    assert _members("{}") == {}


@pytest.mark.parametrize(
    ("body", "format_"),
    [
        (b"<xml><a>b</a></xml>", Format.XML),
        (b" \t\r\n<xml><a>b</a></xml>", Format.XML),
        (BOM + b"<xml><a>b</a></xml>", Format.XML),
        (BOM + b"\n<?xml version='1.0'?><xml><a>b</a></xml>\n", Format.XML),
        (b'{"a":"b"}', Format.JSON),
        (b' \t\r\n{"a":"b"}', Format.JSON),
        (BOM + b'{"a":"b"}', Format.JSON),
        (BOM + b'\r\n{"a":"b"}', Format.JSON),
    ],
)
def test_the_first_byte_that_is_not_blank_tells_the_language(body: bytes, format_: Format) -> None:
    assert read_document(body) == (format_, {"a": "b"})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b" \r\n", id="blanks"),
        pytest.param(BOM, id="only a byte order mark"),
        pytest.param(BOM + BOM + b"{}", id="two byte order marks"),
        pytest.param(b" " + BOM + b"{}", id="a byte order mark behind a blank"),
        pytest.param(b"\x0b{}", id="a vertical tab"),
        pytest.param(b"\xc2\xa0{}", id="a hard blank"),
        pytest.param(b"success", id="a word"),
        pytest.param(b"[{}]", id="a JSON array"),
        pytest.param(b'"{}"', id="a JSON text"),
        pytest.param(b"null", id="null"),
        pytest.param(b"Encrypt=abc", id="a form"),
    ],
)
def test_what_is_neither_xml_nor_json_is_refused(body: bytes) -> None:
    assert _refused(body, "syntax") == "the body is neither XML nor JSON"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("<xml><a>微信</a></xml>".encode("gbk"), id="GBK"),
        pytest.param('<?xml version="1.0" encoding="GBK"?><xml><a>微信</a></xml>'.encode("gbk"), id="declared GBK"),
        pytest.param("<xml><a>é</a></xml>".encode("latin-1"), id="Latin-1"),
        pytest.param("<xml><a>b</a></xml>".encode("utf-16"), id="XML in UTF-16 with its mark"),
        pytest.param("<xml><a>b</a></xml>".encode("utf-16-le"), id="XML in UTF-16 LE"),
        pytest.param('{"a":"b"}'.encode("utf-16"), id="JSON in UTF-16 with its mark"),
        pytest.param('{"a":"b"}'.encode("utf-16-le"), id="JSON in UTF-16 LE"),
        pytest.param('{"a":"b"}'.encode("utf-32-le"), id="JSON in UTF-32 LE"),
        pytest.param('{"a":"微信"}'.encode("gbk"), id="JSON in GBK"),
        pytest.param(b"<xml><a>\xed\xa0\x80</a></xml>", id="an encoded surrogate"),
        pytest.param(b"<xml><a>\xc0\xbc</a></xml>", id="an overlong form"),
        pytest.param(b"<xml><a>\xf4\x90\x80\x80</a></xml>", id="beyond Unicode"),
        pytest.param(b"<xml><a>\xe5\xbe</a></xml>", id="cut in a character"),
    ],
)
def test_what_is_not_utf_8_is_refused(body: bytes) -> None:
    assert _refused(body, "encoding") == "the body is not UTF-8"


@pytest.mark.parametrize("body", ["<xml><a>b</a></xml>", '{"a":"b"}'])
@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-32-be"])
def test_other_byte_orders_are_refused_too(body: str, encoding: str) -> None:
    with pytest.raises(Malformed):
        read_document(body.encode(encoding))


@pytest.mark.parametrize("declared", ["GBK", "UTF-16", "ISO-8859-1", "ebcdic-cp-us", "no-such-thing"])
def test_what_a_document_declares_of_its_encoding_is_ignored(declared: str) -> None:
    assert _elements(f'<?xml version="1.0" encoding="{declared}"?><xml><a>微信é</a></xml>') == {"a": "微信é"}


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("", ""),
        ("<![CDATA[]]>", ""),
        ("  ", "  "),
        ("<![CDATA[ a\tb\n ]]>", " a\tb\n "),
        ("\n  a  \n", "\n  a  \n"),
        ("a<![CDATA[b]]>c<![CDATA[d]]>", "abcd"),
        ("<![CDATA[a]]]]><![CDATA[>b]]>", "a]]>b"),
        ("a&amp;b&lt;c&gt;d&quot;e&apos;f", "a&b<c>d\"e'f"),
        ("<![CDATA[&amp;<b>]]>", "&amp;<b>"),
        ("&#24494;&#x4FE1;&#13;", "微信\r"),
        ("𠮷😀", "𠮷😀"),
        ("\u3000全角\u3000", "\u3000全角\u3000"),
        ("a<!-- no text -->b", "ab"),
        ("<!-- nothing -->", ""),
        ("a<?target no text?>b", "ab"),
        ("<![CDATA[<!DOCTYPE xml [<!ENTITY a 'b'>]>&a;]]>", "<!DOCTYPE xml [<!ENTITY a 'b'>]>&a;"),
    ],
)
def test_the_text_of_an_element_is_kept_exactly(inside: str, text: str) -> None:
    assert _elements(f"<xml><a>{inside}</a></xml>") == {"a": text}


def test_an_element_without_content_is_an_empty_text() -> None:
    assert _elements("<xml><a/><b></b></xml>") == {"a": "", "b": ""}


def test_comments_and_instructions_around_the_elements_are_passed_over() -> None:
    assert _elements("<?a b?><!-- <x> --><xml><!-- <y> --><a>b</a><?c d?></xml><!-- z -->") == {"a": "b"}


def test_elements_within_elements_are_kept() -> None:
    assert _elements("<xml><List><Item><Id>1</Id></Item><Item/></List><a>b</a></xml>") == {
        "List": {"Item": [{"Id": "1"}, None]},
        "a": "b",
    }


@pytest.mark.parametrize(
    "doctype",
    [
        pytest.param("<!DOCTYPE xml>", id="bare"),
        pytest.param('<!DOCTYPE xml SYSTEM "http://127.0.0.1/x.dtd">', id="from elsewhere"),
        pytest.param('<!DOCTYPE xml PUBLIC "-//W3C//DTD" "http://127.0.0.1/x.dtd">', id="public"),
        pytest.param('<!DOCTYPE xml [<!ENTITY e "x">]>', id="an entity"),
        pytest.param('<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///secret">]>', id="an entity from a file"),
        pytest.param('<!DOCTYPE xml [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]>', id="a parameter entity"),
        pytest.param('<!DOCTYPE xml [<!ATTLIST a b CDATA "c">]>', id="an attribute by default"),
    ],
)
def test_a_doctype_is_refused(doctype: str) -> None:
    for head in ("", '<?xml version="1.0"?>', "<!-- first -->"):
        assert _refused(f"{head}{doctype}<xml><a>b</a></xml>".encode(), "syntax") == "the XML has a DOCTYPE"


def test_billion_laughs_are_refused_before_the_first() -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    body = f'<!DOCTYPE xml [<!ENTITY l0 "lol">{entities}]><xml><a>&l9;</a></xml>'
    assert _refused(body.encode(), "syntax") == "the XML has a DOCTYPE"


@pytest.mark.parametrize("entity", ["&nbsp;", "&e;", "&#0;", "&#8;", "&#xD800;", "&#xFFFE;", "&#x110000;", "&", "&;"])
def test_an_entity_that_xml_does_not_bring_is_refused(entity: str) -> None:
    assert "not well-formed" in _refused(f"<xml><a>{entity}</a></xml>".encode(), "syntax")


@pytest.mark.parametrize(
    "character", ["\x00", "\x01", "\x08", "\x0b", "\x0c", "\x0e", "\x1b", "\x1f", "\ufffe", "\uffff"], ids=ascii
)
def test_a_character_that_xml_forbids_is_refused(character: str) -> None:
    for inside in (character, f"<![CDATA[{character}]]>"):
        with pytest.raises(Malformed):
            read_document(f"<xml><a>{inside}</a></xml>".encode())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('<xml><a b="c">d</a></xml>', id="in an element"),
        pytest.param("<xml><a b=''/></xml>", id="in an empty element"),
        pytest.param("<xml a='b'><c>d</c></xml>", id="in the root"),
        pytest.param("<xml xmlns='urn:a'><c>d</c></xml>", id="a name space"),
        pytest.param("<xml xmlns:x='urn:a'><x:c>d</x:c></xml>", id="a prefix"),
        pytest.param("<xml><a><b><c d='e'/></b></a></xml>", id="deep inside"),
    ],
)
def test_attributes_are_refused(body: str) -> None:
    assert _refused(body.encode(), "syntax") == "an element has attributes"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("<xml>text<a>b</a></xml>", id="before"),
        pytest.param("<xml><a>b</a>text</xml>", id="behind"),
        pytest.param("<xml><a>b</a> , <c>d</c></xml>", id="between"),
        pytest.param("<xml><a>b</a><![CDATA[text]]></xml>", id="as CDATA"),
        pytest.param("<xml><a>b</a>&#48;</xml>", id="as a reference"),
        pytest.param("<xml><a>b</a>\u3000</xml>", id="an ideographic space is text too"),
    ],
)
def test_text_between_the_elements_is_refused(body: str) -> None:
    assert _refused(body.encode(), "syntax") == "there is text between the elements"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("<xml><a>b</a><a>b</a></xml>", id="the same twice"),
        pytest.param("<xml><a>b</a><c/><a>d</a></xml>", id="apart and different"),
        pytest.param("<xml><a/><a/></xml>", id="both empty"),
        pytest.param("<xml><a>b</a><a/></xml>", id="one empty"),
        pytest.param("<xml><a>b</a><a><c/></a></xml>", id="one with elements"),
        pytest.param("<xml><a/><a/><a/></xml>", id="three"),
    ],
)
def test_a_doubled_element_is_refused_and_named(body: str) -> None:
    assert _refused(body.encode(), "doubled") == "<a> comes twice"


@pytest.mark.parametrize(
    ("length", "shown"), [(39, "n" * 39), (40, "n" * 40), (41, "n" * 40 + "…"), (5000, "n" * 40 + "…")]
)
def test_a_doubled_element_of_a_long_name_does_not_fill_the_log(length: int, shown: str) -> None:
    name = "n" * length
    assert _refused(f"<xml><{name}/><{name}/></xml>".encode(), "doubled") == f"<{shown}> comes twice"


def test_elements_that_differ_in_case_are_not_the_same() -> None:
    assert _elements("<xml><a>1</a><A>2</A></xml>") == {"a": "1", "A": "2"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("<xml></xml>", id="empty"),
        pytest.param("<xml/>", id="empty, in short"),
        pytest.param("<xml>text</xml>", id="only text"),
        pytest.param("<XML><a>b</a></XML>", id="capitals"),
        pytest.param("<html><a>b</a></html>", id="another root"),
    ],
)
def test_another_root_or_an_empty_one_is_refused(body: str) -> None:
    assert _refused(body.encode(), "syntax") == "the XML is not <xml> with elements in it"


@pytest.mark.parametrize(
    "body",
    [
        *("<", "<xml>", "<xml><a>b</xml>", "<xml><a>b</a>", "<xml><a>b</b></xml>", "<xml><a>]]></a></xml>"),
        *("<xml><a>b</a></xml><xml/>", "<xml><a>b</a></xml>text", "<xml><1>b</1></xml>", "<xml><![CDATA[</xml>"),
        *("<xml><a><!-- -- --></a></xml>", "<!-- only -->", "<?xml version='1.0'?>", "<xml><a b></a></xml>"),
        "<xml><a>b</a><?xml version='1.0'?></xml>",
    ],
)
def test_xml_that_is_not_well_formed_is_refused(body: str) -> None:
    assert _refused(body.encode(), "syntax").startswith("the XML is not well-formed: ")


@pytest.mark.parametrize(
    "body",
    [
        *("{", '{"a"}', '{"a":}', '{"a":1,}', "{'a':1}", "{a:1}", '{"a":1}}', '{"a":1}{}', '{"a":1} x', '{"a":"b}'),
        *('{"a":"\t"}', '{"a":"\x01"}', '{"a":"\\x41"}', '{"a":"\\u12"}', '{"a":01}', '{"a":+1}'),
        *('{"a":True}', '{"a":None}', '{"a":1 /* one */}', '{"a":.5}', '{"a":' + "9" * 5000 + "}"),
    ],
    ids=lambda body: body[:20].encode("unicode_escape").decode(),
)
def test_json_that_is_not_well_formed_is_refused(body: str) -> None:
    assert _refused(body.encode(), "syntax") == "the JSON is not well-formed"


@pytest.mark.parametrize(
    "body", [b'{"a":"\x00"}', b'{"a":"b"}\x00', b'{\x00"a":"b"}', b"\x00{}", b"<xml><a>b</a></xml>\x00"]
)
def test_a_zero_byte_anywhere_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_document(body)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_refused(constant: str) -> None:
    assert _refused(f'{{"a":{constant}}}'.encode(), "syntax") == f"{constant} is not JSON"


@pytest.mark.parametrize(
    "body",
    [
        '{"a":1,"a":1}',
        '{"a":1,"b":2,"a":3}',
        '{"a":1,"\\u0061":2}',
        '{"b":{"a":1,"a":2}}',
        '{"b":[{"a":1,"a":2}]}',
        '{"\\ud800":1,"\\ud800":2}',
    ],
)
def test_a_doubled_member_is_refused(body: str) -> None:
    assert _refused(body.encode(), "doubled") == "a member of the JSON comes twice"


def test_json_escapes_are_read_even_where_they_are_no_character() -> None:
    # The decoder refuses them in the fields that it reads.
    assert _members('{"a":"\\ud83d\\ude00","b":"\\ud800","c":"\\u0000\\r\\n\\/"}') == {
        "a": "😀",
        "b": "\ud800",
        "c": "\x00\r\n/",
    }


def test_a_large_number_is_read_as_it_is() -> None:
    assert _members('{"MsgId":23837438493543523}') == {"MsgId": 23837438493543523}


def _nested_xml(levels: int) -> bytes:
    return b"<xml>" + b"<a>" * (levels - 1) + b"b" + b"</a>" * (levels - 1) + b"</xml>"


def _nested_json(levels: int) -> bytes:
    return b'{"a":' * (levels - 1) + b'"b"' + b"}" * (levels - 1)


def _nested_arrays(levels: int) -> bytes:
    return b'{"a":' + b"[" * (levels - 2) + b'"b"' + b"]" * (levels - 2) + b"}"


NESTED = pytest.mark.parametrize("nested", [_nested_xml, _nested_json, _nested_arrays])


@NESTED
def test_as_many_levels_as_allowed_are_read(nested: Callable[[int], bytes]) -> None:
    _, document = read_document(nested(DEPTH_MAX))
    assert list(document) == ["a"]


@NESTED
@pytest.mark.parametrize("levels", [DEPTH_MAX + 1, 100, 1000, 5000])
def test_more_levels_are_refused(nested: Callable[[int], bytes], levels: int) -> None:
    assert _refused(nested(levels), "syntax") == "the document has more than 16 levels"


@pytest.mark.parametrize("body", [b"<xml>" + b"<a>" * 20000, b'{"a":' * 12000, b'{"a":' + b"[" * 60000], ids=len)
def test_levels_that_are_never_closed_are_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_document(body)
