"""What happened when the sandbox's WeChat pushed: every request and answer, as sent and as opened.

Performs no I/O. A trace shows everything, secrets of the query included: it is for the developer whose keys they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from scanhook.sandbox.push import Push
from scanhook.sandbox.scan import Line, Scan

__all__ = ["Attempt", "Shown", "Step", "Trace"]


class Shown(StrEnum):
    """What WeChat's own window would show; the first three are the seed's CodeResult (组件消息, 返回参数说明).

    What the window shows without a result is not documented (facts.md 7.4). There is none on a page without the module,
    or with a link of the brand's own; and no page where nobody may see it.
    """

    GENUINE = "genuine"
    FAKE = "fake"
    NOT_ACTIVE = "not_active"
    NO_ANSWER = "no_answer"
    NO_WINDOW = "no_window"
    NO_PAGE = "no_page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request and what came of it.

    :param number: from 1.
    :param started_at: seconds since 1970.
    :param seconds: until the answer was there, or nobody waited any longer.
    :param status: the HTTP status; ``None`` when there was no answer.
    :param body: as it came.
    :param failure: why there is no answer that counts; empty when there is one.
    """

    number: int
    started_at: float
    seconds: float
    status: int | None = None
    body: bytes = field(default=b"", repr=False)
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One push, with every attempt to deliver it.

    :param name: WeChat's name of the event, or ``verify_url``.
    :param attempts: at least one; the last is the one that counts.
    :param reply: what the answer holds, in the clear; empty for ``success`` and where nothing could be opened.
    :param accepted: whether WeChat is content.
    :param why: a sentence for the engineer.
    """

    name: str
    method: str
    url: str = field(repr=False)
    push: Push
    attempts: tuple[Attempt, ...]
    reply: bytes = field(default=b"", repr=False)
    accepted: bool
    why: str

    @property
    def answer(self) -> Attempt:
        """The attempt that counts."""
        return self.attempts[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A whole scan.

    :param steps: in the order in which they were sent; none when there is no page.
    :param shown: what WeChat's window would show.
    :param why: the same for the engineer, in a sentence.
    """

    line: Line
    scan: Scan
    steps: tuple[Step, ...]
    shown: Shown
    why: str
