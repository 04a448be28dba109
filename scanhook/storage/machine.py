"""Which machine this is, among several that share a storage: files that only one of them has are found by it."""

from __future__ import annotations

import os
import re
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from scanhook.errors import StorageError
from scanhook.storage.files import flush, give_to_owner
from scanhook.storage.lock import make_folder
from scanhook.storage.sqlite_connection import wording

__all__ = ["Machine", "this_machine"]

_FILE = "machine"
_ID = re.compile(r"[0-9a-f]{16}")
_NAME_MAX_CHARS = 64
_NO_NAME = "unnamed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine.

    :param name: what people call it: its host name when this was written down.
    :param id: random, of 16 hex digits, and the same for as long as its folder is.
    """

    name: str
    id: str

    @classmethod
    def of(cls, written: str) -> Self:
        """Read what :meth:`__str__` wrote."""
        name, _, id_ = written.rpartition("/")
        return cls(name=name, id=id_)

    def __str__(self) -> str:
        return f"{self.name}/{self.id}"

    def is_same(self, other: Machine) -> bool:
        """Tell whether it is another's folder: a host may get another name, as containers do each time."""
        return self.id == other.id


def this_machine(folder: Path) -> Machine:
    """Return which machine has this folder; the first to ask gives it its id, for good.

    :param folder: of what belongs to this machine; made when it is not there.
    :raises StorageError: when it cannot be read or written, or holds no id.
    """
    path = folder / _FILE
    with wording(path):
        if not path.exists():
            _make(path)
        id_ = path.read_text(encoding="ascii", errors="replace").strip()
    if not _ID.fullmatch(id_):
        raise StorageError(f"{path} holds no machine's id: delete it, unless imports wait on this machine")
    name = "".join(filter(str.isprintable, socket.gethostname()))[:_NAME_MAX_CHARS]
    return Machine(name=name or _NO_NAME, id=id_)


def _make(path: Path) -> None:
    make_folder(path.parent)
    fresh = path.with_name(f"{_FILE}.{secrets.token_hex(8)}.new")
    fresh.touch(mode=0o600)
    try:
        fresh.write_text(f"{secrets.token_hex(8)}\n", encoding="ascii")
        give_to_owner(fresh)
        flush(fresh)
        with suppress(FileExistsError):  # another process was faster, and what it wrote counts
            os.link(fresh, path)
        flush(path.parent)
    finally:
        fresh.unlink()
