"""Who sees pages that are not published (facts.md 1.4). Performs no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from scanhook.errors import Refused

__all__ = ["TESTERS_MAX", "Whitelist"]

TESTERS_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Whitelist:
    """The whole list of testers: it replaces the one that is there.

    :param openids: by their openids at the account.
    :param usernames: by their WeChat ids.
    :raises Refused: when they are more than 10 together, or one is empty or named twice.
    """

    openids: tuple[str, ...] = field(default=(), repr=False)
    usernames: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        count = len(self.openids) + len(self.usernames)
        if count > TESTERS_MAX:
            raise Refused(
                f"{count} testers are given; openids and usernames together are at most {TESTERS_MAX} (61341)"
            )
        for names in (self.openids, self.usernames):
            if len(set(names)) < len(names):
                raise Refused("a tester is named twice")
            if not all(name and name.isprintable() and " " not in name for name in names):
                raise Refused("a tester's name is empty, or holds a blank or what cannot be printed")

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.openids) + len(self.usernames)
