"""``https://…``: the verifier that asks a brand's own service.

The request is a POST of JSON, signed as Standard Webhooks says (headers ``webhook-id``, ``webhook-timestamp``,
``webhook-signature``), so that any of its libraries can check it. It holds no openid.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import httpx2
from standardwebhooks import Webhook

from scanhook.errors import VerifierFailed
from scanhook.message import CodeResult
from scanhook.registry import Reason
from scanhook.verdict.address import GuardedTransport
from scanhook.verdict.breaker import Breaker
from scanhook.verdict.verifier import Finding, Question

__all__ = ["ANSWER_MAX_BYTES", "HttpVerifier"]

_CONNECT_MAX_S = 2.0
ANSWER_MAX_BYTES = 64 * 1024
CALL_MAX_S = 10.0
"""Longer than a scan waits: a verdict that comes late still answers the push when it comes again."""


class HttpVerifier:
    """Asks a service over HTTPS; see the README for what it is sent and may answer.

    :param url: where to post.
    :param secret: the shared secret, ``whsec_…`` (base64 of 24 to 64 bytes).
    :param private: whether the service may live in one's own network; then ``http://`` is allowed too.
    """

    waits = True

    def __init__(self, url: str, *, secret: str, private: bool, breaker: Breaker | None = None) -> None:
        self._url = url
        self._webhook = Webhook(secret)
        self._breaker = breaker or Breaker()
        self._client = httpx2.Client(
            transport=GuardedTransport(private=private),
            timeout=httpx2.Timeout(CALL_MAX_S, connect=_CONNECT_MAX_S),
            follow_redirects=False,
            trust_env=False,
        )

    def verify(self, question: Question) -> Finding:
        """Ask the service.

        :raises VerifierFailed: when it cannot be reached, is late, redirects, answers with another status than 200, or
            says something that is not an answer. After some failures in a row it is left alone for a while.
        """
        if not self._breaker.lets_through():
            raise VerifierFailed("the verifier's service failed several times in a row and is left alone for a while")
        try:
            finding = self._read(self._ask(question))
        except VerifierFailed:
            self._breaker.failed()
            raise
        except httpx2.HTTPError as error:
            self._breaker.failed()
            raise VerifierFailed(f"the verifier's service gives no answer: {type(error).__name__}") from error
        self._breaker.succeeded()
        return finding

    def close(self) -> None:
        """Close the pooled connections."""
        self._client.close()

    def _ask(self, question: Question) -> bytes:
        body = json.dumps(
            {
                "id": question.id,
                "account": question.account,
                "keystandard": question.key_standard,
                "keystr": question.key_str,
                "extinfo": question.ext_info,
            },
            ensure_ascii=False,
        )
        sent_at = datetime.fromtimestamp(int(question.asked_at), tz=UTC)
        headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",  # so that the limit below counts what really comes
            "webhook-id": question.id,
            "webhook-timestamp": str(int(question.asked_at)),
            "webhook-signature": self._webhook.sign(question.id, sent_at, body),
        }
        ends_at = time.monotonic() + CALL_MAX_S
        with self._client.stream("POST", self._url, content=body.encode(), headers=headers) as response:
            if response.status_code != httpx2.codes.OK:
                raise VerifierFailed(f"the verifier's service answered with status {response.status_code}, not 200")
            answer = b""
            for chunk in response.iter_raw():
                answer += chunk
                if time.monotonic() > ends_at:
                    raise VerifierFailed(f"the verifier's answer takes longer than {CALL_MAX_S:.0f} s")
                if len(answer) > ANSWER_MAX_BYTES:
                    raise VerifierFailed(f"the verifier's answer has more than {ANSWER_MAX_BYTES} bytes")
        return answer

    @staticmethod
    def _read(answer: bytes) -> Finding:
        try:
            members = json.loads(answer)
            reason, result = members["reason"], members.get("code_result")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise VerifierFailed('the verifier\'s answer is not JSON like {"reason": "active"}') from None
        try:
            return Finding(reason=Reason(reason), code_result=None if result is None else CodeResult(result))
        except ValueError:
            raise VerifierFailed(
                f"the verifier's answer has a reason that is none of {', '.join(Reason)}, "
                f"or a code_result that is none of {', '.join(CodeResult)}"
            ) from None
