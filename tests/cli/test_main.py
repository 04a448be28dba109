from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from scanhook.__main__ import main as script
from scanhook.cli import main
from scanhook.release import VERSION
from tests.cli.conftest import run
from tests.serving import environment

COMMANDS = [
    "albums",
    "apikeys",
    "batches",
    "bench",
    "catalog",
    "codes",
    "demo",
    "doctor",
    "housekeeper",
    "imports",
    "init",
    "live",
    "pages",
    "products",
    "sandbox",
    "scans",
    "serve",
    "simulate",
    "storage",
    "tickets",
    "union",
    "window",
]


def paths(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the way to a command and to every command below it."""
    found = [path]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            found += paths(below, (*path, name))
    return found


def test_the_help_lists_every_command_with_what_it_does() -> None:
    lines = run("--help").stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == COMMANDS
    assert all(len(line.split()) > 1 for line in lines)


@pytest.mark.parametrize("path", paths(main), ids=" ".join)
def test_every_command_answers_help_wherever_one_stands(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCANHOOK_CONFIG")
    monkeypatch.chdir(tmp_path)
    for option in ("--help", "-h"):
        result = run(*path, option)
        assert result.stdout.startswith("Usage: ")
        assert result.stderr == ""


@pytest.mark.parametrize("group", ["apikeys", "batches", "codes", "products", "scans", "storage"])
def test_a_group_alone_shows_its_help(group: str) -> None:
    assert "Commands:" in run(group, code=2).output


def test_ctrl_c_at_a_prompt_ends_a_command_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_question: str) -> str:
        abort = click.Abort()
        abort.__context__ = KeyboardInterrupt()  # as click has it
        raise abort

    monkeypatch.setattr("scanhook.cli.init._ask", interrupted)
    assert run("init", tmp_path / "new", code=130).stderr == "stopped\n"


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder, with the command as this Python has it."""
    words = ["sh", "-c", script.replace("scanhook", f"{sys.executable} -P -m scanhook")]
    return subprocess.run(words, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)


def test_an_output_that_is_full_is_told_in_one_line(tmp_path: Path) -> None:
    ended = shell("scanhook bench --help > /dev/full", tmp_path)
    assert (ended.returncode, ended.stderr) == (1, "error: the output cannot be written: its disk is full\n")


def test_a_folder_that_is_gone_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    ended = shell("cd gone && rmdir ../gone && scanhook codes stats", tmp_path)
    assert (ended.returncode, ended.stderr) == (1, "error: the folder that you are in is gone: go to another one\n")


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"scanhook, version {VERSION}\n"


@pytest.mark.parametrize("arguments", [("nonsense",), ("codes", "nonsense"), ("doctor", "--nonsense")])
def test_what_is_no_command_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    assert "Error: No such " in run(*arguments, code=2).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve",),
        ("products", "list"),
        ("products", "show", "qrcode", "moment-frame"),
        ("codes", "stats"),
        ("codes", "check", "qrcode/moment-frame/A"),
        ("apikeys", "list"),
        ("storage", "check"),
        ("scans", "tail"),
        ("scans", "export"),
        ("simulate", "http://127.0.0.1:9/x", "--verify-url"),
    ],
)
def test_settings_that_are_not_there_end_every_command(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = run(*arguments, "--config", tmp_path / "gone.toml", code=1)
    assert result.stdout == ""
    assert result.stderr == (
        f"error: {tmp_path}/gone.toml is not there: make one with `scanhook init DIR`, or name yours with --config "
        "or $SCANHOOK_CONFIG\n"
    )


def test_each_fault_of_the_settings_has_a_line(tmp_path: Path) -> None:
    (tmp_path / "scanhook.toml").write_text('[service]\nworkers = 0\n[accounts.main]\ntoken = "x"\n')
    lines = run("codes", "stats", "--config", tmp_path / "scanhook.toml", code=1).stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"error: {tmp_path}/scanhook.toml, line ") for line in lines)


def test_python_dash_m_is_the_same_command() -> None:
    ran = subprocess.run([sys.executable, "-m", "scanhook", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout.endswith(f"version {VERSION}\n")


def test_ctrl_c_while_a_command_is_being_loaded_ends_it_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.cli.import_module", _stop)

    assert run("codes", "stats", code=130).stderr == "stopped\n"


def test_ctrl_c_before_there_is_a_command_does_so_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Loading:
        main = property(_stop)

    monkeypatch.setitem(sys.modules, "scanhook.cli", Loading())

    with pytest.raises(SystemExit, match="130"):
        script()
    assert capsys.readouterr().err == "stopped\n"


def _stop(_asked: object) -> None:
    raise KeyboardInterrupt
