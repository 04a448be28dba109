"""Reads the two languages of WeChat, XML and JSON, into one flat document. Performs no I/O.

The contract is "accepted, or ``Malformed``", for any bytes whatsoever.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NoReturn
from xml.parsers import expat

import xmltodict

from scanhook.envelope.flat_xml import BLANK, read_flat_xml
from scanhook.errors import Malformed

__all__ = ["DEPTH_MAX", "Document", "Format", "read_document"]

DEPTH_MAX = 16
_BOM = b"\xef\xbb\xbf"

Document = Mapping[str, object]
"""The elements below the root, by name: a text, or in JSON also a number, a truth value or ``None``.

Elements that hold others are kept as they are; no event that scanhook knows has one.
"""


class Format(StrEnum):
    """The language of a push; its answer is given in the same one."""

    XML = "xml"
    JSON = "json"


def read_document(body: bytes) -> tuple[Format, Document]:
    """Read one document, in the language that its first byte tells.

    WeChat does not document the Content-Type of a push, so nobody looks at it.

    :param body: UTF-8, with or without a byte order mark.
    :returns: its format, and the elements (members) below the root by name.
    :raises Malformed: when it is not UTF-8; not well-formed; has a DOCTYPE, an entity, an attribute, text between its
        elements, the same name twice, a character that XML forbids, or more than ``DEPTH_MAX`` levels.
    """
    flat = read_flat_xml(body)
    if flat is not None:
        return Format.XML, flat
    text = body.removeprefix(_BOM).lstrip(BLANK.encode())
    if b"\0" in text:
        # UTF-16 without a mark is full of zero bytes and passes for UTF-8; expat would find out by itself, and read it.
        raise Malformed("the body is not UTF-8", kind="encoding")
    try:
        text.decode()
    except UnicodeDecodeError:
        raise Malformed("the body is not UTF-8", kind="encoding") from None
    if text.startswith(b"<"):
        return Format.XML, _read_xml(text)
    if text.startswith(b"{"):
        return Format.JSON, _read_json(text)
    raise Malformed("the body is neither XML nor JSON", kind="syntax")


class _StrictExpat:
    """Stands where xmltodict expects the expat module, and refuses a DOCTYPE before anything in it is read."""

    @staticmethod
    def ParserCreate(encoding: str | None, namespace_separator: str | None) -> expat.XMLParserType:  # noqa: N802  (expat's name)
        parser = expat.ParserCreate(encoding, namespace_separator)
        parser.StartDoctypeDeclHandler = _refuse_doctype
        return parser


def _refuse_doctype(*_: object) -> NoReturn:
    raise Malformed("the XML has a DOCTYPE", kind="syntax")


def _refuse_attributes_and_depth(path: list[Any], key: str, value: Any) -> tuple[str, Any]:
    if key.startswith("@"):
        raise Malformed("an element has attributes", kind="syntax")
    if len(path) > DEPTH_MAX:
        raise Malformed(f"the document has more than {DEPTH_MAX} levels", kind="syntax")
    return key, value


def _read_xml(text: bytes) -> Document:
    try:
        root = xmltodict.parse(
            text,
            encoding="utf-8",  # what the document declares of itself is ignored
            expat=_StrictExpat,
            strip_whitespace=False,  # ExtInfo is echoed exactly as it came
            postprocessor=_refuse_attributes_and_depth,
        )
    except Malformed:
        raise
    except (expat.ExpatError, ValueError) as error:
        raise Malformed(f"the XML is not well-formed: {error}", kind="syntax") from None
    elements = root.get("xml") if root else None
    if not isinstance(elements, dict):
        raise Malformed("the XML is not <xml> with elements in it", kind="syntax")
    between = elements.pop("#text", "")
    if between.strip(BLANK):
        raise Malformed("there is text between the elements", kind="syntax")
    for name, value in elements.items():
        if isinstance(value, list):
            raise Malformed(f"<{_short(name)}> comes twice", kind="doubled")
        if value is None:
            elements[name] = ""
    return elements


def _read_json(text: bytes) -> Document:
    try:
        members: dict[str, object] = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except Malformed:
        raise
    except RecursionError:
        raise Malformed(f"the document has more than {DEPTH_MAX} levels", kind="syntax") from None
    except ValueError:
        raise Malformed("the JSON is not well-formed", kind="syntax") from None
    _check_depth(members)
    return members


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("a member of the JSON comes twice", kind="doubled")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON", kind="syntax")


def _check_depth(members: dict[str, object]) -> None:
    level: list[object] = [members]
    for _ in range(DEPTH_MAX):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if not below:
            return
        level = below
    raise Malformed(f"the document has more than {DEPTH_MAX} levels", kind="syntax")


def _short(name: str) -> str:
    return name if len(name) <= 40 else name[:40] + "…"
