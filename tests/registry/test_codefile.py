from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from scanhook.errors import CodeFileRefused
from scanhook.registry import State
from scanhook.registry.codefile import CodeFile, CodeLine, LineRefused
from tests.registry.codes import HEADER, code_file

CODE = "6J5T9XQ2"


def lines_of(path: Path) -> list[tuple[int, CodeLine | LineRefused]]:
    return list(CodeFile(path).lines(lambda _done: None))


def codes_of(path: Path) -> list[str]:
    return [line.ext_info for _, line in lines_of(path) if isinstance(line, CodeLine)]


def line(
    key_standard: str, key_str: str, ext_info: str, state: State = State.ACTIVE, batch: str = ""
) -> CodeLine | LineRefused:
    return CodeLine(key_standard=key_standard, key_str=key_str, ext_info=ext_info, state=state, batch=batch)


def test_lines_are_read_with_their_numbers(tmp_path: Path) -> None:
    path = code_file(tmp_path / "codes.csv", "ean13,6900873042720,A1,active", "qrcode,tea-53,B2,inactive")

    assert lines_of(path) == [
        (2, line("ean13", "6900873042720", "A1", State.ACTIVE)),
        (3, line("qrcode", "tea-53", "B2", State.ISSUED)),
    ]


def test_a_line_may_name_its_batch(tmp_path: Path) -> None:
    path = code_file(tmp_path / "codes.csv", "ean13,1,A1,active,B-7", "ean13,1,A2,active,", header=f"{HEADER},batch")

    assert lines_of(path) == [
        (2, line("ean13", "1", "A1", batch="B-7")),
        (3, line("ean13", "1", "A2", batch="")),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_the_encoding_is_found(tmp_path: Path, encoding: str, *, zipped: bool) -> None:
    path = code_file(
        tmp_path / "codes.csv",
        "qrcode,茅台酒,编号一,active,国庆",
        header=f"{HEADER},batch",
        encoding=encoding,
        zipped=zipped,
    )

    assert lines_of(path) == [(2, line("qrcode", "茅台酒", "编号一", batch="国庆"))]


def test_a_letter_that_lies_across_two_blocks_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.registry.codefile._CHUNK_BYTES", 1)

    assert codes_of(code_file(tmp_path / "codes.csv", "qrcode,茅台酒,编号一,active")) == ["编号一"]


@pytest.mark.parametrize("header", ["KeyStandard,KeyStr,ExtInfo,Status", " keystandard , keystr,extinfo,status "])
def test_the_header_may_have_capitals_and_blanks(tmp_path: Path, header: str) -> None:
    assert codes_of(code_file(tmp_path / "codes.csv", "ean13,1,A1,active", header=header)) == ["A1"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_way_to_end_a_line_is_read(tmp_path: Path, end: str) -> None:
    path = code_file(tmp_path / "codes.csv", "ean13,1,A1,active", "ean13,1,A2,active", end=end)

    assert [number for number, _ in lines_of(path)] == [2, 3]
    assert codes_of(path) == ["A1", "A2"]


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(f"{HEADER}\nean13,1,A1,active")

    assert codes_of(path) == ["A1"]


def test_empty_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = code_file(tmp_path / "codes.csv", "", "ean13,1,A1,active", "", "", "ean13,1,A2,active", "")

    assert [number for number, _ in lines_of(path)] == [3, 6]


def test_fields_may_be_quoted(tmp_path: Path) -> None:
    path = code_file(tmp_path / "codes.csv", '"ean13","1","A,""1""","active"', 'ean13,1,A"2,active')

    assert codes_of(path) == ['A,"1"', 'A"2']


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (f"ean13,1,{CODE}", "it has 3 fields, and the header has 4"),
        (f"ean13,1,{CODE},active,B-7", "it has 5 fields, and the header has 4"),
        (f"{CODE}", "it has 1 fields, and the header has 4"),
        (f"ean13;1;{CODE};active", "it has 1 fields, and the header has 4"),
        (f"ean13,1,{CODE},sold", "its status is neither `active` nor `inactive`"),
        (f"ean13,1,{CODE},", "its status is neither `active` nor `inactive`"),
        (f"ean13,1,{CODE},activated", "its status is neither `active` nor `inactive`"),
        (f",1,{CODE},active", "its keystandard is empty"),
        (f"ean13,,{CODE},active", "its keystr is empty"),
        ("ean13,1,,active", "its extinfo is empty"),
        (f"{'e' * 65},1,{CODE},active", "its keystandard has more than 64 characters"),
        (f"ean13,{'1' * 65},{CODE},active", "its keystr has more than 64 characters"),
        (f"ean13,1,{CODE * 8}1,active", "its extinfo has more than 64 characters"),
        (f"ean13,1,{CODE}\x00,active", "its extinfo holds a character that cannot be printed"),
        (f"ean13,1,{CODE}\x1b[2J,active", "its extinfo holds a character that cannot be printed"),
        (f"ean13,1,{CODE}\t,active", "its extinfo holds a character that cannot be printed"),
        (f"ean13,1,{CODE}\x7f,active", "its extinfo holds a character that cannot be printed"),
        (f"ean13,1,{CODE}\u200b,active", "its extinfo holds a character that cannot be printed"),
        (f"ean13,1,{CODE}\ufeff,active", "its extinfo holds a character that cannot be printed"),
        (f"ean13,1\x07,{CODE},active", "its keystr holds a character that cannot be printed"),
        (f'ean13,1,"{CODE}"x,active', "it is not CSV: ',' expected after '\"'"),
    ],
)
def test_a_line_that_cannot_be_used_is_told_without_its_code(tmp_path: Path, fields: str, why: str) -> None:
    path = code_file(tmp_path / "codes.csv", "ean13,1,A1,active", fields, "ean13,1,A3,active")

    (_, before), (number, refused), (after_number, after) = lines_of(path)

    assert isinstance(refused, LineRefused)
    assert (number, str(refused)) == (3, why)
    assert CODE not in str(refused)
    assert (before, after_number, after) == (line("ean13", "1", "A1"), 4, line("ean13", "1", "A3"))


