"""Makes the pushes before they are needed, ready to be written to a socket."""

from __future__ import annotations

import os
from dataclasses import dataclass

from scanhook.bench.plan import KEY_STANDARD, KEY_STR, Plan
from scanhook.envelope import RANDOM_BYTES, Format, Keyring
from scanhook.sandbox.push import compose_push

__all__ = ["MakeTask", "Maker", "request_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeTask:
    """Some pushes that are wanted.

    :param scans: their numbers.
    :param now: seconds since 1970.
    """

    scans: range
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes pushes of an account.

    :param path: of the callback.
    """

    plan: Plan
    keys: Keyring
    path: str

    def __call__(self, task: MakeTask) -> tuple[int, list[bytes]]:
        """Return the number of the first of some pushes, and the requests."""
        return task.scans.start, [self._request(number, task.now) for number in task.scans]

    def _request(self, number: int, now: int) -> bytes:
        ext_info, _ = self.plan.scan(number)
        fields: dict[str, object] = {
            "ToUserName": self.keys.original_id,
            "FromUserName": self.plan.person(number),
            "CreateTime": now,
            "MsgType": "event",
            "Event": "scan_product_callback",
            "KeyStandard": KEY_STANDARD,
            "KeyStr": KEY_STR,
            "ExtInfo": ext_info,
            "NeedAntiFake": "true",
        }
        push = compose_push(
            fields,
            keys=self.keys,
            format_=Format.XML,
            timestamp=now,
            nonce=str(number),
            random=os.urandom(RANDOM_BYTES),
        )
        return request_of(self.path, push.query, push.body)


def request_of(path: str, query: str, body: bytes) -> bytes:
    """Return a push as it stands on the line."""
    head = f"POST {path}?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Mozilla/4.0\r\nAccept: */*\r\n"
    head += f"Content-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
