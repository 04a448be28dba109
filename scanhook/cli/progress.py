"""A progress bar on standard error, for work that takes its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

__all__ = ["IMPORT_STEPS", "progress_bar"]

IMPORT_STEPS: Mapping[str, str] = MappingProxyType(
    {
        "know": "looking for a stopped import",
        "read": "reading",
        "sort": "sorting",
        "compare": "comparing",
        "load": "loading",
        "drop": "deleting",
    }
)
"""What each step of an import is called."""


@contextmanager
def progress_bar(steps: Mapping[str, str], *, quiet: bool) -> Iterator[Callable[[str, int, int | None], None]]:
    """Show a bar for each step of some work.

    :param steps: what each step is called, where its own name would not do.
    :returns: what is told of the work: the step, how much of it is done, and of how much, if that
        is known.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), disable=quiet)
    tasks: dict[str, TaskID] = {}

    def tell(step: str, done: int, total: int | None) -> None:
        if not tasks:
            bar.start()  # not before: one without any step is an empty line
        if step not in tasks:
            tasks[step] = bar.add_task(steps.get(step, step), total=total)
        bar.update(tasks[step], completed=done, total=total)

    try:
        yield tell
    finally:
        if tasks:
            bar.stop()
