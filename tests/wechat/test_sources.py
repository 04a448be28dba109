from __future__ import annotations

import os
import select
import shlex
import sys
from pathlib import Path

import pytest

from scanhook.errors import Refused, WechatUnreachable
from scanhook.wechat import Caller, TokenKind
from scanhook.wechat.pace import Pace
from scanhook.wechat.sources import CommandToken, NoToken, StaticToken

COUNTS = (
    "import pathlib, sys; file = pathlib.Path(sys.argv[1]); file.write_text(file.read_text() + 'x'); "
    "print(f'token-{len(file.read_text())}')"
)


def command(*arguments: str, at: list[float] | None = None) -> CommandToken:
    caller = Caller(place="[accounts.main]", app_id="wx1", kind=TokenKind.COMMAND, command=arguments)
    clock = at or [0.0]
    return CommandToken(caller, pace=Pace(monotonic=lambda: clock[0]))


def prints(text: str) -> CommandToken:
    return command(sys.executable, "-S", "-c", f"import sys; sys.stdout.buffer.write({text.encode()!r})")


@pytest.fixture
def counter(tmp_path: Path) -> str:
    file = tmp_path / "calls"
    file.write_text("")
    return str(file)


def test_a_static_token_is_all_there_is() -> None:
    source = StaticToken("T")

    assert (source.token(), source.expire("T"), source.token()) == ("T", False, "T")


def test_a_cloud_call_goes_without_one() -> None:
    assert NoToken().expire("T") is False
    assert NoToken().token() is None  # type: ignore[func-returns-value]


def test_a_program_is_asked_once_until_its_token_fails(counter: str) -> None:
    source = command(sys.executable, "-S", "-c", COUNTS, counter)

    assert [source.token(), source.token()] == ["token-1", "token-1"]
    assert (source.expire("another"), source.token()) == (True, "token-1")
    assert (source.expire("token-1"), source.token()) == (True, "token-2")


def test_a_program_is_asked_again_after_a_while(counter: str) -> None:
    at = [0.0]
    source = command(sys.executable, "-S", "-c", COUNTS, counter, at=at)
    source.token()
    at[0] = 299.9
    assert source.token() == "token-1"
    at[0] = 300.0
    assert source.token() == "token-2"


@pytest.mark.parametrize("text", ["T0K3N", "T0K3N\n", "T0K3N\r\n", "\nT0K3N\n\n"])
def test_the_line_end_is_no_part_of_the_token(text: str) -> None:
    assert prints(text).token() == "T0K3N"


@pytest.mark.parametrize("text", ["", "\n", "two lines\nof it", "a\nb", "a b", "茶", "a\x00b", "A" * 4097])
def test_what_is_no_token_in_one_line_is_not_sent_to_wechat(text: str) -> None:
    with pytest.raises(
        WechatUnreachable, match=r"token_command of \[accounts\.main\]: it did not print a token"
    ) as caught:
        prints(text).token()

    assert not text.strip() or text.strip() not in caught.value.why


def test_a_program_that_fails_says_with_what() -> None:
    with pytest.raises(WechatUnreachable, match=r"\[accounts\.main\]: it ended with 3, not 0"):
        command(sys.executable, "-S", "-c", "import sys; print('T'); sys.exit(3)").token()


def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.wechat.sources.COMMAND_MAX_S", 0.2)
    with pytest.raises(WechatUnreachable, match=r"it takes longer than 0\.2 s"):
        command(sys.executable, "-S", "-c", "import time; time.sleep(60)").token()


ENDLESS = "import sys\nwhile True: sys.stdout.buffer.write(b'A' * 65536)"
BLANK = "import sys\nprint('T')\nwhile True: sys.stdout.buffer.write(b'\\n' * 65536)"


@pytest.mark.parametrize("text", [ENDLESS, BLANK])
def test_a_program_that_prints_too_much_is_ended_without_reading_it_all(text: str) -> None:
    with pytest.raises(WechatUnreachable, match=r"it did not print a token in one line, and nothing else"):
        command(sys.executable, "-S", "-c", text).token()


def test_a_program_that_is_ended_takes_those_along_that_it_has_started(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lives")
    lives = os.open(tmp_path / "lives", os.O_RDONLY | os.O_NONBLOCK)
    shell = f"exec 3>{shlex.quote(str(tmp_path / 'lives'))}; echo >&3; sleep 600 & while :; do echo much; done"
    with pytest.raises(WechatUnreachable, match="it did not print a token in one line"):
        command("/bin/sh", "-c", shell).token()

    assert os.read(lives, 10) == b"\n"
    assert select.select([lives], [], [], 5)[0]  # the last one who could write has gone
    assert os.read(lives, 10) == b""
    os.close(lives)


def test_a_program_that_goes_on_without_an_output_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.wechat.sources.COMMAND_MAX_S", 0.3)
    with pytest.raises(WechatUnreachable, match=r"it takes longer than 0\.3 s"):
        command("/bin/sh", "-c", "echo T; exec >&-; sleep 600").token()


@pytest.mark.parametrize("program", ["/nowhere/token", "", "a\x00b"])
def test_a_program_that_is_not_there_is_refused(program: str) -> None:
    with pytest.raises(Refused, match=r"token_command of \[accounts\.main\] cannot be started"):
        command(program).token()


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    source = command(sys.executable, "-S", "-c", "import sys; print(sys.argv[1])", "$(id);`id`")

    assert source.token() == "$(id);`id`"
