"""Every error code of WeChat's that scanhook knows: its name, what it means, and what to do. Performs no I/O."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from scanhook.errors import WechatRefused
from scanhook.wechat.caller import System
from scanhook.wechat.code import Code
from scanhook.wechat.codes_global import GLOBAL_CODES
from scanhook.wechat.codes_scan import SCAN_CODES
from scanhook.wechat.codes_systems import SYSTEM_CODES
from scanhook.wechat.codes_wecom import WECOM_CODES

__all__ = ["API_UNAUTHORIZED", "BUSY", "CODES", "WECOM", "Code", "known_code", "refusal"]

CODES = MappingProxyType(SYSTEM_CODES | SCAN_CODES | GLOBAL_CODES)
WECOM = MappingProxyType(CODES | WECOM_CODES)
"""The same, where WeCom answers."""

BUSY = (-1, -202, 45011)
"""After these WeChat may be asked again in a moment."""

API_UNAUTHORIZED = 48001
"""The account has no right to an API."""

_NO_RIGHT = (API_UNAUTHORIZED, 48002, 61007, 301002)
_ADDRESS_REFUSED = (40164, 60020)
_BROADCAST = (
    "The mini program has no right to live broadcasts (小程序直播); a third-party platform needs the permission set 52"
)
_SCAN = (
    "The account has no right to scan product pages: apply for 扫一扫 in the console first; a third-party "
    "platform needs the permission set 9 (微信扫一扫权限). Scans that are pushed are answered all the same"
)
_WINDOW = (
    "Switch it on in the Channels assistant (视频号助手 → 开放能力 → 开放场景), and call "
    "with its own token, since a shop's is refused; a third-party platform needs the permission set 133 or 177"
)
_UNION = "The mini program is no promoter of the union (小程序联盟); a third-party platform needs the permission set 93"
_MARKETCODE = (
    "The service account has no 一物一码: apply for it in the console (添加功能插件); a third-party platform needs the "
    "permission set 46"
)
_WECOM_RIGHT = (
    "An application of one's own (自建应用) must stand among 客户联系 → 可调用接口的应用; one that was developed "
    "for the company (代开发应用) or comes from elsewhere (第三方应用) needs the right 管理商品图册. Since 2023-12-01 "
    "the secret of a system application (系统应用) is not taken, except from companies that used it before"
)
_RIGHTS = {
    "/scan/": _SCAN,
    "/channels/ec/window/": _WINDOW,
    "/wxaapi/broadcast/": _BROADCAST,
    "/wxa/business/getgoodswarehouse": _BROADCAST,
    "/union/": _UNION,
    "/intp/marketcode/": _MARKETCODE,
}
_RIGHTS_OF: Mapping[System | None, str] = {
    System.PAGES: _SCAN,
    System.ALBUMS: _WECOM_RIGHT,
    System.WINDOW: _WINDOW,
    System.LIVE: _BROADCAST,
    System.UNION: _UNION,
}
"""Where the path does not tell, as of a picture that goes up."""
_TRACE = re.compile(r"rid: *(?P<rid>[0-9a-zA-Z-]{1,64})|hint: *\[(?P<hint>[0-9a-zA-Z_!-]{1,64})\]")
_ADDRESS = re.compile(r"[0-9a-fA-F:.]{3,45}")
_ADDRESSES_MAX = 2


def known_code(number: int, *, path: str = "", system: System | None = None) -> Code:
    """Return what is known of a code; of one that nobody documents, just that.

    :param path: what was called: the remedy for a missing right names what is missing.
    :param system: which was called: WeCom's codes have meanings of their own, and it names what is missing where the
        path does not.
    """
    code = (WECOM if system is System.ALBUMS else CODES).get(number)
    if code is None:
        return Code(
            number=number,
            name="unknown",
            meaning="no page that scanhook follows documents this code",
            remedy="Look it up among WeChat's global error codes (全局返回码), by the rid if there is one",
            permanent=True,
            source="",
        )
    if number in _NO_RIGHT:
        by_path = (words for begin, words in _RIGHTS.items() if path.startswith(begin))
        return replace(code, remedy=next(by_path, _RIGHTS_OF.get(system, code.remedy)))
    return code


def refusal(
    number: int,
    errmsg: str,
    *,
    path: str,
    system: System | None = None,
    meaning: str = "",
    remedy: str = "",
    note: str = "",
) -> WechatRefused:
    """Make the error of an answer with an error code.

    :param errmsg: WeChat's own words, as they came; of them only the ``rid`` or ``hint`` is shown, and the address that
        was refused.
    :param path: what was called, without its query.
    :param system: which was called.
    :param meaning: what the code means in this very call, where that is known better.
    :param remedy: the same.
    :param note: a sentence on what was done about it.
    """
    code = known_code(number, path=path, system=system)
    trace, rid = _trace(errmsg)
    meaning, remedy = meaning or code.meaning, remedy or code.remedy
    if number in _ADDRESS_REFUSED:
        addresses = _addresses(errmsg)
        meaning += f": {addresses}" if addresses else ", and WeChat does not say which it is"
    sentences = [f"{path}: WeChat answers {number} ({code.name}): {meaning}", remedy, note.rstrip(".")]
    return WechatRefused(
        ". ".join(sentence for sentence in sentences if sentence) + "." + (f" [{trace} {rid}]" if rid else ""),
        code=number,
        name=code.name,
        meaning=meaning,
        remedy=remedy,
        permanent=code.permanent,
        rid=rid,
    )


def _trace(errmsg: str) -> tuple[str, str]:
    """Return by what WeChat finds a request again, and that: its rid, or a hint where it gives only that, as WeCom."""
    found = {name: text for match in _TRACE.finditer(errmsg) for name, text in match.groupdict("").items() if text}
    name = next((name for name in ("rid", "hint") if name in found), "")
    return name, found.get(name, "")


def _addresses(errmsg: str) -> str:
    """Return the addresses that stand in WeChat's words: it calls an IPv4 address twice, once as IPv6."""
    found = []
    for text in _ADDRESS.findall(errmsg.partition("rid:")[0]):
        try:
            ip = ipaddress.ip_address(text.strip(".:") if "." in text and ":" not in text else text)
        except ValueError:
            continue
        ip = getattr(ip, "ipv4_mapped", None) or ip
        if str(ip) not in found:
            found.append(str(ip))
    return " and ".join(found[:_ADDRESSES_MAX])
