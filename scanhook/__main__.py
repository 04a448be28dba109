"""The ``scanhook`` command, which is ``python -m scanhook`` too."""

from __future__ import annotations

import sys

from scanhook.interrupt import STOPPED, is_interrupt

__all__ = ["main"]


def main() -> None:
    """Run the command; Ctrl-C while it is being loaded ends it as it does later: with one line, and exit code 130."""
    try:
        from scanhook.cli import main as command  # noqa: PLC0415  (that takes long enough to be stopped)
    except (KeyboardInterrupt, RuntimeError) as error:
        if not is_interrupt(error):
            raise
        sys.stderr.write("stopped\n")
        sys.exit(STOPPED)
    command()


if __name__ == "__main__":
    main()
