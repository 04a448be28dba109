from __future__ import annotations

import csv
import errno
import hashlib
import io
import os
from pathlib import Path
from stat import S_IMODE

import pytest
from pyrage import decrypt, x25519

from scanhook.errors import CodeFileRefused, Refused
from scanhook.registry.agefile import Identities, Recipient
from scanhook.registry.printfile import (
    PRINT_COLUMNS,
    PrintFile,
    PrintLine,
    discard_hidden,
    has_appeared,
    hidden_name,
    print_lines,
    read_print_lines,
)

SERIALS = b"00000000000000012" + b"000000000000000G5"
PREFIX = "http://p.url.cn/5g0B4A90aqc"
HEADER = "position,serial,content,batch\r\n"
GOOD = HEADER + f"1,00000000000000012,{PREFIX}00000000000000012,spring\r\n"
PRINTER = x25519.Identity.generate()
KEY = Recipient(text=str(PRINTER.to_public()))


@pytest.fixture(params=["a file without a name", "a hidden name"])
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Play both kinds of disk: those that know files without a name, and the others."""
    if request.param == "a hidden name":
        monkeypatch.delattr(os, "O_TMPFILE")
    return str(request.param)


def read(path: Path, **keys: Identities) -> list[PrintLine]:
    return list(read_print_lines(path, **keys))


def test_lines_are_golden() -> None:
    assert print_lines(7, SERIALS, prefix=PREFIX, batch="spring") == (
        b"7,00000000000000012,http://p.url.cn/5g0B4A90aqc00000000000000012,spring\r\n"
        b"8,000000000000000G5,http://p.url.cn/5g0B4A90aqc000000000000000G5,spring\r\n"
    )


@pytest.mark.parametrize("prefix", [PREFIX, "https://x.cn/?a,b=", 'https://x.cn/"'])
@pytest.mark.parametrize("batch", ["spring", "spring, second", 'the "best"', "春茶"])
def test_prefix_and_batch_may_hold_commas_and_quotes(prefix: str, batch: str) -> None:
    written = print_lines(1, SERIALS, prefix=prefix, batch=batch).decode()
    assert list(csv.reader(io.StringIO(written, newline=""), strict=True)) == [
        ["1", "00000000000000012", prefix + "00000000000000012", batch],
        ["2", "000000000000000G5", prefix + "000000000000000G5", batch],
    ]


def test_a_file_appears_whole_and_for_its_owner_only(tmp_path: Path, disk: str) -> None:
    path = tmp_path / "spring.csv"
    with PrintFile(path) as file:
        file.add(b"one")
        file.add(b"two")
        digest = file.seal()
        file.stand_by()
        assert not path.exists()
        file.appear()

    assert path.read_bytes() == b"onetwo"
    assert digest == hashlib.sha256(b"onetwo").hexdigest()
    assert S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_did_not_appear_leaves_nothing(tmp_path: Path, disk: str) -> None:
    with PrintFile(tmp_path / "spring.csv") as file:
        file.add(b"one")
        file.seal()
    assert list(tmp_path.iterdir()) == []


def test_a_file_has_no_name_while_it_is_written(tmp_path: Path) -> None:
    with PrintFile(tmp_path / "spring.csv") as file:
        file.add(b"one")
        assert list(tmp_path.iterdir()) == []


def test_on_other_disks_it_has_a_hidden_name_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    path = tmp_path / "spring.csv"
    with PrintFile(path) as file:
        assert list(tmp_path.iterdir()) == [hidden_name(path)] == [tmp_path / ".spring.csv.minting"]
        assert S_IMODE(hidden_name(path).stat().st_mode) == 0o600
        file.add(b"one")


def test_a_disk_without_links_takes_a_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    monkeypatch.delattr(os, "link")
    path = tmp_path / "spring.csv"
    with PrintFile(path) as file:
        file.add(b"one")
        file.seal()
        file.stand_by()
        file.appear()
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_flushed_takes_a_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "spring.csv"
    with PrintFile(path) as file:
        file.add(b"one")
        file.seal()
        monkeypatch.setattr(os, "fsync", refuse)
        file.stand_by()
        file.appear()
    assert path.read_bytes() == b"one"


def refuse(*_: object) -> None:
    raise OSError(errno.EINVAL, "Invalid argument")


def test_nothing_is_written_over(tmp_path: Path, disk: str) -> None:
    path = tmp_path / "spring.csv"
    path.write_text("somebody's")
    with pytest.raises(Refused, match=r"spring\.csv is there already, and codes are never written over a file"):
        PrintFile(path)
    (tmp_path / "link.csv").symlink_to(tmp_path / "nowhere")
    with pytest.raises(Refused, match=r"link\.csv is there already"):
        PrintFile(tmp_path / "link.csv")
    assert path.read_text() == "somebody's"


def test_a_name_that_is_taken_meanwhile_is_not_taken_back(tmp_path: Path, disk: str) -> None:
    path = tmp_path / "spring.csv"
    with PrintFile(path) as file:
        file.add(b"one")
        file.seal()
        file.stand_by()
        path.write_text("somebody's")
        with pytest.raises(Refused, match="is there already"):
            file.appear()
    assert hidden_name(path).read_text() == "one"
    discard_hidden(path)
    assert path.read_text() == "somebody's"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_is_given_back_when_the_file_cannot_get_it(tmp_path: Path, disk: str) -> None:
    path = tmp_path / "spring.csv"
    with PrintFile(path) as file:
        file.seal()
        file.stand_by()
        hidden_name(path).unlink()
        with pytest.raises(Refused, match=r"spring\.csv cannot be written"):
            file.appear()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", ["taken", "free"])
def test_a_file_that_stood_by_is_discarded_with_the_name_it_held(tmp_path: Path, disk: str, left: str) -> None:
    path = tmp_path / "spring.csv"
    with PrintFile(path) as file:
        file.add(b"one")
        file.seal()
        file.stand_by()
    assert list(tmp_path.iterdir()) == [hidden_name(path)]
    if left == "taken":
        path.touch(mode=0o600)
    discard_hidden(path)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_of_somebody_else_is_not_discarded(tmp_path: Path) -> None:
    path = tmp_path / "spring.csv"
    path.touch(mode=0o600)
    discard_hidden(path)
    path.chmod(0o644)
    hidden_name(path).touch(mode=0o600)
    discard_hidden(path)
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_mint_has_left_is_cleared_by_the_next(tmp_path: Path, disk: str) -> None:
    path = tmp_path / "spring.csv"
    hidden_name(path).write_text("left behind")
    with PrintFile(path) as file:
        file.add(b"one")
        file.seal()
        file.stand_by()
        file.appear()
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_what_another_mint_is_writing_is_left_alone(tmp_path: Path, disk: str) -> None:
    path = tmp_path / "spring.csv"
    with PrintFile(path) as file:
        file.seal()
        file.stand_by()
        with pytest.raises(Refused, match=r"\.spring\.csv\.minting is there already"):
            PrintFile(path)
        file.appear()
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_that_is_too_long_when_hidden_is_told_at_once(tmp_path: Path, disk: str) -> None:
    with pytest.raises(Refused, match="File name too long"):
        PrintFile(tmp_path / ("x" * 250))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, disk: str) -> None:
    with pytest.raises(Refused, match=r"spring\.csv cannot be written: No such file or directory"):
        PrintFile(tmp_path / "nowhere" / "spring.csv")


@pytest.mark.parametrize("recipient", [None, KEY], ids=["plain", "encrypted"])
def test_a_full_disk_is_told(tmp_path: Path, recipient: Recipient | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PrintFile, "_open", lambda _self: os.open("/dev/full", os.O_WRONLY))
    told = r"spring\.csv cannot be written: No space left on device; nothing was minted"
    with PrintFile(tmp_path / "spring.csv", recipient=recipient) as file, pytest.raises(Refused, match=told):
        file.add(bytes(10_000_000))
    assert list(tmp_path.iterdir()) == []


def test_an_encrypted_file_is_hashed_as_it_lies_there(tmp_path: Path, disk: str) -> None:
    path = tmp_path / "spring.csv.age"
    with PrintFile(path, recipient=KEY) as file:
        for _ in range(50):
            file.add(GOOD.encode())
        digest = file.seal()
        file.stand_by()
        file.appear()

    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert b"00000000000000012" not in path.read_bytes()
    assert decrypt(path.read_bytes(), [PRINTER]) == GOOD.encode() * 50


DIGEST = hashlib.sha256(b"one").hexdigest()


@pytest.fixture
def standing_by(tmp_path: Path) -> tuple[Path, str]:
    """Return the name of a file that stands by, and what knows its folder."""
    path = tmp_path / "shelf" / "spring.csv"
    path.parent.mkdir()
    with PrintFile(path) as file:
        file.add(b"one")
        file.seal()
        file.stand_by()
    return path, file_folder(path)


def file_folder(path: Path) -> str:
    with PrintFile(path.with_name("other.csv")) as file:
        return file.folder


def test_a_file_that_stands_by_has_not_appeared(standing_by: tuple[Path, str]) -> None:
    path, folder = standing_by
    assert has_appeared(path, sha256=DIGEST, folder=folder) is False
    assert has_appeared(path, sha256=DIGEST, folder="another") is False


def test_a_file_that_got_its_name_has_appeared_wherever_it_is_now(standing_by: tuple[Path, str]) -> None:
    path, folder = standing_by
    hidden_name(path).rename(path)
    assert has_appeared(path, sha256=DIGEST, folder=folder) is True
    assert has_appeared(path, sha256=DIGEST, folder="another") is True
    path.write_bytes(b"edited")
    assert has_appeared(path, sha256=DIGEST, folder=folder) is True
    path.unlink()
    assert has_appeared(path, sha256=DIGEST, folder=folder) is True
    hidden_name(path).write_text("another mint's")
    assert has_appeared(path, sha256=DIGEST, folder=folder) is True


def test_of_a_file_in_a_folder_that_cannot_be_seen_nothing_is_said(standing_by: tuple[Path, str]) -> None:
    path, folder = standing_by
    path.parent.rename(path.parent.with_name("away"))
    assert has_appeared(path, sha256=DIGEST, folder=folder) is None
    path.parent.mkdir()
    assert has_appeared(path, sha256=DIGEST, folder=folder) is None
    path.parent.rmdir()
    path.parent.with_name("away").rename(path.parent)
    assert has_appeared(path, sha256=DIGEST, folder=folder) is False
    hidden_name(path).unlink()
    hidden_name(path).mkdir()
    assert has_appeared(path, sha256=DIGEST, folder=folder) is None


def test_a_printers_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "spring.csv"
    lines = print_lines(1, SERIALS, prefix=PREFIX, batch="春茶, 二")
    path.write_bytes(HEADER.encode() + lines)

    assert read(path) == [
        PrintLine(position=1, serial="00000000000000012", content=PREFIX + "00000000000000012", batch="春茶, 二"),
        PrintLine(position=2, serial="000000000000000G5", content=PREFIX + "000000000000000G5", batch="春茶, 二"),
    ]
    path.write_bytes(b"\xef\xbb\xbf" + HEADER.encode() + lines)
    assert len(read(path)) == 2


def test_an_encrypted_file_is_read_with_its_key_only(tmp_path: Path) -> None:
    path = tmp_path / "spring.csv.age"
    with PrintFile(path, recipient=KEY) as file:
        file.add(GOOD.encode())
        file.seal()
        file.stand_by()
        file.appear()

    assert len(read(path, identities=Identities(keys=(PRINTER,)))) == 1
    with pytest.raises(Refused, match="is encrypted: name the file with the printer's secret key with --identity"):
        read(path)
    with pytest.raises(CodeFileRefused, match="cannot be read: No matching keys found"):
        read(path, identities=Identities(keys=(x25519.Identity.generate(),)))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CodeFileRefused, match="cannot be read: "):
        read(path, identities=Identities(keys=(PRINTER,)))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is no printer's file: its first line must be `position,serial,content,batch`"),
        (b"keystandard,keystr,extinfo,status\r\n", "is no printer's file: its first line"),
        (GOOD.encode() + b"2,X,http://x.cn/X", "line 3: it has not the columns"),
        (GOOD.encode() + b"two,X,http://x.cn/X,spring", "line 3: it has not the columns"),
        (GOOD.encode() + b"9" * 5000 + b",X,http://x.cn/X,spring", "line 3: it has not the columns"),
        (GOOD.encode() + b"2,X," + b"X" * 79 + b",spring", "line 3: its content is not 1 to 78 printable bytes"),
        (GOOD.encode() + b"2,X,,spring", "line 3: its content is not"),
        (GOOD.encode() + b"2,,http://x.cn/X,spring", "line 3: its content is not"),
        (GOOD.encode() + b"2,X,http://x.cn/\x07,spring", "line 3: its content is not"),
        (GOOD.encode() + b"2,X,http://x.cn/\x00,spring", "is no printer's file: it is not CSV|line 3: its content"),
        (GOOD.encode() + b'2,"X,http://x.cn/X,spring', "it is not CSV in UTF-8"),
        (GOOD.encode() + "2,X,http://x.cn/茶,spring".encode("gbk"), "it is not CSV in UTF-8"),
        (b"\x1f\x8b\x08\x00" + bytes(range(256)), "is no printer's file"),
    ],
)
def test_what_is_no_printers_file_is_refused_without_showing_it(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "spring.csv"
    path.write_bytes(content)
    with pytest.raises(CodeFileRefused, match=why) as refused:
        read(path)
    assert "x.cn" not in str(refused.value)


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CodeFileRefused, match="No such file or directory"):
        read(tmp_path / "spring.csv")


def test_the_columns_are_these() -> None:
    assert PRINT_COLUMNS == ("position", "serial", "content", "batch")
