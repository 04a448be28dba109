from __future__ import annotations

from pathlib import Path

import pytest

from scanhook.registry import State
from scanhook.registry.parsing import BlockRefused, parse_block
from tests.registry.codes import HEADER, Line, code_file, lines_of

CODE = "6J5T9XQ2"


def codes_of(path: Path, *, encoding: str = "utf-8") -> list[str]:
    return [line.ext_info for _, line in lines_of(path, encoding=encoding) if isinstance(line, Line)]


def test_lines_are_read_with_their_numbers(tmp_path: Path) -> None:
    path = code_file(tmp_path / "codes.csv", "ean13,6900873042720,A1,active", "qrcode,tea-53,B2,inactive")

    assert lines_of(path) == [
        (2, Line("ean13", "6900873042720", "A1", State.ACTIVE)),
        (3, Line("qrcode", "tea-53", "B2", State.ISSUED)),
    ]


def test_a_line_may_name_its_batch(tmp_path: Path) -> None:
    path = code_file(tmp_path / "codes.csv", "ean13,1,A1,active,B-7", "ean13,1,A2,active,", header=f"{HEADER},batch")

    assert lines_of(path, batch="codes") == [
        (2, Line("ean13", "1", "A1", batch="B-7")),
        (3, Line("ean13", "1", "A2", batch="codes")),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_chinese_is_read(tmp_path: Path, encoding: str) -> None:
    header = f"{HEADER},batch"
    path = code_file(tmp_path / "codes.csv", "qrcode,茅台酒,编号一,active,国庆", header=header, encoding=encoding)

    assert lines_of(path, encoding=encoding) == [(2, Line("qrcode", "茅台酒", "编号一", batch="国庆"))]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("odd", ["", '"ean13",1,A3,active'], ids=["alike", "one is quoted"])
def test_every_way_to_end_a_line_is_read(tmp_path: Path, end: str, odd: str) -> None:
    path = code_file(tmp_path / "codes.csv", "ean13,1,A1,active", "ean13,1,A2,active", odd, end=end)

    assert [number for number, _ in lines_of(path)] == [2, 3, 4][: 3 if odd else 2]
    assert codes_of(path) == ["A1", "A2", "A3"][: 3 if odd else 2]


@pytest.mark.parametrize(
    "odd",
    [
        "ean13,1,B1,inactive",
        "ean13,2,B1,active",
        "qrcode,1,B1,active",
        "ean13,1,B1, active",
        "ean13,1,B1,ACTIVE",
        '"ean13",1,B1,active',
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_line_that_differs_is_read_wherever_it_stands(tmp_path: Path, odd: str, place: int) -> None:
    lines = ["ean13,1,A1,active", "ean13,1,A2,active"]
    lines.insert(place, odd)

    found = lines_of(code_file(tmp_path / "codes.csv", *lines))

    assert [number for number, _ in found] == [2, 3, 4]
    assert [line.ext_info for _, line in found if isinstance(line, Line)] == [
        {"A1": "A1", "A2": "A2"}.get(line.split(",")[2], "B1") for line in lines
    ]


def test_lines_that_only_look_alike_are_told_apart() -> None:
    # As many cuts and commas as lines of one kind would have, were the second not cut off too early.
    text = "ean13,1,A1,active\nean13,1,A2,active\nean13,1,A3,activ\n,active\n"

    parsed = parse_block(text, first_line=2, width=4, batch="b", last=True)

    assert [group.ext_infos for group in parsed.groups] == [["A1", "A2"]]
    assert parsed.refused == [
        (4, "its status is neither `active` nor `inactive`"),
        (5, "it has 2 fields, and the header has 4"),
    ]


def test_places_count_the_codes_of_a_batch_over_all_states() -> None:
    text = "ean13,1,A1,active\nean13,1,A2,inactive\nean13,1,A3,active\nean13,2,A4,active\n"

    parsed = parse_block(text, first_line=2, width=4, batch="b", last=True)

    assert [(group.key_str, group.state, list(group.lines), list(group.places)) for group in parsed.groups] == [
        ("1", State.ACTIVE, [2, 4], [1, 3]),
        ("1", State.ISSUED, [3], [2]),
        ("2", State.ACTIVE, [5], [1]),
    ]


def test_a_block_may_hold_nothing() -> None:
    parsed = parse_block("", first_line=2, width=4, batch="b", last=True)

    assert (parsed.groups, parsed.refused) == ([], [])


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
        (HEADER, "it is a second header"),
        (" KeyStandard,keystr,extinfo,status", "it is a second header"),
        (f",1,{CODE},active", "its keystandard is empty"),
        (f"ean13,,{CODE},active", "its keystr is empty"),
        ("ean13,1,,active", "its extinfo is empty"),
        (f"{'e' * 65},1,{CODE},active", "its keystandard has more than 64 characters"),
        (f"ean13,{'1' * 65},{CODE},active", "its keystr has more than 64 characters"),
        (f"ean13,1,{CODE * 8}1,active", "its extinfo has more than 64 characters"),
        (f"ean13,1,{CODE * 1250},active", "its extinfo has more than 64 characters"),
        (f"ean13,1,{CODE}\x00,active", "its extinfo holds a character that cannot be printed"),
        (f"ean13,1,{CODE}\x1b[2J,active", "its extinfo holds a character that cannot be printed"),
        (f"ean13,1,{CODE}\t,active", "its extinfo holds a character that cannot be printed"),
        (f"ean13,1,{CODE}\x7f,active", "its extinfo holds a character that cannot be printed"),
        (f"ean13,1,{CODE}\x85,active", "its extinfo holds a character that cannot be printed"),
        (f"ean13,1,{CODE}\u2028,active", "its extinfo holds a character that cannot be printed"),
        (f"ean13,1,{CODE}\u200b,active", "its extinfo holds a character that cannot be printed"),
        (f"ean13,1,{CODE}\ufeff,active", "its extinfo holds a character that cannot be printed"),
        (f"ean13,1\x07,{CODE},active", "its keystr holds a character that cannot be printed"),
        (f'ean13,1,"{CODE}"x,active', "it is not CSV: ',' expected after '\"'"),
    ],
)
@pytest.mark.parametrize("quoted", [False, True], ids=["", "beside a quoted line"])
def test_a_line_that_cannot_be_used_is_told_without_its_code(
    tmp_path: Path, fields: str, why: str, *, quoted: bool
) -> None:
    first = '"ean13",1,A1,active' if quoted else "ean13,1,A1,active"
    path = code_file(tmp_path / "codes.csv", first, fields, "ean13,1,A3,active")

    (_, before), refused, after = lines_of(path)

    assert refused == (3, why)
    assert CODE not in why
    assert (before, after) == (Line("ean13", "1", "A1"), (4, Line("ean13", "1", "A3")))


@pytest.mark.parametrize(
    ("batch", "why"),
    [
        ("B" * 65, "its batch has more than 64 characters"),
        ("B\x08", "its batch holds a character that cannot be printed"),
        ("winter ", "its batch has blanks at its ends"),
        (" winter", "its batch has blanks at its ends"),
        (" ", "its batch has blanks at its ends"),
    ],
)
def test_a_batch_that_cannot_be_written_is_refused(tmp_path: Path, batch: str, why: str) -> None:
    path = code_file(tmp_path / "codes.csv", f"ean13,1,A1,active,{batch}", header=f"{HEADER},batch")

    assert lines_of(path) == [(2, why)]


@pytest.mark.parametrize("first", ["ean13,1,A1,active,winter", '"ean13",1,A1,active,winter'], ids=["", "quoted"])
@pytest.mark.parametrize(
    ("end", "cut"),
    [
        ("ean13,1,A2,active,aut", True),
        ("ean13,1,A2,active,", True),
        ("ean13,1,A2,active,winter", False),
        ("ean13,2,A2,inactive,winter", False),
        ("ean13,1,A2,active,aut\n", False),
        ("ean13,1,A2,active,aut\r", False),
    ],
)
def test_a_last_line_without_an_end_whose_batch_is_new_is_marked(first: str, end: str, *, cut: bool) -> None:
    parsed = parse_block(f"{first}\n{end}", first_line=2, width=5, batch="b", last=True)

    assert [group.lines[0] for group in parsed.groups if group.cut] == ([3] if cut else [])
    assert sum(len(group.lines) for group in parsed.groups) == 2


def test_only_the_end_of_a_file_that_names_batches_can_be_cut_there() -> None:
    line = "ean13,1,A1,active"

    assert not parse_block(line, first_line=2, width=4, batch="b", last=True).groups[0].cut
    assert not parse_block(f"{line},B-7", first_line=2, width=5, batch="b", last=False).groups[0].cut
    assert parse_block(f"{line},B-7", first_line=2, width=5, batch="b", last=True).groups[0].cut


def test_the_longest_texts_are_taken(tmp_path: Path) -> None:
    path = code_file(
        tmp_path / "codes.csv", f"{'e' * 64},{'茅' * 64},{'A' * 64},active,{'b' * 64}", header=f"{HEADER},batch"
    )

    assert lines_of(path) == [(2, Line("e" * 64, "茅" * 64, "A" * 64, batch="b" * 64))]


@pytest.mark.parametrize("first", ["ean13,1,A1,active", '"ean13",1,A1,active'])
def test_a_field_that_is_far_too_long_is_refused_alone(tmp_path: Path, first: str) -> None:
    path = code_file(tmp_path / "codes.csv", first, f"ean13,1,{'A' * 200_000},active", "ean13,1,A2,active")

    assert [(number, isinstance(line, str)) for number, line in lines_of(path)] == [(2, False), (3, True), (4, False)]


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
@pytest.mark.parametrize("block_bytes", [20, 1 << 20], ids=["cut there", "in one block"])
def test_a_quoted_field_that_swallows_lines_refuses_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], block_bytes: int
) -> None:
    monkeypatch.setattr("scanhook.registry.codefile.BLOCK_BYTES", block_bytes)
    path = code_file(tmp_path / "codes.csv", "ean13,1,A1,active", *lines)

    with pytest.raises(BlockRefused) as caught:
        lines_of(path)

    assert (caught.value.line, caught.value.why) == (3, "a quoted field runs over the end of its line")


def test_a_quoted_field_that_is_not_closed_in_the_last_line_refuses_that_line(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(f'{HEADER}\nean13,1,A1,active\nean13,1,"A2,active')

    assert lines_of(path) == [(2, Line("ean13", "1", "A1")), (3, "it is not CSV: unexpected end of data")]


def test_what_was_parsed_does_not_show_its_codes() -> None:
    parsed = parse_block(f"ean13,1,{CODE},active\n", first_line=2, width=4, batch="b", last=True)

    assert CODE not in repr(parsed)
