"""Ctrl-C, wherever it comes."""

from __future__ import annotations

__all__ = ["STOPPED", "is_interrupt"]

STOPPED = 130
"""The exit code that a shell gives to what Ctrl-C has ended."""


def is_interrupt(error: BaseException) -> bool:
    """Tell whether Ctrl-C is behind an error: click makes another one of it at a prompt, and so may a class being made.

    (Before Python 3.12 a ``RuntimeError`` stands for whatever happens while a class tells its attributes their names.)
    """
    return isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt)
