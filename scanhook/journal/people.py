"""What the house owes to people: to erase somebody, for good, and to keep nothing longer than it should.

A person is erased by putting one random hash in the place of his everywhere. Because a backup may bring him back, every
erasure is first written to a list beside the storage, which a restore never takes back; what stands there is a keyed
hash of his hash, so that the list by itself leads to nobody. Where several machines share a storage, each has a list,
and what one of them erases comes to the others through the journal.

The journal is walked through twice for it. The identities of the last hour's pushes must stay for a while, or their
repeats would be counted as new scans; and a push that was under way during the first walk may be stored behind it. An
hour later the housekeeper does what is left.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scanhook.errors import StorageError
from scanhook.journal.peoplestore import REPEATED_S, Erasure, PeopleStore, Progress, Pseudonym, Stage, silent
from scanhook.storage import PERSON_BYTES, Pepper, StorageUrl, wording
from scanhook.storage.files import ERASURES, flush, give_to_owner

__all__ = [
    "ALWAYS_S",
    "Retained",
    "erase_person",
    "erasures_path",
    "mark_of",
    "read_erasures",
    "reapply_erasures",
    "remember_erasures",
    "retain",
    "share_erasures",
]

_LINE = re.compile(r"(\S+) ([0-9a-f]{32})")
_DAY_S = 86_400.0
_NEVER = -1.0
ALWAYS_S = 1e11
"""Later than every time that a journal holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """How many scans, other events, and openids of what stays were deleted for their age."""

    scans: int
    events: int
    openids: int


def erasures_path(url: StorageUrl) -> Path:
    """Return where the list of erasures lies."""
    return url.folder / ERASURES


def mark_of(person: bytes, *, pepper: Pepper) -> bytes:
    """Return the mark by which the list knows a person: 16 bytes, which only the pepper leads to.

    :param person: the hash of the openid.
    """
    return hashlib.blake2b(person, digest_size=PERSON_BYTES, key=pepper.secret, person=b"erasure").digest()


def read_erasures(path: Path) -> list[Erasure]:
    """Read the list of erasures, in its order; a file that is not there is an empty list.

    :raises StorageError: when it cannot be read, or a line of it says something else.
    """
    with wording(path):
        whole = path.read_bytes() if path.exists() else b""
    # What stands behind the last line break was cut off while it was written, before anybody was erased.
    lines = whole[: whole.rfind(b"\n") + 1].decode("ascii", "replace").splitlines()
    return [_erasure_of(line, path, number) for number, line in enumerate(lines, 1)]


