from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scanhook.errors import StorageError
from scanhook.journal import Erasure, erase_person, erasures_path, read_erasures, remember_erasures
from scanhook.journal.people import mark_of
from scanhook.journal.sqlite import SqliteJournal
from scanhook.storage import Pepper, StorageUrl

AT = 1_760_000_000.25
FIRST = Erasure(mark=bytes(range(16)), at=AT)
SECOND = Erasure(mark=bytes(range(1, 17)), at=AT + 1)
LINE = "2025-10-09T08:53:20.250+00:00 000102030405060708090a0b0c0d0e0f\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "erasures"


def test_a_list_that_is_not_there_is_empty(path: Path) -> None:
    assert read_erasures(path) == []
    assert not path.exists()


def test_the_list_lies_beside_the_journal(tmp_path: Path) -> None:
    assert erasures_path(StorageUrl.parse("sqlite:///data", base=tmp_path)) == tmp_path / "data" / "erasures"


def test_erasures_are_added_in_their_order_to_a_private_file(path: Path) -> None:
    assert remember_erasures(path, [FIRST]) == 1
    assert remember_erasures(path, [SECOND]) == 1

    assert path.read_text().startswith(LINE)
    assert read_erasures(path) == [FIRST, SECOND]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_the_list_has_is_not_added_again(path: Path) -> None:
    remember_erasures(path, [FIRST])

    assert remember_erasures(path, [SECOND, FIRST, SECOND]) == 1
    assert remember_erasures(path, [FIRST, SECOND]) == 0
    assert read_erasures(path) == [FIRST, SECOND]


def test_a_time_is_kept_to_the_millisecond(path: Path) -> None:
    for number in range(50):
        remember_erasures(path, [Erasure(mark=bytes(16), at=AT + number * 0.0013)])

    assert read_erasures(path) == [
        Erasure(mark=bytes(16), at=round((AT + n * 0.0013) * 1000) / 1000) for n in range(50)
    ]


@pytest.mark.parametrize("cut", [1, 10, 30, len(LINE) - 1])
def test_a_line_that_was_cut_off_is_no_erasure_and_gives_way_to_the_next(path: Path, cut: int) -> None:
    path.write_text(LINE + LINE[:cut])

    assert read_erasures(path) == [FIRST]
    assert remember_erasures(path, [SECOND]) == 1
    assert read_erasures(path) == [FIRST, SECOND]


@pytest.mark.parametrize(
    "line", ["", "nonsense", "yesterday " + "00" * 16, LINE[:-3], LINE[:30] + "0G" * 16, LINE[:-1] + " more", "\x00ÿ"]
)
def test_a_line_that_says_something_else_is_told_with_its_number(path: Path, line: str) -> None:
    path.write_text(LINE + line + "\n" + LINE)

    with pytest.raises(StorageError, match="line 2 is no erasure: put back the file from a backup, or delete the line"):
        read_erasures(path)
    with pytest.raises(StorageError, match="line 2"):
        remember_erasures(path, [SECOND])


def test_a_list_that_cannot_be_read_is_told(path: Path) -> None:
    path.mkdir()

    with pytest.raises(StorageError, match="Is a directory"):
        read_erasures(path)
    with pytest.raises(StorageError, match="Is a directory"):
        remember_erasures(path, [FIRST])


def test_many_who_add_at_once_lose_nothing(path: Path) -> None:
    erasures = [Erasure(mark=bytes([number]) * 16, at=AT) for number in range(40)]

    with ThreadPoolExecutor(8) as threads:
        added = list(threads.map(lambda erasure: remember_erasures(path, [erasure]), erasures))

    assert added == [1] * 40
    assert sorted(read_erasures(path), key=lambda erasure: erasure.mark) == erasures


def test_a_mark_is_always_the_same(pepper: Pepper) -> None:
    assert mark_of(b"\xaa" * 16, pepper=pepper).hex() == "94bbb1cbfddf3c6e4ebf8ba6e64c0406"


def test_nobody_is_erased_before_the_list_says_so(
    tmp_path: Path, empty_storage: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = SqliteJournal(empty_storage, pepper=pepper)
    monkeypatch.setattr(SqliteJournal, "begin_erasure", lambda *_: pytest.fail("it began"))

    with pytest.raises(StorageError, match="No such file or directory"):
        erase_person(journal, "otAz", pepper=pepper, erasures=tmp_path / "nowhere" / "erasures", now=AT)
    journal.close()
