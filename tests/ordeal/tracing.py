"""What a process asks the system for, seen by ``strace``, and what of it is about the journal and about answers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Answered", "Call", "Columns", "answers_in", "calls_in", "durable_in", "strace"]

_CALLS = "pwrite64,pwritev,write,writev,sendto,sendmsg,fsync,fdatasync"
_LINE = re.compile(r"(?P<pid>\d+)\s+(?P<rest>.*)")
_BEGUN = re.compile(r"(?P<name>\w+)\((?:\d+<(?P<target>.*?)>(?=\s*[,)]))?(?P<said>.*)")
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<said>.*)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_HEX = re.compile(r"(?:\\x[0-9a-f]{2})+")
_UNFINISHED = "<unfinished ...>"
_PAGE_BYTES = 4096
_FRAME_HEAD_BYTES = 24
_TABLE_LEAF = 0x0D
_CELL_POINTERS_AT = 8


def strace(output: Path) -> list[str]:
    """Return what runs a command so that its calls, and those of all its children, come into a file."""
    command = ["strace", "--follow-forks", "--seccomp-bpf", "--decode-fds=all", "--strings-in-hex=all"]
    return [*command, "--string-limit=65536", f"--trace={_CALLS}", f"--output={output}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One system call that did what it was asked for.

    :param target: the file, or both ends of the connection.
    :param text: what was written.
    :param begun: the line of the trace where it began, as ``ended``. A thread that waits for another one's call goes on
        after the line where that ended: strace lets nobody go on before it has written.
    """

    name: str
    target: str
    text: bytes
    begun: int
    ended: int


def calls_in(path: Path) -> list[Call]:
    """Read a trace; the calls come in the order of their ends."""
    begun: dict[str, tuple[int, str]] = {}
    calls = []
    with path.open(encoding="ascii", errors="replace") as lines:
        for number, line in enumerate(lines):
            found = _LINE.match(line)
            if not found:
                continue
            pid, rest = found["pid"], found["rest"].rstrip()
            if rest.endswith(_UNFINISHED):
                begun[pid] = number, rest.removesuffix(_UNFINISHED)
                continue
            first = number
            if resumed := _RESUMED.match(rest):
                first, before = begun.pop(pid, (number, ""))
                rest = before + resumed["said"]
            if call := _call(rest, first, number):
                calls.append(call)
    return calls


def _call(line: str, begun: int, ended: int) -> Call | None:
    said, _, result = line.rpartition(" = ")
    parts = _BEGUN.match(said)
    if not parts or not result[:1].isdigit():  # it failed, or is no call
        return None
    text = b"".join(_bytes(found) for found in _TEXT.findall(parts["said"]))
    if parts["name"] not in ("fsync", "fdatasync"):
        text = text[: int(result.split()[0])]
    target = _HEX.sub(lambda found: _bytes(found[0]).decode(errors="replace"), parts["target"] or "")
    return Call(name=parts["name"], target=target, text=text, begun=begun, ended=ended)


def _bytes(written: str) -> bytes:
    return bytes.fromhex(written.replace("\\x", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where in a row of a table stands what we look for.

    :param reason: ``None``, as is ``verdict``: the table has events that are answered ``success``.
    """

    identity: int
    reason: int | None
    verdict: int | None
    count: int

    @classmethod
    def of(cls, names: Sequence[str]) -> Columns:
        """Find them by the names of the table's columns."""
        reason, verdict = (names.index(name) if name in names else None for name in ("reason", "verdict"))
        return cls(identity=names.index("identity"), reason=reason, verdict=verdict, count=len(names))

    def outcome(self, row: Sequence[Any]) -> tuple[bytes, str] | None:
        """Return identity and outcome of a row; ``None``: it is of another table."""
        identity = row[self.identity] if len(row) == self.count else None
        if not isinstance(identity, bytes) or len(identity) != 16:
            return None
        if self.reason is None or self.verdict is None:
            return identity, "success"
        return identity, "undecided" if row[self.reason] == "undecided" else str(row[self.verdict])


def durable_in(calls: Sequence[Call], tables: Sequence[Columns]) -> dict[tuple[bytes, str], int]:
    """Return when each push was on the disk, by its identity and its verdict (or ``undecided``, or ``success``).

    :param tables: whose rows are looked for; no two of them have as many columns.
    :returns: the line where the first ``fsync`` ended that began after the push's whole transaction was written.
    """
    durable: dict[tuple[bytes, str], int] = {}
    written: list[tuple[tuple[bytes, str], int]] = []
    pending: list[tuple[bytes, str]] = []
    commits = False
    for call in (call for call in calls if call.target.endswith("/journal.db-wal")):
        if call.name in ("fsync", "fdatasync"):
            for key, at in written:
                if at < call.begun:
                    durable.setdefault(key, call.ended)
            written = [(key, at) for key, at in written if at >= call.begun]
        elif len(call.text) == _FRAME_HEAD_BYTES:
            commits = call.text[4:8] != bytes(4)  # the last frame of a transaction says how large the file is then
        elif len(call.text) == _PAGE_BYTES:
            pending += _outcomes_on(call.text, tables)
            if commits:
                written += [(key, call.ended) for key in pending]
                pending = []
    return durable


def _outcomes_on(page: bytes, tables: Sequence[Columns]) -> Iterator[tuple[bytes, str]]:
    """Read the rows on a page, as SQLite's file format says (section 1.6, B-tree pages)."""
    if page[0] != _TABLE_LEAF:
        return
    for number in range(int.from_bytes(page[3:5], "big")):
        pointer = _CELL_POINTERS_AT + 2 * number
        row = _row(page, int.from_bytes(page[pointer : pointer + 2], "big"))
        yield from (found for table in tables if (found := table.outcome(row)))


def _row(page: bytes, at: int) -> list[Any]:
    """Read a record (section 2.1 of the file format): texts and blobs; numbers are of no use here."""
    _, at = _varint(page, at)
    _, at = _varint(page, at)
    begins = at
    size, at = _varint(page, at)
    kinds = []
    while at < begins + size:
        kind, at = _varint(page, at)
        kinds.append(kind)
    row: list[Any] = []
    for kind in kinds:
        length = (kind - 12) // 2 if kind >= 12 else (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind]
        value = page[at : at + length]
        row.append(None if kind < 12 else value.decode(errors="replace") if kind % 2 else value)
        at += length
    return row


def _varint(page: bytes, at: int) -> tuple[int, int]:
    value = 0
    for length in range(9):
        byte = page[at + length]
        if length == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + length + 1
    raise AssertionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer to a request.

    :param line: the port on the other side, and how many answers went before on that connection.
    :param begun: the line of the trace where its first byte was written.
    """

    line: tuple[int, int]
    status: int
    body: bytes
    begun: int


def answers_in(calls: Sequence[Call], port: int) -> list[Answered]:
    """Return the answers that a service on a port gave."""
    streams: dict[int, bytes] = defaultdict(bytes)
    begins: dict[int, int] = {}
    counts: dict[int, int] = defaultdict(int)
    answers = []
    for call in calls:
        found = re.fullmatch(rf"TCP:\[127\.0\.0\.1:{port}->127\.0\.0\.1:(\d+)\]", call.target)
        if not found:
            continue
        other = int(found[1])
        begins.setdefault(other, call.begun)
        streams[other] += call.text
        head, complete, body = streams[other].partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if complete and len(body) >= length:
            answer = Answered(
                line=(other, counts[other]), status=int(head[9:12]), body=body[:length], begun=begins.pop(other)
            )
            answers.append(answer)
            streams[other] = body[length:]
            counts[other] += 1
    return answers
