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
    hidden_name,
    lies_there,
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
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.delattr(os, "O_TMPFILE")
    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "spring.csv"
    with PrintFile(path) as file:
        file.add(b"one")
        file.seal()
        file.appear()
    with PrintFile(tmp_path / "summer.csv") as file:
        file.seal()
        (tmp_path / "summer.csv").write_text("somebody's")
        with pytest.raises(Refused, match="is there already"):
            file.appear()

    assert path.read_bytes() == b"one"
    assert (tmp_path / "summer.csv").read_text() == "somebody's"
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "summer.csv"]


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
        path.write_text("somebody's")
        with pytest.raises(Refused, match="is there already"):
            file.appear()
    assert path.read_text() == "somebody's"
    assert list(tmp_path.iterdir()) == [path]


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
        file.appear()

    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert b"00000000000000012" not in path.read_bytes()
    assert decrypt(path.read_bytes(), [PRINTER]) == GOOD.encode() * 50


def test_a_file_is_known_again_by_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "spring.csv"
    digest = hashlib.sha256(b"one").hexdigest()
    assert lies_there(path, sha256=digest) is False
    path.write_bytes(b"two")
    assert lies_there(path, sha256=digest) is False
    path.write_bytes(b"one")
    assert lies_there(path, sha256=digest) is True


def test_where_a_file_cannot_be_seen_nothing_is_said_of_it(tmp_path: Path) -> None:
    assert lies_there(tmp_path / "stick" / "spring.csv", sha256="") is None
    (tmp_path / "spring.csv").mkdir()
    assert lies_there(tmp_path / "spring.csv", sha256="") is None


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
