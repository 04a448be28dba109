"""Lets a connection to SQLite write to ``tallies`` and ``scanners``, which are views there, as on PostgreSQL."""

from __future__ import annotations

import apsw

_OF_A_CODE = "tag = OLD.tag AND person = x''"
_TRIGGERS = (
    "INSERT ON tallies BEGIN INSERT INTO counts (tag, person, scans, persons, first_at, last_at) "
    "VALUES (NEW.tag, x'', NEW.scans, NEW.persons, NEW.first_at, NEW.last_at); END",
    "UPDATE ON tallies BEGIN UPDATE counts SET scans = NEW.scans, persons = NEW.persons, first_at = NEW.first_at, "
    f"last_at = NEW.last_at WHERE {_OF_A_CODE}; END",
    f"DELETE ON tallies BEGIN DELETE FROM counts WHERE {_OF_A_CODE}; END",
    "INSERT ON scanners BEGIN INSERT INTO counts (tag, person) VALUES (NEW.tag, NEW.person); END",
    "DELETE ON scanners BEGIN DELETE FROM counts WHERE tag = OLD.tag AND person = OLD.person; END",
)


def make_writable(connection: apsw.Connection) -> None:
    """Let a connection, and no other, write to both."""
    for number, trigger in enumerate(_TRIGGERS):
        connection.execute(f"CREATE TEMP TRIGGER writing_{number} INSTEAD OF {trigger}")
