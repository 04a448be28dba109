"""One error code of WeChat's. Performs no I/O."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Code", "Row", "listed"]

Row = tuple[int, str, str, str]
"""Number, name, meaning, remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One error code.

    :param name: as WeChat writes it in ``errmsg``, with underscores.
    :param meaning: in words, without a full stop, as the remedy.
    :param permanent: whether the same request must fail again, today at least.
    :param source: the page that documents it.
    """

    number: int
    name: str
    meaning: str
    remedy: str
    permanent: bool
    source: str


def listed(source: str, *rows: Row, passing: tuple[int, ...] = ()) -> dict[int, Code]:
    """Make the codes of one page.

    :param passing: of them, those after which the same request may succeed.
    """
    return {
        number: Code(
            number=number, name=name, meaning=meaning, remedy=remedy, permanent=number not in passing, source=source
        )
        for number, name, meaning, remedy in rows
    }
