"""What the journal's statements need of an engine beyond a database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from scanhook.storage import Database, Session

__all__ = ["CountStatements", "JournalTables"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountStatements:
    """What changes the counts of codes, and who is counted by them.

    Whoever reads finds ``tallies`` and ``scanners`` on every engine; not every engine has a table for each.

    :param add_scanners: adds persons to codes: a tag and a person for each of ``{rows}``; returns the tags of those who
        were not there.
    :param drop_scanners: takes persons away from codes, as ``{pairs}`` says by tag and person; returns who was there,
        tag and person.
    :param add_persons: adds a number to the count of persons; number and tag.
    :param drop: what takes away all that is counted of a code, one after the other; tag.
    """

    add_scanners: str
    drop_scanners: str
    add_persons: str
    drop: tuple[str, ...]


class JournalTables(Database, Protocol):
    """The journal's tables on one engine. ``table`` is ``scans`` or ``events``, whose rows are numbered.

    :ivar counting: how counts are changed where no scan is stored.
    """

    counting: CountStatements

    def last_number(self, session: Session, table: str) -> int:
        """Return the highest number that a row was ever given; 0: there was none. Inside :meth:`writing` only."""

    def settled_number(self, session: Session, table: str) -> int:
        """Return a number up to which nothing will ever be added: whoever goes on behind it misses no row.

        Rows behind it may be there too, and others may still come in between. The rows up to it are seen by statements
        that begin after this call, on whatever connection: not by those of a :meth:`seeing_one_state` begun before.
        """

    def answering(self) -> AbstractContextManager[Session]:
        """Give a session for reading what somebody waits for who is before a page: no longer than a scan may wait.

        :raises StorageError: for whatever goes wrong with the database inside the block.
        """

    def forget_identities(self, session: Session, table: str, numbers: Sequence[int]) -> None:
        """Put random bytes in the place of the identities of rows; for those that are not there, nothing."""

    def overwriting(self) -> AbstractContextManager[None]:
        """Leave no trace of what is deleted or replaced in the block, as far as the engine can do that."""

    def cut_log(self, *, due: bool = True) -> None:
        """Let go of what the engine's log still has of deleted rows, as far as the engine can do that.

        :param due: something was deleted just now; otherwise only what could not be done before is done.
        """
