"""The way of a scan, from the wire to the wire: open, decode, judge, record, compose, seal.

Nothing is answered that is not on disk: the answer is composed from what the journal returns.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

from scanhook.clock import Clock
from scanhook.envelope import RANDOM_BYTES, Format, PushQuery, open_echo, open_push
from scanhook.errors import Malformed, NotAuthentic, ScanhookError, StorageError, Undecided
from scanhook.journal import Entry, JournalStore, Noted, Recorded, Scan
from scanhook.message import (
    ConsumerMessage,
    OtherEvent,
    ProductEvent,
    ReviewResult,
    ScanProductCallback,
    decode,
    identity,
)
from scanhook.registry import Reason, RegistryStore
from scanhook.reply import SUCCESS, ScanProductReply, compose, seal
from scanhook.stages import Account, Answer, Heard, Judged, Meter, Opened, Pending, Unasked
from scanhook.storage import Pepper
from scanhook.verdict import Judge, Question, Unfinished, Verdict

__all__ = ["Account", "Answer", "Heard", "Judged", "Meter", "Opened", "Pending", "Receiver", "Unasked", "question_of"]

_MESSAGE_TYPES = frozenset({"text", "image", "voice", "video", "shortvideo", "location", "link"})
_HEAD_FIELDS = frozenset(field.name for field in fields(ProductEvent))


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Takes the pushes of every account, from any web server.

    :param success_when_undecided: answer ``success`` (WeChat does not ask again) where no verdict can be given,
        instead of raising :class:`~scanhook.errors.Undecided`.
    :param keep_openid: hand openids to the journal in the clear, which keeps them as long as the settings say.
    :param random: gives that many random bytes.
    """

    registry: RegistryStore
    judge: Judge
    journal: JournalStore
    pepper: Pepper = field(repr=False)
    clock: Clock
    meter: Meter = field(default_factory=Meter)
    success_when_undecided: bool = False
    keep_openid: bool = False
    random: Callable[[int], bytes] = os.urandom

    def echo(self, account: Account, query: bytes) -> Answer:
        """Answer the console's URL verification (GET).

        :param query: as it stands behind the ``?``.
        :raises NotAuthentic: see :func:`~scanhook.envelope.open_echo`.
        """
        echostr = open_echo(
            PushQuery.from_query_string(query), keys=account.keys, now=self.clock.now(), window_s=account.window_s
        )
        return Answer(body=echostr, content_type="text/plain; charset=utf-8")

    def receive(self, account: Account, query: bytes, body: bytes) -> Answer:
        """Answer a push (POST): :meth:`opened`, :meth:`judged`, then :meth:`settle`.

        :param query: as it stands behind the ``?``.
        :param body: as it came.
        :raises PushError: when the push is refused; it leaves no trace in the journal.
        :raises Undecided: when no verdict can be given now; the scan is recorded as undecided if that is possible.
        :raises StorageError: when what came could not be stored.
        """
        opened = self.opened(account, query, body)
        push = self.judged(opened) if isinstance(opened, Opened) else opened
        if isinstance(push, Unasked):
            return push.answer
        answer = self.settle([push])[0]
        if isinstance(answer, ScanhookError):
            raise answer
        return answer

    def opened(self, account: Account, query: bytes, body: bytes) -> Opened | Unasked:
        """Open and decode a push. Waits for nobody.

        :raises PushError: when the push is refused.
        """
        now, asked = self.clock.now(), PushQuery.from_query_string(query)
        push = open_push(asked, body, keys=account.keys, now=now, window_s=account.window_s)
        try:
            message = decode(push.document)
        except Malformed:
            if not account.forwards or push.document.get("Event") == ScanProductCallback.event:
                raise
            # It is authentic, and who wrote the brand's server may understand more of it than we do.
            self.meter.pushed("unread", "success", 1)
            return Unasked(answer=_SUCCESS)
        if message.to_user_name != account.keys.original_id:
            raise NotAuthentic(
                "the push is addressed to another account: compare original_id with the console", kind="to_user_name"
            )
        if isinstance(message, OtherEvent | ConsumerMessage):
            self.meter.pushed(_label(message), "success", 1)
            return Unasked(answer=_SUCCESS)
        return Opened(account=account, push=push, event=message, at=now)

    def judged(self, opened: Opened) -> Judged | Heard:
        """Judge a push; nothing of it is on the disk yet, and it must not be answered before it is.

        :returns: what :meth:`settle` takes.
        :raises StorageError: when an event's code could not be looked up.
        """
        found = self.judged_all([opened])[0]
        if isinstance(found, ScanhookError):
            raise found
        return self.asked(found) if isinstance(found, Pending) else found

    def judged_all(self, pushes: Sequence[Opened]) -> list[Judged | Heard | Pending | ScanhookError]:
        """Judge scans, as far as nobody need be waited for who is not the storage, and look up the codes of events.

        All scans are looked up at once, and so are all events.

        :returns: for each what :meth:`settle` takes, or :meth:`asked`; or the error that stands in its place.
        """
        scans = [
            self._scan(push.account, push.event, push.at) if isinstance(push.event, ScanProductCallback) else None
            for push in pushes
        ]
        questions = [question_of(scan) for scan in scans if scan is not None]
        found = iter(self.judge.judge_at_once(questions) if questions else ())
        heard = iter(self._heard([push for push, scan in zip(pushes, scans, strict=True) if scan is None]))
        return [
            next(heard) if scan is None else _judged(push, scan, next(found))
            for push, scan in zip(pushes, scans, strict=True)
        ]

    def asked(self, pending: Pending) -> Judged:
        """Judge a scan to its end. Waits for verifiers."""
        opened, scan = pending.opened, pending.scan
        verdict, why = None, None
        try:
            # A repeat that was decided is only recorded: that waits until what is there is on the standby too.
            if self.journal.recall(scan.identity) is None:
                verdict = self.judge.judge_on(
                    question_of(scan), pending.unfinished, late=lambda verdict: self.settle_late(scan, verdict)
                )
        except (Undecided, StorageError) as error:
            why = error
        return Judged(opened=opened, scan=scan, verdict=verdict, why=why)

    def settle(self, pushes: Sequence[Judged | Heard]) -> list[Answer | ScanhookError]:
        """Put pushes on the disk in one transaction, and compose their answers from what the journal returns.

        :returns: for each its answer, or the error that stands in its place.
        """
        scans = [push for push in pushes if isinstance(push, Judged)]
        events = [push for push in pushes if isinstance(push, Heard)]
        try:
            kept = self.journal.store_all(
                [(push.scan, push.verdict) for push in scans], [push.noted for push in events], now=self.clock.now()
            )
        except StorageError as error:
            for push in pushes:
                self.meter.pushed(push.opened.event.event, "undecided", 1)
            return [error] * len(pushes)  # whatever is set: what is not on the disk is not answered
        self.meter.committed(kept.commit_s)
        answers, noted = iter(self._answers(scans, kept.scans)), iter(self._noted(events, kept.events))
        return [next(answers if isinstance(push, Judged) else noted) for push in pushes]

    def _answers(self, pushes: Sequence[Judged], recorded: Sequence[Recorded]) -> list[Answer | ScanhookError]:
        reasons: Counter[str] = Counter()
        outcomes: Counter[str] = Counter()
        answers: list[Answer | ScanhookError] = []
        for push, kept in zip(pushes, recorded, strict=True):
            entry = kept.entry
            if kept.decided_now:
                reasons[entry.reason] += 1
                self._warn(push.scan, entry)
            if not entry.decided:
                answers.append(self._undecided(push.opened, push.why or Undecided("the scan has no verdict yet")))
                continue
            outcomes[kept.outcome] += 1
            answers.append(self._reply(push.opened, entry))
        for reason, count in reasons.items():
            self.meter.judged(reason, count)
        for outcome, count in outcomes.items():
            self.meter.pushed(ScanProductCallback.event, outcome, count)
        return answers

    def _undecided(self, opened: Opened, error: ScanhookError) -> Answer | ScanhookError:
        """Return what a scan is answered that gets no verdict now, or the error that stands in its place."""
        self.meter.pushed(ScanProductCallback.event, "undecided", 1)
        if not self.success_when_undecided:
            return error
        self.meter.warned(opened.account.name, f"answered `success` without a verdict: {error}")
        return _SUCCESS

    def _reply(self, opened: Opened, entry: Entry) -> Answer:
        event, push = opened.event, opened.push
        if entry.code_result is None or not isinstance(event, ScanProductCallback):
            return _SUCCESS
        reply = ScanProductReply(
            to_user_name=event.from_user_name,
            from_user_name=event.to_user_name,
            create_time=int(entry.decided_at or opened.at),
            key_standard=event.key_standard,
            key_str=event.key_str,
            ext_info=event.ext_info,
            code_result=entry.code_result,
        )
        return self._sealed(compose(reply, push.format), opened)

    def _scan(self, account: Account, event: ScanProductCallback, now: float) -> Scan:
        code = (event.key_standard, event.key_str, event.ext_info)
        return Scan(
            identity=self.pepper.identity(identity(event), at=event.create_time),
            received_at=now,
            account=account.name,
            create_time=event.create_time,
            key_standard=event.key_standard,
            key_str=event.key_str,
            ext_info=event.ext_info,
            person=self.pepper.person(event.from_user_name),
            stray_tag=self.pepper.stray_tag(account.name, *code),
            openid=event.from_user_name if self.keep_openid else None,
            need_anti_fake=event.need_anti_fake,
        )

    def tell(self, scan: Scan, recorded: Recorded) -> None:
        """Tell the meter of a verdict that was given for the first time."""
        if recorded.decided_now:
            self.meter.judged(recorded.entry.reason, 1)
            self._warn(scan, recorded.entry)

    def _warn(self, scan: Scan, entry: Entry) -> None:
        if entry.reason == Reason.UNKNOWN_PRODUCT:
            self.meter.warned(
                scan.account,
                f"a product page asks for {scan.key_standard}/{scan.key_str}, which the registry does not know: "
                "add it with `scanhook products add`, or import its codes",
            )

    def settle_late(self, scan: Scan, verdict: Verdict) -> None:
        """Store a verdict that came when the answer had left."""
        try:
            recorded = self.journal.record(scan, verdict, now=self.clock.now())
            self.meter.committed(recorded.commit_s)
            self.tell(scan, recorded)
        except StorageError as error:
            self.meter.warned(scan.account, f"a verdict that came late could not be stored: {error}")

    def _noted(self, pushes: Sequence[Heard], first: Sequence[bool]) -> list[Answer | ScanhookError]:
        for push, is_first in zip(pushes, first, strict=True):
            self.meter.pushed(push.opened.event.event, "success" if is_first else "repeated", 1)
        return [_SUCCESS] * len(pushes)

    def _heard(self, pushes: Sequence[Opened]) -> list[Heard | ScanhookError]:
        if not pushes:
            return []
        events = [(push.account.name, push.event) for push in pushes]
        try:
            look_ups = self.registry.look_up_all(
                [(account, event.key_standard, event.key_str, event.ext_info) for account, event in events]
            )
        except StorageError as error:
            for push in pushes:
                self.meter.pushed(push.event.event, "undecided", 1)
            return [error] * len(pushes)
        return [
            Heard(opened=push, noted=self._note(push, look_up.tag))
            for push, look_up in zip(pushes, look_ups, strict=True)
        ]

    def _note(self, opened: Opened, tag: bytes | None) -> Noted:
        account, event = opened.account, opened.event
        code = (event.key_standard, event.key_str, event.ext_info)
        # WeChat's review system is the sender of a review, and no person.
        person = None if isinstance(event, ReviewResult) else self.pepper.person(event.from_user_name)
        said = {field.name: getattr(event, field.name) for field in fields(event) if field.name not in _HEAD_FIELDS}
        return Noted(
            identity=self.pepper.identity(identity(event), at=event.create_time),
            received_at=opened.at,
            account=account.name,
            create_time=event.create_time,
            event=event.event,
            key_standard=event.key_standard,
            key_str=event.key_str,
            person=person,
            tag=tag or self.pepper.stray_tag(account.name, *code),
            fields=said,
            openid=event.from_user_name if self.keep_openid and person else None,
        )

    def _sealed(self, reply: bytes, opened: Opened) -> Answer:
        push = opened.push
        if push.aes_key is not None:
            reply = seal(
                reply,
                push.format,
                token=push.token,
                aes_key=push.aes_key,
                receive_id=opened.account.keys.receive_id,
                timestamp=int(opened.at),
                nonce=push.nonce,
                random=self.random(RANDOM_BYTES),
            )
        return Answer(body=reply, content_type=_CONTENT_TYPES[push.format])


_SUCCESS = Answer(body=SUCCESS, content_type="text/plain; charset=utf-8")
_CONTENT_TYPES = {Format.XML: "application/xml; charset=utf-8", Format.JSON: "application/json"}


def _judged(opened: Opened, scan: Scan, found: Verdict | Unfinished | Undecided) -> Judged | Pending:
    if isinstance(found, Verdict):
        return Judged(opened=opened, scan=scan, verdict=found, why=None)
    if isinstance(found, Unfinished):
        return Pending(opened=opened, scan=scan, unfinished=found)
    return Judged(opened=opened, scan=scan, verdict=None, why=found)


def question_of(scan: Scan) -> Question:
    """Return what the verifiers are asked about a scan."""
    return Question(
        id=scan.identity.hex(),
        account=scan.account,
        key_standard=scan.key_standard,
        key_str=scan.key_str,
        ext_info=scan.ext_info,
        asked_at=scan.received_at,
    )


def _label(message: OtherEvent | ConsumerMessage) -> str:
    """Name a message for the metrics; only words from a fixed list, so that nobody can fill them with his own."""
    if isinstance(message, OtherEvent):
        return "other"
    return f"message_{message.msg_type}" if message.msg_type in _MESSAGE_TYPES else "message_other"
