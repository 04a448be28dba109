"""Judges answers as WeChat would. Performs no I/O.

The pages say what a right answer is, and are silent on what the window shows after any other (facts.md 7.4): here that
is "no answer", with a sentence that says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scanhook.envelope import Document, Keyring, Mode, read_document
from scanhook.errors import PushError
from scanhook.sandbox.push import unseal_answer
from scanhook.sandbox.scan import Scan, Seen
from scanhook.sandbox.trace import Attempt, Shown

__all__ = ["Opinion", "judge_silent", "judge_verdict", "judge_verification"]

_RESULTS = {"real": Shown.GENUINE, "fake": Shown.FAKE, "not_active": Shown.NOT_ACTIVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What WeChat makes of an answer.

    :param reply: what the answer holds, in the clear.
    """

    accepted: bool
    why: str
    shown: Shown = Shown.NO_ANSWER
    reply: bytes = field(default=b"", repr=False)


def judge_verification(attempt: Attempt, echostr: str) -> Opinion:
    """Judge the answer to the console's URL verification: echostr, unchanged (facts.md 3.1)."""
    if attempt.failure:
        return Opinion(accepted=False, why=attempt.failure)
    if attempt.body != echostr.encode():
        return Opinion(accepted=False, why="the answer is not the echostr, byte for byte")
    return Opinion(accepted=True, why="the echostr came back")


def judge_silent(attempt: Attempt, *, keys: Keyring) -> Opinion:
    """Judge the answer to an event that asks for nothing: ``success`` or nothing at all (facts.md 3.4).

    A brand's own server may answer with a message as well.
    """
    if attempt.failure:
        return Opinion(accepted=False, why=attempt.failure)
    try:
        reply = unseal_answer(attempt.body, keys=keys)
        if reply is None:
            return Opinion(accepted=True, why="acknowledged")
        document = read_document(reply)[1]
    except PushError as error:
        return Opinion(accepted=False, why=f"the answer cannot be opened: {error}")
    why = _wrong_envelope(attempt.body, reply, keys) or ("" if "MsgType" in document else "the answer is no message")
    if why:
        return Opinion(accepted=False, why=why, reply=reply)
    return Opinion(accepted=True, why="answered with a message of its own", reply=reply)


def judge_verdict(attempt: Attempt, scan: Scan, *, keys: Keyring) -> Opinion:
    """Judge the answer to ``scan_product_callback``: the seed's ``scanproduct`` reply (组件消息, 返回XML示例).

    That the reply must speak of the same person and item is inferred.
    """
    if attempt.failure:
        return Opinion(accepted=False, why=attempt.failure)
    try:
        reply = unseal_answer(attempt.body, keys=keys)
        if reply is None:
            return Opinion(accepted=True, why="the server answered `success`: it has nothing to say of this item")
        document = read_document(reply)[1]
    except PushError as error:
        return Opinion(accepted=False, why=f"the answer cannot be opened: {error}")
    result = _below(document, "ScanProduct", "AntiFake").get("CodeResult")
    shown = _RESULTS.get(str(result))
    why = _wrong_envelope(attempt.body, reply, keys) or _wrong_reply(document, scan, keys)
    if why or shown is None:
        return Opinion(accepted=False, why=why or "CodeResult is none of real, fake and not_active", reply=reply)
    why = f"the server answered with CodeResult {result}"
    if scan.seen is not Seen.WINDOW:
        why, shown = f"{why}, and the page does not show WeChat's window", Shown.NO_WINDOW
    return Opinion(accepted=True, why=why, shown=shown, reply=reply)


def _wrong_envelope(body: bytes, reply: bytes, keys: Keyring) -> str:
    sealed = body != reply
    if keys.mode is Mode.SAFE and not sealed:
        return "the reply came in the clear, and the account's mode is safe"
    if keys.mode is Mode.PLAIN and sealed:
        return "the reply came sealed, and the account's mode is plain"
    return ""


def _wrong_reply(document: Document, scan: Scan, keys: Keyring) -> str:
    product = _below(document, "ScanProduct")
    pairs = (
        ("MsgType", document.get("MsgType"), "scanproduct"),
        ("ToUserName", document.get("ToUserName"), scan.person.openid),
        ("FromUserName", document.get("FromUserName"), keys.original_id),
        ("KeyStandard", product.get("KeyStandard"), scan.item.key_standard),
        ("KeyStr", product.get("KeyStr"), scan.item.key_str),
        ("ExtInfo", product.get("ExtInfo") or "", scan.item.ext_info),
    )
    wrong = [name for name, given, wanted in pairs if given != wanted]
    return f"the reply's {', '.join(wrong)} is not what the push asked for" if wrong else ""


def _below(document: Document, *names: str) -> Document:
    for name in names:
        below = document.get(name)
        document = below if isinstance(below, Mapping) else {}
    return document