@pytest.mark.parametrize(
    ("batch", "why"),
    [("B" * 65, "its batch has more than 64 characters"), ("B\x08", "its batch holds a character")],
)
def test_a_batch_that_cannot_be_written_is_refused(tmp_path: Path, batch: str, why: str) -> None:
    path = code_file(tmp_path / "codes.csv", f"ean13,1,A1,active,{batch}", header=f"{HEADER},batch")

    ((_, refused),) = lines_of(path)

    assert isinstance(refused, LineRefused)
    assert str(refused).startswith(why)


def test_the_longest_texts_are_taken(tmp_path: Path) -> None:
    path = code_file(
        tmp_path / "codes.csv", f"{'e' * 64},{'茅' * 64},{'A' * 64},active,{'b' * 64}", header=f"{HEADER},batch"
    )

    assert lines_of(path) == [(2, line("e" * 64, "茅" * 64, "A" * 64, batch="b" * 64))]


def test_a_field_that_is_far_too_long_is_refused_alone(tmp_path: Path) -> None:
    path = code_file(tmp_path / "codes.csv", f"ean13,1,{'A' * 200_000},active", "ean13,1,A2,active")

    (_, refused), (_, after) = lines_of(path)

    assert isinstance(refused, LineRefused)
    assert after == line("ean13", "1", "A2")


@pytest.mark.parametrize(
    "lines",
    [
        ['ean13,1,"A2,active', "ean13,1,A3,active", "ean13,1,A4,active"],
        ['ean13,1,"A2,active', "ean13,1,A3,active", 'ean13,1,A4",active'],
        ['ean13,1,"A2', '",active'],
        ['"', '"'],
    ],
    ids=["never closed", "closed further down", "a line break in a field", "nothing but a line break"],
)
def test_a_quoted_field_that_swallows_lines_refuses_the_whole_file(tmp_path: Path, lines: list[str]) -> None:
    path = code_file(tmp_path / "codes.csv", "ean13,1,A1,active", *lines)

    with pytest.raises(CodeFileRefused, match="line 3: a quoted field runs over the end of its line"):
        lines_of(path)


def test_a_quoted_field_that_is_not_closed_in_the_last_line_refuses_that_line(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(f'{HEADER}\nean13,1,A1,active\nean13,1,"A2,active')

    (_, before), (number, refused) = lines_of(path)

    assert before == line("ean13", "1", "A1")
    assert (number, str(refused)) == (3, "it is not CSV: unexpected end of data")


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
    ],
)
def test_another_header_is_refused_with_the_right_one(tmp_path: Path, header: str) -> None:
    path = code_file(tmp_path / "codes.csv", "ean13,1,A1,active", header=header)

    with pytest.raises(CodeFileRefused, match="line 1: the header must be `keystandard,keystr,extinfo,status`"):
        lines_of(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "codes.csv").touch()

    with pytest.raises(CodeFileRefused, match="the header must be"):
        lines_of(tmp_path / "codes.csv")


@pytest.mark.parametrize("data", [b"\xff\xfe" + HEADER.encode("utf-16-le"), b"\x81", b"PK\x03\x04\xff\xff\xff"])
def test_a_file_that_is_neither_utf_8_nor_gbk_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "codes.csv").write_bytes(data)

    with pytest.raises(CodeFileRefused, match="neither UTF-8 nor GBK: save it as UTF-8"):
        CodeFile(tmp_path / "codes.csv")


@pytest.mark.parametrize(("name", "why"), [("missing.csv", "No such file"), ("", "Is a directory")])
def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(CodeFileRefused, match=why):
        CodeFile(tmp_path / name)


WHOLE = gzip.compress("".join(f"ean13,1,{number * 7919},active\n" for number in range(2000)).encode())


@pytest.mark.parametrize(
    "data",
    [WHOLE[: len(WHOLE) // 2], WHOLE[:-4], WHOLE[:200] + bytes(50) + WHOLE[250:], WHOLE[:-8] + bytes(8), WHOLE[:5]],
    ids=["half", "no length", "damaged", "wrong sum", "no more than a head"],
)
def test_damaged_gzip_data_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "codes.csv.gz").write_bytes(data)

    with pytest.raises(CodeFileRefused, match="gzip data ends early or is damaged"):
        CodeFile(tmp_path / "codes.csv.gz")


def test_a_file_that_is_cut_off_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = code_file(tmp_path / "codes.csv.gz", *[f"ean13,1,{number},active" for number in range(9)], zipped=True)
    file = CodeFile(path)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(CodeFileRefused, match="was changed while it was read: import it again"):
        list(file.lines(lambda _done: None))


def test_progress_is_told_in_bytes_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    path = code_file(tmp_path / "codes.csv", *["ean13,1,A1,active"] * 40_000)
    told: list[int] = []

    file = CodeFile(path)
    assert sum(1 for _ in file.lines(told.append)) == 40_000

    assert file.size_bytes == path.stat().st_size
    assert len(told) == 3
    assert told == sorted(told)
    assert 0 < told[0] < told[1] < told[2] == file.size_bytes


def test_a_line_does_not_show_its_code(tmp_path: Path) -> None:
    assert CODE not in repr(lines_of(code_file(tmp_path / "codes.csv", f"ean13,1,{CODE},active")))