def remember_erasures(path: Path, erasures: Iterable[Erasure]) -> int:
    """Add erasures to the list, durably, before this returns; those that it has already are left out.

    Two lists are made one by adding what :func:`read_erasures` says of one to the other.

    :returns: how many were added.
    :raises StorageError: when it cannot be read or written.
    """
    with wording(path):
        made = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with wording(path), os.fdopen(descriptor, "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        known = set(read_erasures(path))
        file.truncate(file.read().rfind(b"\n") + 1)
        new = [erasure for erasure in dict.fromkeys(map(_to_the_millisecond, erasures)) if erasure not in known]
        file.write("".join(map(_line_of, new)).encode())
        os.fsync(file.fileno())
        if made:
            give_to_owner(path)
            flush(path.parent)
    return len(new)


def share_erasures(journal: PeopleStore, path: Path, *, random: Callable[[int], bytes] = os.urandom) -> tuple[int, int]:
    """Let a list and the journal know the same erasures, durably; nobody is erased by this.

    What only the journal knows, another machine has erased. What only the list knows, a journal that was restored from
    an older backup has forgotten: it is noted there as not yet done, so that :func:`reapply_erasures` does it, on
    whichever machine.

    :param path: the list, see :func:`erasures_path`.
    :param random: gives that many random bytes.
    :returns: how many erasures were added to the list, and how many to the journal.
    :raises StorageError: when list or journal cannot be read or written.
    """
    listed, kept = read_erasures(path), journal.erasures()
    newest = {erasure.mark: erasure.at for erasure in sorted(kept, key=lambda erasure: erasure.at)}
    # The newest of each person, as the journal has it: an older one is done with it.
    known = {erasure.mark: erasure.at for erasure in sorted(listed, key=lambda erasure: erasure.at)}
    missing = [erasure for erasure in kept if known.get(erasure.mark, _NEVER) < erasure.at]
    if missing:
        remember_erasures(path, missing)
    forgotten = [Erasure(mark=mark, at=at) for mark, at in known.items() if newest.get(mark, _NEVER) < at]
    for erasure in forgotten:
        journal.begin_erasure(erasure, random(PERSON_BYTES))
    return len(missing), len(forgotten)


def erase_person(
    journal: PeopleStore,
    openid: str,
    *,
    pepper: Pepper,
    erasures: Path,
    now: float,
    progress: Progress = silent,
    random: Callable[[int], bytes] = os.urandom,
) -> int:
    """Erase a person: the hash becomes a random one everywhere, and openids go. Killed and called again, it completes.

    The identities of the last hour's pushes stay until :func:`reapply_erasures` is called when an hour is over. What is
    received from now on belongs to a new person, who is the same random one if erased within that hour.

    :param erasures: the list, see :func:`erasures_path`.
    :param now: seconds since 1970.
    :param random: gives that many random bytes.
    :returns: how many scans were concerned.
    :raises StorageError: when list or journal cannot be written.
    """
    share_erasures(journal, erasures, random=random)
    person = pepper.person(openid)
    erasure = _to_the_millisecond(Erasure(mark=mark_of(person, pepper=pepper), at=now))
    remember_erasures(erasures, [erasure])
    replacement = journal.begin_erasure(erasure, random(PERSON_BYTES))
    pseudonym = Pseudonym(person=person, replacement=replacement, before=erasure.at)
    count = journal.erase([pseudonym], now=now, progress=progress)
    journal.end_walk(erasure, done=False)
    return count


def reapply_erasures(
    journal: PeopleStore,
    erasures: Path,
    *,
    pepper: Pepper,
    now: float,
    progress: Progress = silent,
    random: Callable[[int], bytes] = os.urandom,
) -> int:
    """Erase again whom the list names and a restored journal still knows; what came after an erasure stays.

    Call it after every restore, before the service starts, and now and then: it also brings to their end erasures that
    are an hour old, or were cut off. It walks through the journal only where an erasure of the list needs it.

    :param erasures: the list, see :func:`erasures_path`.
    :param now: seconds since 1970.
    :param random: gives that many random bytes.
    :returns: how many scans were concerned.
    :raises StorageError: when list or journal cannot be read or written.
    """
    stages = {erasure: journal.stage_of(erasure) for erasure in read_erasures(erasures)}
    newest: dict[bytes, Erasure] = {}
    for erasure in sorted(stages, key=lambda erasure: erasure.at):
        if stages[erasure] is Stage.NEW or (stages[erasure] is Stage.WALKED and _is_settled(erasure, now)):
            newest[erasure.mark] = erasure
    if not newest:
        return 0
    replacements = {mark: journal.begin_erasure(newest[mark], random(PERSON_BYTES)) for mark in newest}
    # What a first walk did not see was received shortly before it.
    recent = min(erasure.at for erasure in newest.values()) - REPEATED_S
    is_first = any(stages[erasure] is Stage.NEW for erasure in newest.values())
    found: dict[bytes, Pseudonym] = {}
    for person in journal.persons(since=None if is_first else recent, progress=progress):
        mark = mark_of(person, pepper=pepper)
        if mark in newest:
            found[person] = Pseudonym(person=person, replacement=replacements[mark], before=newest[mark].at)
    count = journal.erase(list(found.values()), now=now, progress=progress)
    settled = [replacements[mark] for mark, erasure in newest.items() if _is_settled(erasure, now)]
    journal.drop_identities(settled, since=recent, progress=progress)
    for erasure in newest.values():
        journal.end_walk(erasure, done=_is_settled(erasure, now))
    return count


def retain(
    journal: PeopleStore,
    *,
    now: float,
    keep_openid_days: int,
    keep_scans_days: int,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Retained:
    """Delete what is older than the settings allow, in small transactions; the counts of codes stay as they are.

    :param now: seconds since 1970.
    :param keep_openid_days: 0 keeps no openid.
    :param keep_scans_days: 0 keeps scans for ever.
    :param dry_run: only count what would be deleted.
    """
    scans, events = 0, 0
    if keep_scans_days:
        before = now - keep_scans_days * _DAY_S
        scans, events = journal.prune(before=before, dry_run=dry_run, progress=progress)
    before = now - keep_openid_days * _DAY_S if keep_openid_days else ALWAYS_S
    openids = journal.drop_openids(before=before, dry_run=dry_run, progress=progress)
    return Retained(scans=scans, events=events, openids=openids)


def _is_settled(erasure: Erasure, now: float) -> bool:
    """Tell whether everything that was received before an erasure is stored, and will not be repeated any more."""
    return now >= erasure.at + REPEATED_S


def _to_the_millisecond(erasure: Erasure) -> Erasure:
    return Erasure(mark=erasure.mark, at=round(erasure.at * 1000) / 1000)


def _line_of(erasure: Erasure) -> str:
    return f"{datetime.fromtimestamp(erasure.at, tz=UTC).isoformat(timespec='milliseconds')} {erasure.mark.hex()}\n"


def _erasure_of(line: str, path: Path, number: int) -> Erasure:
    found = _LINE.fullmatch(line)
    with suppress(ValueError, OverflowError):
        if found is not None:
            at = datetime.fromisoformat(found[1]).timestamp()
            return _to_the_millisecond(Erasure(mark=bytes.fromhex(found[2]), at=at))
    raise StorageError(f"{path}: line {number} is no erasure: put back the file from a backup, or delete the line")
