"""What every table of the settings has in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["NAME_PATTERN", "Table", "from_files"]

NAME_PATTERN = r"^[a-z][a-z0-9_-]{0,31}$"


class Table(BaseModel):
    """A table: unknown names are refused, and no message repeats a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def from_files(values: Any, secrets: tuple[str, ...], *, named: tuple[str, ...] = ()) -> Any:
    """Read each secret whose ``…_file`` is given from that file.

    :param named: those of them whose table keeps the file's path, for whoever finds the file empty.
    """
    if not isinstance(values, Mapping):
        return values
    read = dict(values)
    for name in secrets:
        path = read.pop(f"{name}_file", None)
        if path is None:
            continue
        if read.get(name):
            raise ValueError(f"both {name} and {name}_file are given: leave one of them out")
        try:
            read[name] = Path(str(path)).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ValueError(f"{name}_file names {path}, which cannot be read: {why}") from None
        if name in named:
            read[f"{name}_file"] = str(path)
    return read
