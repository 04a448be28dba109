"""The order of system calls: no answer leaves before its push is on the disk, seen by strace."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from scanhook.envelope import read_document
from scanhook.message import decode, identity
from scanhook.settings import House
from scanhook.storage import Pepper
from scanhook.wire.service import keyring
from tests.conftest import stock
from tests.ordeal.conftest import asking
from tests.ordeal.crowd import Crowd, Passage, seed
from tests.ordeal.ledger import FileLedger, tell
from tests.ordeal.load import CODE_FILE, CODES, Sent
from tests.ordeal.tracing import Columns, answers_in, calls_in, durable_in, strace
from tests.serving import Brand, Server, rows, serving

pytestmark = pytest.mark.ordeal

LINES = 16


def test_no_answer_leaves_before_its_push_is_on_the_disk(house: House, tmp_path: Path) -> None:
    stock(house, codes=CODE_FILE)
    trace = tmp_path / "trace"
    with _traced(house, tmp_path, trace) as service:
        crowd = _crowd(service)
        chance = random.Random(crowd.seed)
        scans, looks = crowd.compose(300), crowd.compose(150, event="user_scan_product")
        pushes = chance.sample(scans + looks, 450)
        # Each push twice in a row: the repeat comes while the first is on its way to the disk.
        passages = crowd.closed([push for push in pushes for _ in range(2)], lines=LINES)
        # And some once more, when all are there.
        passages += crowd.closed(chance.sample(pushes, 50), lines=LINES)
    order = _order(service, passages, trace)
    _tell("fsync before the answer", crowd, scans, order, house)
    assert Counter(passage.status for passage in passages) == {200: 950}
    assert rows(house, "SELECT count(*) FROM events") == [(150,)]
    assert {look.answered for look in looks} == {"success"}
    assert order.early == []
    assert order.largest_group > 1, "no group was formed"


def test_try_again_is_not_said_before_the_undecided_scan_is_on_the_disk(
    house: House, tmp_path: Path, brand: Brand
) -> None:
    stock(house, codes=CODE_FILE)
    house = asking(house, brand.url)
    brand.answer = {"reason": "out of order"}
    with _traced(house, tmp_path, tmp_path / "undecided") as service:
        crowd = _crowd(service)
        pushes = crowd.compose(100)
        passages = crowd.closed(pushes, lines=LINES)
    first = _order(service, passages, tmp_path / "undecided")
    refused = [push for push in pushes if push.answered is None]
    _tell("fsync before `try again`", crowd, pushes, first, house)
    # Another process, which does not yet know that the brand's service was out of order.
    brand.answer = {"reason": "unknown_code"}
    with _traced(house, tmp_path, tmp_path / "decided") as service:
        passages = _crowd(service).closed(refused, lines=LINES)
    then = _order(service, passages, tmp_path / "decided")
    _tell("fsync before the answer, of scans that were undecided", crowd, pushes, then, house)
    assert {CODES[push.code] for push in refused} == {"fake"}
    assert {push.answered for push in refused} == {"fake"}
    assert (first.early, then.early) == ([], [])


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a trace says of pushes.

    :param early: the statuses of answers that left before their pushes were on the disk.
    :param largest_group: how many pushes one ``fsync`` has brought to the disk.
    """

    answers: int
    early: list[int]
    largest_group: int


@contextmanager
def _traced(house: House, home: Path, trace: Path) -> Iterator[Server]:
    with serving(house, home, under=strace(trace)) as service:
        yield service
        # strace stays until all that it looks at has gone, and then writes the last of its lines.
        os.killpg(service.process.pid, signal.SIGTERM)
        service.process.wait()


def _crowd(service: Server) -> Crowd:
    return Crowd(port=service.port, keys=keyring(service.house.settings.accounts["main"]), seed=seed())


def _order(service: Server, passages: Sequence[Passage], trace: Path) -> Order:
    calls = calls_in(trace)
    durable = durable_in(calls, [_columns(service.house, table) for table in ("scans", "events")])
    answers = {answer.line: answer for answer in answers_in(calls, service.port)}
    pepper = Pepper.load(service.house.pepper_path)
    early, synced = [], {}
    for passage in passages:
        answer = answers[passage.line]
        assert (answer.status, answer.body) == (passage.status, passage.body)
        message = decode(read_document(passage.sent.push.message)[1])
        known_by = pepper.identity(identity(message), at=message.create_time)
        outcome = "undecided" if passage.verdict is None else passage.verdict
        synced[known_by] = durable.get((known_by, outcome), answer.begun)
        if synced[known_by] >= answer.begun:
            early.append(answer.status)
    return Order(answers=len(passages), early=early, largest_group=max(Counter(synced.values()).values()))


def _columns(house: House, table: str) -> Columns:
    names = rows(house, f"SELECT name FROM pragma_table_info('{table}') ORDER BY cid")
    return Columns.of([name for (name,) in names])


def _tell(what: str, crowd: Crowd, pushes: Sequence[Sent], order: Order, house: House) -> None:
    reckoning = FileLedger(house).reckon(pushes)
    tell(
        f"{what}: seed {crowd.seed}, {reckoning.counts()}; {order.answers} answers, {len(order.early)} of them before "
        f"their fsync, at most {order.largest_group} pushes in one"
    )
    assert (reckoning.lost, reckoning.doubled, reckoning.wrong) == (0, 0, 0)
