from __future__ import annotations

from hypothesis import event, example, given

from scanhook.envelope import read_document
from scanhook.message import decode, identity
from tests.fuzz.strategies import accepted, documents, fuzzed, json_documents, xml_documents
from tests.message.pushes import FIELDS


@fuzzed(400)
@given(documents())
@example({})
@example({**FIELDS, "NeedAntiFake": 10**5000})
@example({**FIELDS, "MsgId": 10**5000})
@example({**FIELDS, "CreateTime": "9" * 5000})
@example({**FIELDS, "Event": "subscribe", "EventKey": "scanbarcode||"})
def test_any_document_is_decoded_or_refused(document: dict[str, object]) -> None:
    if accepted(lambda: decode(document)):
        message = decode(document)
        event(type(message).__name__)
        assert all(isinstance(part, str) for part in identity(message))
        for part in identity(message):
            part.encode()  # it will be hashed


@fuzzed(80)
@given(json_documents | xml_documents())
def test_any_document_from_the_wire_is_decoded_or_refused(body: bytes) -> None:
    accepted(lambda: decode(read_document(body)[1]))
