"""``python -m scanhook`` is the ``scanhook`` command."""

from scanhook.cli import main

if __name__ == "__main__":
    main()
