"""Token sources that share nothing: a token of the settings, a program that prints one, and none at all."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import IO

from scanhook.errors import Refused, WechatUnreachable
from scanhook.wechat.caller import Caller
from scanhook.wechat.pace import Pace

__all__ = ["CommandToken", "NoToken", "StaticToken"]

COMMAND_MAX_S = 10.0
"""How long the program may take."""
COMMAND_KEPT_S = 300.0
"""So long its token is used before it is asked again: the platform may have renewed it."""
_LINE_MAX_CHARS = 4096
_PRINTED_MAX_BYTES = _LINE_MAX_CHARS + 64
"""With some empty lines; a program that prints more is ended."""


class StaticToken:
    """The token that stands in the settings; when WeChat does not take it, there is no other."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str:
        """Return it."""
        return self._token

    def expire(self, token: str) -> bool:  # noqa: ARG002  (the protocol's)
        """Say that there is no other."""
        return False

    def close(self) -> None:
        """Close nothing."""


class NoToken:
    """Nothing: WeChat's cloud call knows who calls by the container that it comes from."""

    def token(self) -> None:
        """Return no token."""

    def expire(self, token: str) -> bool:  # noqa: ARG002  (the protocol's)
        """Say that there is no other."""
        return False

    def close(self) -> None:
        """Close nothing."""


class CommandToken:
    """What a program prints: a platform that holds authorizer tokens prints the one of this account.

    The program is started without a shell. It prints the token, in one line, and ends with 0.
    """

    def __init__(self, caller: Caller, *, pace: Pace) -> None:
        self._caller = caller
        self._pace = pace
        self._lock = threading.Lock()
        self._held: tuple[str, float] | None = None

    def token(self) -> str:
        """Return the token that the program printed last, or let it print one.

        :raises Refused: when the program cannot be started.
        :raises WechatUnreachable: when it fails, takes too long, or prints something else than one line.
        """
        with self._lock:
            if self._held is None or self._pace.monotonic() >= self._held[1]:
                self._held = (self._run(), self._pace.monotonic() + COMMAND_KEPT_S)
            return self._held[0]

    def expire(self, token: str) -> bool:
        """Let the program print another, if this is still the one that it printed last."""
        with self._lock:
            if self._held is not None and self._held[0] == token:
                self._held = None
        return True

    def close(self) -> None:
        """Close nothing: no program runs between two calls."""

    def _run(self) -> str:
        place = f"token_command of {self._caller.place}"
        try:
            printed, code = _run(self._caller.command)
        except subprocess.TimeoutExpired:
            raise WechatUnreachable(f"{place}: it takes longer than {COMMAND_MAX_S:g} s", acted=False) from None
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "its name or an argument cannot be"
            raise Refused(
                f'{place} cannot be started: {why}. Write the program with its whole path, such as ["/opt/token"]'
            ) from None
        if code:
            raise WechatUnreachable(f"{place}: it ended with {code}, not 0: run it by hand", acted=False)
        token = printed.decode("ascii", errors="replace").strip()
        is_line = len(printed) <= _PRINTED_MAX_BYTES and 0 < len(token) <= _LINE_MAX_CHARS
        if not is_line or not (token.isascii() and token.isprintable()) or " " in token:
            raise WechatUnreachable(f"{place}: it did not print a token in one line, and nothing else", acted=False)
        return token


def _run(command: tuple[str, ...]) -> tuple[bytes, int]:
    """Run a program, and return what it prints, as far as that may be, and what it ends with.

    :raises subprocess.TimeoutExpired: when it takes too long.
    """
    ends_at = time.monotonic() + COMMAND_MAX_S
    program = subprocess.Popen(  # noqa: S603  (the settings name the program, and there is no shell)
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with program:
        try:
            printed = _take(program.stdout, ends_at) if program.stdout else b""
            if len(printed) > _PRINTED_MAX_BYTES:
                return printed, 0
            return printed, program.wait(ends_at - time.monotonic())
        finally:
            if program.returncode is None:
                with suppress(OSError):  # with those that it has started
                    os.killpg(program.pid, signal.SIGKILL)


def _take(output: IO[bytes], ends_at: float) -> bytes:
    printed = b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while len(printed) <= _PRINTED_MAX_BYTES:
            left = ends_at - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise subprocess.TimeoutExpired((), COMMAND_MAX_S)
            part = os.read(output.fileno(), _PRINTED_MAX_BYTES + 1 - len(printed))
            if not part:
                break
            printed += part
    return printed
