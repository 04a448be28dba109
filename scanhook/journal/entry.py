"""What the journal takes and gives: scans, other events, and counts."""

from __future__ import annotations

from dataclasses import dataclass, field

from scanhook.message import CodeResult
from scanhook.registry import Reason
from scanhook.verdict import Verdict

__all__ = [
    "UNDECIDED",
    "Entry",
    "Kept",
    "KeptEvent",
    "Noted",
    "Recorded",
    "Reset",
    "Scan",
    "Sighting",
    "Tally",
    "kept_plain",
]

UNDECIDED = "undecided"
"""Stands where a reason would, of a scan that has no verdict yet."""

_PLAIN_REASONS = frozenset({Reason.UNKNOWN_CODE, Reason.UNREADABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One push that asks for a verdict, or one question over the API.

    :param identity: 16 bytes, the same in every repeat of the push.
    :param received_at: seconds since 1970, our clock.
    :param create_time: seconds since 1970, WeChat's clock.
    :param person: 16 bytes: the keyed hash of the openid.
    :param stray_tag: what to count the code by if no product is found.
    :param openid: in the clear, and only where the settings ask for it.
    :param source: who asked, if it was not WeChat: the name of an API key.
    :param need_anti_fake: whether WeChat shows the verdict in its own window; ``None`` where nobody said.
    """

    identity: bytes
    received_at: float
    account: str
    create_time: int
    key_standard: str
    key_str: str
    ext_info: str = field(repr=False)
    person: bytes
    stray_tag: bytes
    openid: str | None = field(default=None, repr=False)
    source: str | None = None
    need_anti_fake: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A scan as the journal keeps it.

    :param number: counts up in the order of arrival, and is never given twice.
    :param received_at: seconds since 1970, like ``decided_at``.
    :param reason: a :class:`~scanhook.registry.Reason`, or ``undecided``.
    :param code_result: ``None`` while undecided, and where the answer is ``success``.
    :param tag: of the code, in bytes; ``None`` while undecided.
    :param ext_info: only of a code that nobody knows.
    :param openid: only as long as the settings say.
    :param source: the name of the API key that asked; ``None``: WeChat.
    :param asked: what a question over the API was about: the scan's ``stray_tag``; ``None``: WeChat.
    """

    number: int
    received_at: float
    account: str
    create_time: int
    key_standard: str
    key_str: str
    person: bytes
    reason: str
    code_result: CodeResult | None
    verifier: str | None
    decided_at: float | None
    tag: bytes | None
    batch: str | None
    position: int | None
    ext_info: str | None = field(repr=False)
    openid: str | None = field(default=None, repr=False)
    source: str | None = None
    need_anti_fake: bool | None = None
    asked: bytes | None = None

    @property
    def decided(self) -> bool:
        """Whether there is a verdict."""
        return self.reason != UNDECIDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of recording a scan.

    :param entry: as it is on the disk now; its verdict is the first that was ever given.
    :param repeated: the push had been recorded before.
    :param decided_now: this call gave the scan its verdict.
    :param commit_s: how long the transaction took, in seconds.
    """

    entry: Entry
    repeated: bool
    decided_now: bool
    commit_s: float

    @property
    def outcome(self) -> str:
        """What metrics count the push as: ``undecided``, ``repeated``, or the verdict that it was the first to get.

        A scan that was undecided gets its first verdict, too, when it comes again.
        """
        if not self.entry.decided:
            return UNDECIDED
        return self.entry.code_result or "success" if self.decided_now else "repeated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of scans and other events that were stored together.

    :param scans: in their order.
    :param events: for each, in their order, whether it is the first time that it came.
    :param commit_s: how long the transaction took, in seconds; 0 where there was nothing to store.
    """

    scans: list[Recorded]
    events: list[bool]
    commit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """One of the other events of the family, on its way into the journal.

    :param event: WeChat's name of it.
    :param person: ``None`` where the sender is no person.
    :param tag: of the code; the ExtInfo itself is not kept.
    :param fields: what the event says besides.
    :param openid: in the clear, and only where the settings ask for it.
    """

    identity: bytes
    received_at: float
    account: str
    create_time: int
    event: str
    key_standard: str
    key_str: str
    person: bytes | None
    tag: bytes
    fields: dict[str, str]
    openid: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEvent:
    """One of the other events, as the journal keeps it; like :class:`Noted`.

    :param number: counts up in the order of arrival.
    """

    number: int
    received_at: float
    account: str
    event: str
    key_standard: str
    key_str: str
    person: bytes | None
    tag: bytes
    fields: dict[str, str]
    openid: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A decided scan that WeChat pushed: proof that a person held a code before their camera.

    :param identity: of the push.
    """

    identity: bytes
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How often a code was scanned, by how many persons, and when (seconds since 1970)."""

    scans: int
    persons: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """That somebody let the counts of a code begin anew.

    :param at: seconds since 1970.
    :param was: the counts until then; ``None`` where there were none.
    """

    at: float
    who: str
    why: str
    was: Tally | None


def kept_plain(scan: Scan, verdict: Verdict) -> str | None:
    """Return the ExtInfo if the journal may keep it: of a code that nobody vouches for.

    A genuine code in the clear would be worth copying.
    """
    return scan.ext_info if verdict.reason in _PLAIN_REASONS else None
