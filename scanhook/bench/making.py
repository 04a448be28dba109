"""Makes the pushes before they are needed, ready to be written to a socket."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from scanhook.bench.plan import KEY_STANDARD, KEY_STR, REGION, SCAN, VISIT, Plan
from scanhook.envelope import RANDOM_BYTES, Format, Keyring
from scanhook.sandbox.push import compose_push

__all__ = ["OWN_FIELDS", "MakeTask", "Maker", "request_of"]

OWN_FIELDS: Mapping[str, Mapping[str, object]] = {
    VISIT: {"Scene": 1},
    SCAN: {"NeedAntiFake": "true"},
    REGION: {"RegionCode": "440105"},
}
"""What each event tells besides what all of one scan tell (facts.md 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeTask:
    """Some pushes that are wanted.

    :param pushes: their numbers.
    :param now: seconds since 1970.
    """

    pushes: range
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
        return task.pushes.start, [self._request(number, task.now) for number in task.pushes]

    def _request(self, number: int, now: int) -> bytes:
        ext_info, _ = self.plan.told(number)
        event = self.plan.event(number)
        fields: dict[str, object] = {
            "ToUserName": self.keys.original_id,
            "FromUserName": self.plan.person(number),
            "CreateTime": now,
            "MsgType": "event",
            "Event": event,
            "KeyStandard": KEY_STANDARD,
            "KeyStr": KEY_STR,
            "ExtInfo": ext_info,
            **OWN_FIELDS[event],
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
