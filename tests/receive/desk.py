"""A receiver with everything that stands around it, and what it told its meter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from scanhook.clock import FixedClock
from scanhook.envelope import Keyring
from scanhook.errors import ScanhookError, StorageError, VerifierFailed
from scanhook.journal import JournalStore
from scanhook.receive import Account, Answer, Meter, Opened, Receiver
from scanhook.registry import Reason
from scanhook.sandbox import Push, open_answer
from scanhook.settings import House
from scanhook.verdict import Finding, Judge, Link, Question
from scanhook.wire.service import Service, open_service
from tests.serving import scan_push

NOW = 1447848570
RANDOM = b"0123456789abcdef"
SUCCESS = Answer(body=b"success", content_type="text/plain; charset=utf-8")


@dataclass(slots=True)
class Told:
    """What the receiver told its meter."""

    pushed: list[tuple[str, str]] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)
    warned: list[tuple[str, str]] = field(default_factory=list)
    commits: int = 0

    def meter(self) -> Meter:
        return Meter(
            pushed=lambda event, outcome, count: self.pushed.extend([(event, outcome)] * count),
            judged=lambda reason, count: self.judged.extend([reason] * count),
            committed=self._committed,
            warned=lambda account, why: self.warned.append((account, why)),
        )

    def _committed(self, seconds: float) -> None:
        assert seconds >= 0
        self.commits += 1


@dataclass(slots=True)
class Oracle:
    """A verifier whose answer is decided by the test."""

    answer: Callable[[Question], Finding]
    waits: bool = True

    def verify(self, question: Question) -> Finding:
        return self.answer(question)

    def close(self) -> None:
        """Nothing is open."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """A receiver with everything that stands around it."""

    service: Service
    receiver: Receiver
    clock: FixedClock
    told: Told

    @property
    def account(self) -> Account:
        return self.service.accounts["main"]

    @property
    def keys(self) -> Keyring:
        return self.account.keys

    @property
    def journal(self) -> JournalStore:
        return self.service.journal

    def receive(self, push: Push, *, account: Account | None = None) -> Answer:
        return self.receiver.receive(account or self.account, push.query.encode(), push.body)

    def scan(self, ext_info: str = "GENUINE0001", *, at: int = NOW, **changed: object) -> str:
        return self.verdict(scan_push(ext_info, keys=self.keys, at=at, **changed))

    def opened(self, ext_info: str, **changed: object) -> Opened:
        push = scan_push(ext_info, keys=self.keys, at=NOW, **changed)
        opened = self.receiver.opened(self.account, push.query.encode(), push.body)
        assert isinstance(opened, Opened)
        return opened

    def verdict(self, push: Push) -> str:
        return self.told_in(self.receive(push))

    def told_in(self, answer: Answer | ScanhookError) -> str:
        assert isinstance(answer, Answer)
        opened = self.open(answer)
        return "success" if opened is None else str(opened["ScanProduct"]["AntiFake"]["CodeResult"])

    def open(self, answer: Answer, *, keys: Keyring | None = None) -> Any:
        return open_answer(answer.body, keys=keys or self.keys)

    def ask(self, answer: Callable[[Question], Finding], *, timeout_s: float = 2.0) -> None:
        """Let another verifier decide from now on."""
        self.receiver = replace(
            self.receiver, judge=Judge([Link(name="oracle", verifier=Oracle(answer))], timeout_s=timeout_s)
        )

    def close(self) -> None:
        self.receiver.judge.close()
        self.service.close()


@contextmanager
def receiving(house: House) -> Iterator[Desk]:
    """Open a house's receiver; it is closed with the block."""
    told, clock = Told(), FixedClock(NOW)
    service = open_service(house, meter=told.meter(), clock=clock)
    opened = Desk(
        service=service, receiver=replace(service.receiver, random=lambda size: RANDOM[:size]), clock=clock, told=told
    )
    yield opened
    opened.close()


def finding(reason: Reason) -> Callable[[Question], Finding]:
    return lambda _question: Finding(reason=reason)


def failing(_question: Question) -> Finding:
    raise VerifierFailed("it is down")


def break_journal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(type(desk.journal), "store_all", full)
