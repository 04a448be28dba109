"""Shows where a scan's microseconds go: ``python -m tests.bench.parts --help``. Not a test: timings are flaky.

::

    python -m tests.bench.parts --group 16
    python -m tests.bench.parts --group 4 --codes 1000000

In one process, without HTTP and without anybody beside it: processor time, of pushes that are all different. First the
steps as the service takes them, one group after the other; then the parts of the first step, and the HTTP before it,
each for a group at once.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from scanhook.envelope import Keyring, PushQuery, decrypt, read_document
from scanhook.envelope.signature import verify_signature
from scanhook.journal.sqlite import SqliteJournal
from scanhook.message import decode
from scanhook.settings import House
from scanhook.wire.app import create_door
from scanhook.wire.callback import Callback
from scanhook.wire.plain import read_plain
from scanhook.wire.service import keyring
from scanhook.wire.worker import _GARBAGE_OBJECTS
from tests.bench.service import make_bench_house, write_pushes

Push = tuple[bytes, bytes]
"""The query, and the body."""
Spent = defaultdict[str, float]
"""Seconds of processor time, by what they were spent on."""


@click.command()
@click.option("--group", default=16, show_default=True, help="How many pushes share a look-up and a transaction.")
@click.option("--pushes", default=4_000, show_default=True, help="In each round.")
@click.option("--rounds", default=7, show_default=True)
@click.option("--codes", default=100_000, show_default=True)
def main(group: int, pushes: int, rounds: int, codes: int) -> None:
    """Measure the steps and the parts of a scan."""
    with tempfile.TemporaryDirectory(prefix="scanhook-parts-") as folder:
        home = Path(folder)
        house = make_bench_house(home, "", codes)
        keys = keyring(house.settings.accounts["main"])
        door = create_door(house)
        gc.freeze()
        gc.set_threshold(_GARBAGE_OBJECTS)  # as a worker has it
        found: dict[str, list[float]] = defaultdict(list)
        for _ in range(rounds):
            write_pushes(home / "pushes", keys, count=pushes, codes=codes)
            groups = [*_groups(home / "pushes", group)]
            count = group * len(groups)
            for name, spent in {**_steps(door._callback, house, groups), **_parts(keys, groups)}.items():
                found[name].append(spent / count * 1e6)
        door._callback.close()
    click.echo(f"median of {rounds} rounds of {pushes:,} pushes in groups of {group}, {codes:,} codes: us a push")
    for name, each in found.items():
        click.echo(f"{name:52}{statistics.median(each):8.1f}")


def _groups(path: Path, size: int) -> Iterator[list[Push]]:
    pushes = []
    for line in path.read_bytes().splitlines():
        target, _, body = line.partition(b"\t")
        pushes.append((target.partition(b"?")[2], body))
    for start in range(0, len(pushes) - size + 1, size):
        yield pushes[start : start + size]


def _steps(callback: Callback, house: House, groups: Sequence[Sequence[Push]]) -> Spent:
    """Take pushes through the service's steps."""
    account = next(iter(callback.paths.values()))
    spent: Spent = defaultdict(float)
    with _timed(SqliteJournal, "store_all", "  of settling: the transaction", spent):
        for pushes in groups:
            with _adding("open: verify, decrypt, read, understand", spent):
                taken: Any = [callback.open(account, query, body, "text/xml") for query, body in pushes]
            with _adding("look up and judge", spent):
                begun: Any = callback.look_up_all(taken)
            with _adding("settle: store, compose, encrypt, sign, count", spent):
                answers: Any = callback.settle(begun)
            assert {answer.status for answer in answers} == {200}
    return spent


def _parts(keys: Keyring, groups: Sequence[Sequence[Push]]) -> Spent:
    """Take pushes through the parts of their opening."""
    spent: Spent = defaultdict(float)
    (aes_key, *_), tokens = keys.aes_keys, keys.tokens
    head = (
        b"POST /wechat/callback?%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n"
    )
    for pushes in groups:
        wholes = [head % (query, len(body)) + body for query, body in pushes]
        with _adding("part: HTTP, read as a plain push", spent):
            _ = [read_plain(whole) for whole in wholes]
        with _adding("part: query", spent):
            queries = [PushQuery.from_query_string(query) for query, _ in pushes]
        with _adding("part: outer XML", spent):
            sealed = [str(read_document(body)[1]["Encrypt"]) for _, body in pushes]
        with _adding("part: signature", spent):
            for query, text in zip(queries, sealed, strict=True):
                signed = (query.timestamp, query.nonce, text)
                verify_signature(query.msg_signature or "", tokens=tokens, signed=signed)
        with _adding("part: decrypt", spent):
            plain = [decrypt(text, key=aes_key, receive_id=keys.receive_id) for text in sealed]
        with _adding("part: inner XML", spent):
            documents = [read_document(text)[1] for text in plain]
        with _adding("part: message", spent):
            _ = [decode(document) for document in documents]
    return spent


@contextmanager
def _adding(name: str, spent: Spent) -> Iterator[None]:
    before = time.process_time()
    yield
    spent[name] += time.process_time() - before


@contextmanager
def _timed(owner: type, name: str, shown: str, spent: Spent) -> Iterator[None]:
    """Time a method meanwhile."""
    method: Callable[..., Any] = getattr(owner, name)

    def timed(*given: Any, **named: Any) -> Any:
        with _adding(shown, spent):
            return method(*given, **named)

    setattr(owner, name, timed)
    try:
        yield
    finally:
        setattr(owner, name, method)


if __name__ == "__main__":
    sys.exit(main())
