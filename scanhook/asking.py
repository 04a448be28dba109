"""A question that came over the API instead of a push: the same judging, the same journal, the same counts.

Nothing is answered that is not on disk: the answer is what the journal returns.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from scanhook.errors import IdTaken, StorageError, Undecided
from scanhook.journal import Entry, Scan
from scanhook.receive import Receiver, question_of
from scanhook.verdict import Verdict

__all__ = ["Asked", "Inquiry", "ask"]

_EVENT = "api"
"""What the metrics call a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """What somebody asks.

    :param source: the name of the API key.
    :param id: the caller's own; the same in all repeats of the question, and never used for another code.
    :param person: whoever scanned, by a name that the caller always uses for them. Personal data.
    """

    source: str
    id: str
    account: str
    key_standard: str
    key_str: str
    ext_info: str = field(repr=False)
    person: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of it.

    :param repeated: it had been answered before, and this is that answer.
    """

    entry: Entry
    repeated: bool


def ask(receiver: Receiver, inquiry: Inquiry) -> Asked:
    """Judge a code, put the question on the disk, and return what is on it.

    :raises IdTaken: when the id was used for another code.
    :raises Undecided: when no verdict can be given now; the question is recorded as undecided.
    :raises StorageError: when it could not be stored.
    """
    scan = _scan(receiver, inquiry)
    verdict: Verdict | None = None
    why: Undecided | StorageError | None = None
    # What is there already is recorded all the same: only that waits until it is on the standby too.
    if receiver.journal.recall(scan.identity) is None:
        try:
            verdict = receiver.judge.judge(question_of(scan), late=lambda verdict: receiver.settle_late(scan, verdict))
        except (Undecided, StorageError) as error:
            why = error
    recorded = receiver.journal.record(scan, verdict, now=receiver.clock.now())
    receiver.meter.committed(recorded.commit_s)
    entry = recorded.entry
    _check_same(receiver, entry, scan)
    receiver.tell(scan, recorded)
    if not entry.decided:
        receiver.meter.pushed(_EVENT, "undecided", 1)
        raise why or Undecided("the question has no verdict yet")
    receiver.meter.pushed(_EVENT, recorded.outcome, 1)
    return Asked(entry=entry, repeated=not recorded.decided_now)


def _scan(receiver: Receiver, inquiry: Inquiry) -> Scan:
    now, pepper = receiver.clock.now(), receiver.pepper
    code = (inquiry.key_standard, inquiry.key_str, inquiry.ext_info)
    return Scan(
        # No push has an identity like this: theirs begin with an account's original id, gh_….
        identity=pepper.identity(("api", inquiry.source, inquiry.id)),
        received_at=now,
        account=inquiry.account,
        create_time=int(now),
        key_standard=inquiry.key_standard,
        key_str=inquiry.key_str,
        ext_info=inquiry.ext_info,
        person=pepper.person(inquiry.person),
        stray_tag=pepper.stray_tag(inquiry.account, *code),
        source=inquiry.source,
    )


def _check_same(receiver: Receiver, entry: Entry, scan: Scan) -> None:
    if entry.asked == scan.stray_tag:
        return
    # It may be the same code, written otherwise.
    found = receiver.registry.look_up(scan.account, scan.key_standard, scan.key_str, scan.ext_info)
    if entry.tag is None or entry.tag != found.tag:
        raise IdTaken("this id was used for another code: every question needs an id of its own")
