from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from scanhook.errors import CodeFileRefused
from scanhook.registry.codefile import Block, CodeFile, digest_of
from tests.registry.codes import HEADER, Line, code_file, lines_of


def blocks_of(path: Path) -> list[Block]:
    return list(CodeFile(path).blocks(lambda _done: None))


def codes_of(path: Path) -> list[str]:
    return [line.ext_info for _, line in lines_of(path) if isinstance(line, Line)]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.registry.codefile.BLOCK_BYTES", 40)


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_a_file_is_read_as_one_block(tmp_path: Path, *, zipped: bool) -> None:
    path = code_file(tmp_path / "codes.csv", "ean13,1,A1,active", "ean13,1,A2,active", zipped=zipped)

    assert blocks_of(path) == [
        Block(number=0, first_line=2, content=b"ean13,1,A1,active\nean13,1,A2,active\n", last=True, share=1.0)
    ]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_long_file_is_cut_behind_ends_of_lines(tmp_path: Path, end: str, *, zipped: bool) -> None:
    path = code_file(tmp_path / "codes.csv", *[f"ean13,1,A{n},active" for n in range(30)], end=end, zipped=zipped)

    blocks = blocks_of(path)

    assert len(blocks) > 8
    assert [block.number for block in blocks] == list(range(len(blocks)))
    assert [block.last for block in blocks] == [False] * (len(blocks) - 1) + [True]
    assert {block.content[-1:] for block in blocks} <= {end[-1:].encode(), b""}
    assert [number for number, _ in lines_of(path)] == list(range(2, 32))
    assert codes_of(path) == [f"A{n}" for n in range(30)]
    assert zipped or 0.9 < sum(block.share for block in blocks) < 1.3


@pytest.mark.usefixtures("small_blocks")
def test_empty_lines_are_counted(tmp_path: Path) -> None:
    path = code_file(tmp_path / "codes.csv", "", "ean13,1,A1,active", "", "", "ean13,1,A2,active", "")

    assert [number for number, _ in lines_of(path)] == [3, 6]


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(f"{HEADER}\nean13,1,A1,active")

    assert codes_of(path) == ["A1"]


def test_a_mark_at_the_beginning_is_passed_over(tmp_path: Path) -> None:
    assert codes_of(code_file(tmp_path / "codes.csv", "ean13,1,A1,active", encoding="utf-8-sig")) == ["A1"]


@pytest.mark.parametrize(
    "header",
    [
        "KeyStandard,KeyStr,ExtInfo,Status",
        " keystandard , keystr,extinfo,status ",
        f'"{HEADER}'.replace(",", '","') + '"',
    ],
)
def test_the_header_may_have_capitals_blanks_and_quotes(tmp_path: Path, header: str) -> None:
    assert codes_of(code_file(tmp_path / "codes.csv", "ean13,1,A1,active", header=header)) == ["A1"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "ean13,6900873042720,A1,active",
        "keystandard,keystr,extinfo",
        "keystr,keystandard,extinfo,status",
        "keystandard,keystr,extinfo,status,batch,more",
        "keystandard;keystr;extinfo;status",
        '"keystandard,keystr,extinfo,status',
        '"keystandard"x,keystr,extinfo,status',
        "keystandard\x00,keystr,extinfo,status",
    ],
)
def test_another_header_is_refused_with_the_right_one(tmp_path: Path, header: str) -> None:
    path = code_file(tmp_path / "codes.csv", "ean13,1,A1,active", header=header)

    with pytest.raises(CodeFileRefused, match="line 1: the header must be `keystandard,keystr,extinfo,status`"):
        blocks_of(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "codes.csv").touch()

    with pytest.raises(CodeFileRefused, match="the header must be"):
        blocks_of(tmp_path / "codes.csv")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_by_its_name(tmp_path: Path, encoding: str) -> None:
    path = code_file(tmp_path / "codes.csv", "ean13,1,A1,active", header=f"\ufeff{HEADER}", encoding=encoding)

    with pytest.raises(CodeFileRefused, match=r"codes\.csv is UTF-16: save it as UTF-8"):
        blocks_of(path)


@pytest.mark.parametrize(("name", "why"), [("missing.csv", "No such file"), ("", "Is a directory")])
def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(CodeFileRefused, match=why):
        CodeFile(tmp_path / name)


@pytest.mark.usefixtures("small_blocks")
def test_a_line_without_end_is_no_code_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.registry.codefile._LINE_MAX_BYTES", 1000)
    path = code_file(tmp_path / "codes.csv", "ean13,1,A1,active", "x" * 1100)

    with pytest.raises(CodeFileRefused, match="has a line of more than"):
        blocks_of(path)


WHOLE = gzip.compress((HEADER + "\n" + "".join(f"ean13,1,{number * 7919},active\n" for number in range(2000))).encode())


@pytest.mark.parametrize(
    "content",
    [WHOLE[: len(WHOLE) // 2], WHOLE[:-4], WHOLE[:200] + bytes(50) + WHOLE[250:], WHOLE[:-8] + bytes(8), WHOLE[:5]],
    ids=["half", "no length", "damaged", "wrong sum", "no more than a head"],
)
def test_damaged_gzip_data_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "codes.csv.gz").write_bytes(content)

    with pytest.raises(CodeFileRefused, match="gzip data ends early or is damaged"):
        blocks_of(tmp_path / "codes.csv.gz")


@pytest.mark.usefixtures("small_blocks")
def test_a_file_that_is_changed_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = code_file(tmp_path / "codes.csv", *[f"ean13,1,{number},active" for number in range(9)])
    blocks = CodeFile(path).blocks(lambda _done: None)
    next(blocks)
    with path.open("a") as file:
        file.write("ean13,1,9,active\n")

    with pytest.raises(CodeFileRefused, match="was changed while it was read: import it again"):
        list(blocks)


@pytest.mark.usefixtures("small_blocks")
def test_progress_is_told_in_bytes_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    path = code_file(tmp_path / "codes.csv", *["ean13,1,A1,active"] * 30)
    told: list[int] = []

    list(CodeFile(path).blocks(told.append))

    assert len(told) > 8
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_the_digest_is_that_of_the_file_as_it_lies_there(tmp_path: Path, *, zipped: bool) -> None:
    path = code_file(tmp_path / "codes.csv", "ean13,1,A1,active", zipped=zipped)
    path.write_bytes(path.read_bytes() + (bytes(10) if zipped else b""))
    golden = hashlib.blake2b(path.read_bytes(), digest_size=32).digest()

    file = CodeFile(path)
    list(file.blocks(lambda _done: None))

    assert file.digest == golden
    assert digest_of(path) == golden


def test_the_digest_of_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CodeFileRefused, match="cannot be read"):
        digest_of(tmp_path / "gone.csv")
