"""Writes the passive reply of the seed (组件消息, 返回XML示例). Performs no I/O and knows no clock."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from scanhook.envelope import Format
from scanhook.message import CodeResult

__all__ = ["SUCCESS", "ScanProductReply", "compose"]

SUCCESS = b"success"
"""The answer that says nothing, and stops WeChat from asking again. It is never encrypted (facts.md 3.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanProductReply:
    """What WeChat is told of one item.

    :param to_user_name: the person's openid: the push's FromUserName.
    :param from_user_name: the account's original id: the push's ToUserName.
    :param create_time: seconds since 1970.
    :param key_standard: as pushed, like ``key_str`` and ``ext_info``; echoed exactly.
    """

    to_user_name: str = field(repr=False)
    from_user_name: str
    create_time: int
    key_standard: str
    key_str: str
    ext_info: str = field(repr=False)
    code_result: CodeResult


def compose(reply: ScanProductReply, format_: Format) -> bytes:
    """Return a reply in the language of the push: XML as the seed has it, or JSON with the same names, nested alike."""
    if format_ is Format.JSON:
        return json.dumps(_as_json(reply), ensure_ascii=False, separators=(",", ":")).encode()
    return (
        f"<xml><ToUserName>{cdata(reply.to_user_name)}</ToUserName>"
        f"<FromUserName>{cdata(reply.from_user_name)}</FromUserName>"
        f"<CreateTime>{reply.create_time}</CreateTime>"
        f"<MsgType><![CDATA[scanproduct]]></MsgType>"
        f"<ScanProduct><KeyStandard>{cdata(reply.key_standard)}</KeyStandard>"
        f"<KeyStr>{cdata(reply.key_str)}</KeyStr>"
        f"<ExtInfo>{cdata(reply.ext_info)}</ExtInfo>"
        f"<AntiFake><CodeResult><![CDATA[{reply.code_result}]]></CodeResult></AntiFake></ScanProduct></xml>"
    ).encode()


def cdata(text: str) -> str:
    """Return a text as a CDATA section that it cannot break out of, and that reads back as exactly the same text."""
    if "]]>" not in text and "\r" not in text:
        return f"<![CDATA[{text}]]>"
    # The end mark is cut in two. A carriage return inside a section would be read back as a line feed.
    safe = text.replace("]]>", "]]]]><![CDATA[>").replace("\r", "]]>&#13;<![CDATA[")
    return f"<![CDATA[{safe}]]>"


def _as_json(reply: ScanProductReply) -> dict[str, object]:
    return {
        "ToUserName": reply.to_user_name,
        "FromUserName": reply.from_user_name,
        "CreateTime": reply.create_time,
        "MsgType": "scanproduct",
        "ScanProduct": {
            "KeyStandard": reply.key_standard,
            "KeyStr": reply.key_str,
            "ExtInfo": reply.ext_info,
            "AntiFake": {"CodeResult": reply.code_result},
        },
    }
