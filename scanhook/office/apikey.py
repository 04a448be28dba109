"""API keys: how they look, and what each may do. Performs no I/O."""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import dataclass, field
from enum import StrEnum

from scanhook.errors import Refused

__all__ = ["KEY_NAME_MAX_CHARS", "ApiKey", "KeyScope", "check_key_name", "new_key", "public_id"]

KEY_NAME_MAX_CHARS = 64

_ALPHABET = string.digits + string.ascii_letters
_ID_CHARS = 10
_SECRET_CHARS = 43  # 62^43 is a little more than 2^256
_KEY = re.compile(rf"sh_([0-9A-Za-z]{{{_ID_CHARS}}})_[0-9A-Za-z]{{{_SECRET_CHARS}}}", re.ASCII)


class KeyScope(StrEnum):
    """What a key may do; each scope holds those before it."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def covers(self, needed: KeyScope) -> bool:
        """Tell whether whoever has this scope may do what needs that one."""
        order = tuple(KeyScope)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key, without its secret: nobody can read that again.

    Times are seconds since 1970.

    :param id: stands in the key itself, behind ``sh_``: a key that leaked is recognised by it.
    :param name: whose it is; among the keys in use there is one of a name.
    :param last_used_at: to the minute; ``None`` when it never was.
    :param revoked_at: ``None`` while it is in use.
    """

    id: str
    name: str
    scope: KeyScope
    created_at: float
    last_used_at: float | None = field(default=None)
    revoked_at: float | None = field(default=None)

    def may(self, needed: KeyScope) -> bool:
        """Tell whether it may be used for what needs a scope."""
        return self.revoked_at is None and self.scope.covers(needed)


def check_key_name(name: str) -> None:
    """Find out whether a key can have a name.

    :raises Refused: when it is empty, too long, or cannot be printed.
    """
    if not name or name != name.strip() or not name.isprintable() or len(name) > KEY_NAME_MAX_CHARS:
        raise Refused(
            f"a key's name is 1 to {KEY_NAME_MAX_CHARS} printable characters: name who uses it, such as `erp`"
        )


def new_key() -> str:
    """Make a key: ``sh_``, its public id, and 256 random bits, in letters and digits that one click selects."""
    return f"sh_{_random(_ID_CHARS)}_{_random(_SECRET_CHARS)}"


def public_id(presented: str) -> str | None:
    """Return the id in a key that somebody presents; ``None`` when it does not look like one of ours."""
    found = _KEY.fullmatch(presented)
    return found[1] if found else None


def _random(chars: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(chars))
