"""How far a table of the target is filled, as it is kept in the target itself. Sans-IO."""

from __future__ import annotations

import json
from dataclasses import dataclass

from scanhook.storage.moving.digest import RowSum
from scanhook.storage.moving.tables import Key

__all__ = ["Filled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """How far a table is filled, and what stands for its rows up to there; kept in the target with every page.

    :param after: the key of the last row of the first pass; ``None``: it has not begun.
    :param whole: the first pass is over.
    :param source: what stands for the rows as the source gave them.
    :param target: what stands for the rows as the target gave them back.
    """

    after: Key | None = None
    whole: bool = False
    source: RowSum = RowSum()  # noqa: RUF009  (frozen)
    target: RowSum = RowSum()  # noqa: RUF009

    def as_text(self) -> str:
        """Write it down."""
        key = None if self.after is None else [_written(part) for part in self.after]
        sums = [[side.rows, side.digest] for side in (self.source, self.target)]
        return json.dumps({"after": key, "whole": self.whole, "sums": sums})

    @classmethod
    def of(cls, text: str) -> Filled:
        """Read what :meth:`as_text` has written."""
        read = json.loads(text)
        source, target = (RowSum(rows=rows, total=int(digest, 16)) for rows, digest in read["sums"])
        after = None if read["after"] is None else tuple(_read(part) for part in read["after"])
        return cls(after=after, whole=read["whole"], source=source, target=target)


def _written(part: object) -> object:
    return {"hex": part.hex()} if isinstance(part, bytes) else part


def _read(part: object) -> object:
    return bytes.fromhex(part["hex"]) if isinstance(part, dict) else part
