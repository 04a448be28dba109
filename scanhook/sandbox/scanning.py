"""Plays WeChat's side of a scan against a callback URL (facts.md sections 2 and 3)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Self

from scanhook.clock import Clock
from scanhook.envelope import RANDOM_BYTES, Format, Mode
from scanhook.errors import Refused
from scanhook.sandbox.answer import Opinion, judge_silent, judge_verdict, judge_verification
from scanhook.sandbox.push import Push, compose_echo, compose_push
from scanhook.sandbox.scan import Item, Line, Scan, Seen
from scanhook.sandbox.sending import Patience, Sender, Sending
from scanhook.sandbox.trace import Attempt, Shown, Step, Trace

__all__ = ["Scanner"]

_VISIT = "user_scan_product"
_CALLBACK = "scan_product_callback"
_REGION = "user_scan_product_async"
_REVIEW = "user_scan_product_verify_action"
_REVIEWER = "oSandboxReviewOfScanProducts"
_NO_PAGE = "the item's page is not published, and whoever scans is no tester: nothing is pushed"
_NO_MODULE = "the item's page has no module anti_fake: WeChat asks for no verdict"


class Scanner:
    """Scans items as WeChat does: it pushes to the brand's server, and opens what that answers.

    Its methods may be called from several threads at once.

    :param clock: WeChat's.
    :param send: how requests are delivered; else over HTTP.
    :param random: gives that many random bytes.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        patience: Patience | None = None,
        send: Sending | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._clock = clock
        self._patience = patience or Patience()
        self._send: Sending = send or Sender(clock)
        self._random = random

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all connections."""
        if isinstance(self._send, Sender):
            self._send.close()

    def scan(self, line: Line, scan: Scan) -> Trace:
        """Open the product page and ask for the verdict: ``user_scan_product`` and ``scan_product_callback``.

        They leave together and share their CreateTime, which is inferred (facts.md 2.6). Where it happened is told
        later, by :meth:`report_region`. A page without the module ``anti_fake`` asks for no verdict (facts.md 2.6), and
        where nobody sees a page nothing is pushed (facts.md 1.3).

        :raises Refused: when the push is to be sealed and the account has no EncodingAESKey.
        """
        if scan.seen is Seen.NOTHING:
            return Trace(line=line, scan=scan, steps=(), shown=Shown.NO_PAGE, why=_NO_PAGE)
        visit = self._compose(line, scan, _VISIT, _visit(scan))
        if scan.seen is Seen.PAGE:
            told = self._tell(line, _VISIT, visit)
            return Trace(line=line, scan=scan, steps=(told,), shown=Shown.NO_WINDOW, why=_NO_MODULE)
        with ThreadPoolExecutor(max_workers=1) as aside:
            visited = aside.submit(self._tell, line, _VISIT, visit)
            asked = self.ask(line, scan)
            return replace(asked, steps=(visited.result(), *asked.steps))

    def ask(self, line: Line, scan: Scan) -> Trace:
        """Ask for the verdict alone, with ``scan_product_callback`` (the seed, 组件消息).

        :raises Refused: as for :meth:`scan`.
        """
        return self._ask(line, scan, self.question(line, scan))

    def question(self, line: Line, scan: Scan) -> Push:
        """Make the push by which :meth:`ask` asks, and do not send it.

        :raises Refused: as for :meth:`scan`.
        """
        return self._compose(line, scan, _CALLBACK, _question(scan))

    def again(self, trace: Trace) -> Trace:
        """Ask for the verdict once more, with exactly the same bytes, as after an answer that was lost.

        :raises Refused: when nobody asked for one.
        """
        for step in trace.steps:
            if step.name == _CALLBACK:
                return self._ask(trace.line, trace.scan, step.push)
        raise Refused(f"there is nothing to repeat: {trace.why}")

    def report_region(self, line: Line, scan: Scan) -> Step:
        """Tell where a scan happened, with ``user_scan_product_async`` (facts.md 2.4).

        :raises Refused: as for :meth:`scan`, and when there is no page.
        """
        if scan.seen is Seen.NOTHING:
            raise Refused(_NO_PAGE)
        push = self._compose(line, scan, _REGION, {"ExtInfo": scan.item.ext_info, "RegionCode": scan.region_code})
        return self._tell(line, _REGION, push)

    def review(self, line: Line, item: Item, *, passed: bool, reason: str = "", format_: Format = Format.XML) -> Step:
        """Tell that WeChat reviewed a product page, with ``user_scan_product_verify_action`` (facts.md 2.5).

        :param reason: why it did not pass.
        """
        now = int(self._clock.now())
        fields: dict[str, object] = {
            "ToUserName": line.keys.original_id,
            "FromUserName": _REVIEWER,
            "CreateTime": now,
            "MsgType": "event",
            "Event": _REVIEW,
            "KeyStandard": item.key_standard,
            "KeyStr": item.key_str,
            "Result": "verify_ok" if passed else "verify_not_pass",
            "ReasonMsg": reason,
        }
        push = compose_push(
            fields,
            keys=line.keys,
            format_=format_,
            timestamp=now,
            nonce=_nonce(),
            random=self._random(RANDOM_BYTES),
        )
        return self._tell(line, _REVIEW, push)

    def verify_url(self, line: Line) -> Step:
        """Verify the URL as the console does when it is entered (facts.md 3.1). It asks once."""
        echostr = str(secrets.randbelow(10**19))
        push = compose_echo(keys=line.keys, timestamp=int(self._clock.now()), nonce=_nonce(), echostr=echostr)
        patience = replace(self._patience, tries=1)
        return self._step(line, "verify_url", push, lambda attempt: judge_verification(attempt, echostr), patience)[0]

    def _ask(self, line: Line, scan: Scan, push: Push) -> Trace:
        step, opinion = self._step(
            line, _CALLBACK, push, lambda attempt: judge_verdict(attempt, scan, keys=line.keys), self._patience
        )
        return Trace(line=line, scan=scan, steps=(step,), shown=opinion.shown, why=opinion.why)

    def _tell(self, line: Line, event: str, push: Push) -> Step:
        return self._step(line, event, push, lambda attempt: judge_silent(attempt, keys=line.keys), self._patience)[0]

    def _step(
        self, line: Line, name: str, push: Push, judge: Callable[[Attempt], Opinion], patience: Patience
    ) -> tuple[Step, Opinion]:
        url, method = f"{line.url}{'&' if '?' in line.url else '?'}{push.query}", "POST" if push.body else "GET"
        attempts = self._send(method, url, push.body, patience=patience)
        opinion = judge(attempts[-1])
        step = Step(
            name=name,
            method=method,
            url=url,
            push=push,
            attempts=attempts,
            reply=opinion.reply,
            accepted=opinion.accepted,
            why=opinion.why,
        )
        return step, opinion

    def _compose(self, line: Line, scan: Scan, event: str, more: dict[str, object]) -> Push:
        keys, now = line.keys, int(self._clock.now()) + scan.skew_s
        if (scan.mode or keys.mode) is not Mode.PLAIN and not keys.aes_keys:
            raise Refused("the account has no EncodingAESKey to seal a push with")
        if scan.forged:
            keys = replace(keys, tokens=(f"forged{secrets.token_hex(8)}",))
        fields: dict[str, object] = {
            "ToUserName": keys.original_id,
            "FromUserName": scan.person.openid,
            "CreateTime": now,
            "MsgType": "event",
            "Event": event,
            "KeyStandard": scan.item.key_standard,
            "KeyStr": scan.item.key_str,
            **more,
        }
        return compose_push(
            fields,
            keys=keys,
            format_=scan.format_,
            timestamp=now,
            nonce=_nonce(),
            random=self._random(RANDOM_BYTES),
            mode=scan.mode,
        )


def _visit(scan: Scan) -> dict[str, object]:
    person = scan.person
    return {
        "Country": person.country,
        "Province": person.province,
        "City": person.city,
        "Sex": person.sex,
        "Scene": scan.scene,
        "ExtInfo": scan.item.ext_info,
    }


def _question(scan: Scan) -> dict[str, object]:
    return {"ExtInfo": scan.item.ext_info, "NeedAntiFake": "true" if scan.seen is Seen.WINDOW else "false"}


def _nonce() -> str:
    return str(secrets.randbelow(10**10))
