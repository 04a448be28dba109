from __future__ import annotations

import errno
import io
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from scanhook.cli.common import CODE, CodeName, file_content, new_file, own_command, utc
from scanhook.errors import Refused


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("qrcode/moment-frame/A1", ("qrcode", "moment-frame", "A1")),
        ("qrcode/moment-frame/a/b/", ("qrcode", "moment-frame", "a/b/")),
        ("ean13/6901481811083/", ("ean13", "6901481811083", "")),
        ("ean13/6901481811083", ("ean13", "6901481811083", "")),
    ],
)
def test_a_code_is_written_with_slashes(text: str, parts: tuple[str, str, str]) -> None:
    code = CodeName.parse(text)
    assert (code.key_standard, code.key_str, code.ext_info) == parts
    assert CODE.convert(code, None, None) is code


@pytest.mark.parametrize("text", ["", "/", "a", "a/", "/b", "/b/c", "//"])
def test_anything_else_is_no_code(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write KEYSTANDARD/KEYSTR/EXTINFO"):
        CodeName.parse(text)


def test_a_code_does_not_show_its_secret_part() -> None:
    assert "A1B2C3" not in repr(CodeName.parse("qrcode/moment-frame/A1B2C3"))


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a program in an environment of its own, beside its Python, and call it."""
    made = tmp_path / "my shop" / ".venv" / "bin" / "scanhook"
    made.parent.mkdir(parents=True)
    made.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(made)])
    monkeypatch.setattr(sys, "executable", str(made.with_name("python")))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    return made


def test_a_program_on_the_search_path_is_called_by_its_name(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    assert own_command() == "scanhook"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "scanhook").symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert own_command() == "scanhook"


def test_any_other_program_is_called_by_its_path(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "bin" / "scanhook"
    other.parent.mkdir()
    other.touch(mode=0o755)
    assert own_command() == "'my shop/.venv/bin/scanhook'"
    monkeypatch.chdir(program.parents[2])
    assert own_command() == ".venv/bin/scanhook"
    monkeypatch.chdir(program.parent)
    assert own_command() == "./scanhook"
    monkeypatch.chdir(other.parent)
    assert own_command() == f"'{program}'"


def test_a_module_that_is_run_is_called_by_the_program_beside_its_python(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/scanhook/__main__.py"])
    monkeypatch.chdir(program.parents[2])
    assert own_command() == ".venv/bin/scanhook"
    program.unlink()
    assert own_command() == ".venv/bin/python -m scanhook"


@pytest.mark.parametrize(("seconds", "text"), [(0.9, "1970-01-01T00:00:00+00:00"), (None, None)])
def test_a_time_is_written_in_utc(seconds: float | None, text: str | None) -> None:
    assert utc(seconds) == text


def test_a_new_file_takes_no_others_place(tmp_path: Path) -> None:
    new_file(tmp_path / "a", b"first")
    with pytest.raises(Refused, match=r"a is there already: name another file, or move it away"):
        new_file(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"


def test_half_a_file_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.FileIO):
        def write(self, content: Any, /) -> int:
            super().write(content[:3])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda path, mode: Full(path, mode.removesuffix("b")))
    with pytest.raises(Refused, match="a cannot be written: No space left on device"):
        new_file(tmp_path / "a", b"content")
    assert not (tmp_path / "a").exists()


def test_of_a_file_that_is_too_large_one_byte_more_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert file_content(tmp_path / "a", max_bytes=3) == b"1234"
    with pytest.raises(Refused, match="b cannot be read: No such file"):
        file_content(tmp_path / "b", max_bytes=3)
