"""The ``scanhook`` command, which is ``python -m scanhook`` too. It loads nothing before Ctrl-C can be heeded."""

from __future__ import annotations

import sys

__all__ = ["main"]

_STOPPED = 130


def main() -> None:
    """Run the command; Ctrl-C while it is being loaded ends it as it does later: with one line, and exit code 130."""
    try:
        from scanhook.cli import main as command  # noqa: PLC0415  (that takes long enough to be stopped)
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        sys.exit(_STOPPED)
    command()


if __name__ == "__main__":
    main()
