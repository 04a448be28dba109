from __future__ import annotations

import stat
from pathlib import Path

import pytest

from scanhook.errors import CodeFileRefused, StorageError
from scanhook.registry.rejects import Rejects


@pytest.fixture
def rejects(tmp_path: Path) -> Rejects:
    (tmp_path / "work").mkdir()
    return Rejects(tmp_path / "work")


@pytest.fixture
def many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.registry.rejects._LINES_A_FILE", 3)
    monkeypatch.setattr("scanhook.registry.rejects._WAITING_MAX", 2)


@pytest.mark.usefixtures("many_files")
def test_lines_are_written_in_order(rejects: Rejects, tmp_path: Path) -> None:
    for line in (9, 2, 30, 7, 3):
        rejects.add(line, f"why, {line % 2}")
    rejects.add_double(8, 2)

    rejects.write(tmp_path / "rejects.csv")

    assert (tmp_path / "rejects.csv").read_text().splitlines() == [
        "line,reason",
        '2,"why, 0"',
        '3,"why, 1"',
        '7,"why, 1"',
        "8,its code stands in line 2 already",
        '9,"why, 1"',
        '30,"why, 0"',
    ]
    assert rejects.count == 6
    assert stat.S_IMODE((tmp_path / "rejects.csv").stat().st_mode) == 0o600


def test_without_rejects_there_is_no_file(rejects: Rejects, tmp_path: Path) -> None:
    rejects.write(tmp_path / "rejects.csv")

    assert not (tmp_path / "rejects.csv").exists()


@pytest.mark.usefixtures("many_files")
def test_what_a_killed_import_has_gathered_is_found_again(rejects: Rejects, tmp_path: Path) -> None:
    rejects.add(5, "first")
    rejects.add_double(9, 4)
    rejects.flush()

    again = Rejects(tmp_path / "work")
    again.take_up()
    again.add(7, "second")
    again.add(2, "first")
    again.write(tmp_path / "rejects.csv")

    assert again.count == 4
    assert (tmp_path / "rejects.csv").read_text().splitlines() == [
        "line,reason",
        "2,first",
        "5,first",
        "7,second",
        "9,its code stands in line 4 already",
    ]


@pytest.mark.usefixtures("many_files")
def test_a_line_that_is_taken_again_after_a_kill_is_there_once(rejects: Rejects, tmp_path: Path) -> None:
    rejects.add(5, "first")
    rejects.add(9, "second")
    rejects.flush()
    with (tmp_path / "work" / "rejects-00003").open("ab") as file:
        file.write(b"half")  # a record that was being written

    again = Rejects(tmp_path / "work")
    again.take_up()
    assert again.count == 2
    for line in (9, 10, 5):
        again.add(line, "second" if line > 5 else "first")
    again.recount()
    again.write(tmp_path / "rejects.csv")

    assert again.count == 3
    assert (tmp_path / "rejects.csv").read_text().splitlines() == ["line,reason", "5,first", "9,second", "10,second"]


@pytest.mark.usefixtures("many_files")
def test_no_line_is_on_the_disk_before_its_reason(
    rejects: Rejects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rejects.add(5, "first")
    rejects.flush()
    kept = (tmp_path / "work" / "reasons.json").read_bytes()
    rejects.add(9, "second")

    def killed(_path: Path, _target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            rejects.flush()

    assert (tmp_path / "work" / "reasons.json").read_bytes() == kept
    again = Rejects(tmp_path / "work")
    again.take_up()
    assert again.count == 1


@pytest.mark.parametrize("content", [None, "", "[", "7"])
def test_reasons_that_are_gone_or_damaged_are_told(rejects: Rejects, tmp_path: Path, content: str | None) -> None:
    rejects.add(5, "first")
    rejects.flush()
    path = tmp_path / "work" / "reasons.json"
    path.unlink()
    if content is not None:
        path.write_text(content)

    with pytest.raises(StorageError, match=r"reasons\.json is gone or damaged"):
        Rejects(tmp_path / "work").take_up()


def test_reasons_without_number_do_not_fill_memory(
    rejects: Rejects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.registry.rejects._REASONS_MAX", 2)
    for line in range(5):
        rejects.add(line, f"it has {line} fields")

    rejects.write(tmp_path / "rejects.csv")

    assert (tmp_path / "rejects.csv").read_text().splitlines()[3:] == [
        f"{line},it cannot be read" for line in (2, 3, 4)
    ]


def test_a_file_that_cannot_be_written_names_the_first_line(rejects: Rejects, tmp_path: Path) -> None:
    rejects.add(8, "one")
    rejects.add(3, "two")

    with pytest.raises(CodeFileRefused, match=r"line 3 is refused \(two\), and .* cannot be written: .*--rejects"):
        rejects.write(tmp_path / "missing" / "rejects.csv")
