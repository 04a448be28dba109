"""How far a push has come: opened, judged, answered; and where it is told of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from scanhook.envelope import Keyring, OpenedPush
from scanhook.errors import ScanhookError
from scanhook.journal import Noted, Scan
from scanhook.message import ProductEvent
from scanhook.verdict import Unfinished, Verdict

__all__ = ["Account", "Answer", "Heard", "Judged", "Meter", "Opened", "Pending", "Unasked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An official account that pushes to us.

    :param name: as the settings call it.
    :param window_s: how far a push's timestamp may be from now, either way.
    :param forwards: whether a server of the brand's own gets what is not a scan.
    """

    name: str
    keys: Keyring
    window_s: float
    forwards: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back over the wire with status 200."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An authentic push that needs registry and journal; neither was asked yet.

    :param at: when it came, in seconds since 1970.
    """

    account: Account
    push: OpenedPush
    event: ProductEvent
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A scan that was judged and is not on the disk yet.

    :param verdict: ``None`` if there is none, and then ``why`` says why.
    """

    opened: Opened
    scan: Scan
    verdict: Verdict | None
    why: ScanhookError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A scan whose verdict hangs on a verifier that may wait."""

    opened: Opened
    scan: Scan
    unfinished: Unfinished


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An event that is no scan, and is not on the disk yet."""

    opened: Opened
    noted: Noted


@dataclass(frozen=True, slots=True, kw_only=True)
class Unasked:
    """An authentic push of which nothing is kept: ``success`` is all that we answer."""

    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Where the receiver tells what happened; every part may be left out.

    :param pushed: event and outcome of authentic pushes, and how many there were of them.
    :param judged: the reason of verdicts that were given for the first time, and how many.
    :param committed: how many seconds a commit of the journal took.
    :param warned: what staff should know of, and which account it concerns.
    """

    pushed: Callable[[str, str, int], None] = field(default=lambda _event, _outcome, _count: None)
    judged: Callable[[str, int], None] = field(default=lambda _reason, _count: None)
    committed: Callable[[float], None] = field(default=lambda _seconds: None)
    warned: Callable[[str, str], None] = field(default=lambda _account, _why: None)
