"""Cursors: where the next page of a list begins. Performs no I/O.

A cursor names the last row that was seen, so that rows which come meanwhile neither repeat nor hide any. It is opaque:
callers hand back what they got, and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import json

from scanhook.wire.api.problems import FieldFault, Stop, problem

__all__ = ["NUMBER_MAX", "number_after", "read_cursor", "write_cursor"]

NUMBER_MAX = (1 << 63) - 1


def write_cursor(kind: str, *seen: str | int) -> str:
    """Make a cursor.

    :param kind: which list it belongs to.
    :param seen: what tells the last row from every other.
    """
    text = json.dumps([kind, *seen], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(kind: str, cursor: str, *, parts: int) -> list[str | int]:
    """Read a cursor.

    :param parts: how many values it has.
    :raises Stop: 422, when it is none of this list.
    """
    try:
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _no_cursor() from None
    if not isinstance(found, list) or len(found) != parts + 1 or found[0] != kind:
        raise _no_cursor()
    return found[1:]


def number_after(kind: str, cursor: str | None) -> int | None:
    """Read a cursor that is one number; ``None`` without a cursor.

    :raises Stop: 422, when it is none of this list.
    """
    if cursor is None:
        return None
    (number,) = read_cursor(kind, cursor, parts=1)
    if type(number) is not int or not 0 <= number <= NUMBER_MAX:
        raise _no_cursor()
    return number


def _no_cursor() -> Stop:
    fault = FieldFault(field="cursor", message="this is no `next_cursor` of this list")
    return problem(422, "some fields cannot be taken", errors=[fault])
