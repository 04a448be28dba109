from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from scanhook.journal import COLUMNS, Entry, as_dict, harmless, write_csv, write_jsonl
from scanhook.message import CodeResult

DECIDED = Entry(
    number=7,
    received_at=1_760_000_000.25,
    account="main",
    create_time=1_759_999_999,
    key_standard="ean13",
    key_str="6900873042720",
    person=b"\xaa" * 16,
    reason="active",
    code_result=CodeResult.REAL,
    verifier="registry",
    decided_at=1_760_000_000.5,
    tag=bytes(range(10)),
    batch="国庆 B-7",
    position=42,
    ext_info=None,
)
UNDECIDED = replace(
    DECIDED,
    number=8,
    reason="undecided",
    code_result=None,
    verifier=None,
    decided_at=None,
    tag=None,
    batch=None,
    position=None,
)
UNKNOWN = replace(DECIDED, number=9, reason="unknown_code", code_result=CodeResult.FAKE, batch=None, position=None)

HEADER = (
    "number,received_at,account,keystandard,keystr,verdict,reason,verifier,batch,position,extinfo,code,person,"
    "source\r\n"
)
PERSON = "aa" * 16


def csv_of(*entries: Entry) -> str:
    file = io.StringIO(newline="")
    assert write_csv(map(as_dict, entries), file) == len(entries)
    return file.getvalue()


def test_scans_are_written_as_csv_that_a_spreadsheet_reads_as_utf_8() -> None:
    assert csv_of(DECIDED, replace(UNDECIDED, source="call centre")) == (
        "\ufeff"
        + HEADER
        + "7,2025-10-09T08:53:20.250+00:00,main,ean13,6900873042720,real,active,registry,国庆 B-7,42,,"
        f"00010203040506070809,{PERSON},\r\n"
        f"8,2025-10-09T08:53:20.250+00:00,main,ean13,6900873042720,,undecided,,,,,,{PERSON},call centre\r\n"
    )


def test_a_file_without_scans_has_its_header() -> None:
    assert csv_of() == "\ufeff" + HEADER


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless(start: str) -> None:
    text = start + "cmd|' /C calc'!A0"

    assert harmless(text) == "'" + text


@pytest.mark.parametrize("cell", ["", "6J5T9XQ2", "a=1", "a-b", "'", None, 42, -42, 0, CodeResult.REAL])
def test_any_other_cell_stays_as_it_is(cell: object) -> None:
    assert harmless(cell) == cell


@pytest.mark.parametrize("column", ["account", "key_standard", "key_str", "batch", "ext_info"])
def test_every_text_of_a_push_is_made_harmless(column: str) -> None:
    text: dict[str, Any] = {column: "=1+1"}
    row = csv_of(replace(DECIDED, **text)).splitlines()[1]

    assert "'=1+1" in row.split(",")
    assert "=1+1" not in row.split(",")


def test_a_formula_behind_a_quote_and_a_comma_stays_in_its_cell() -> None:
    row = csv_of(replace(UNKNOWN, ext_info='=HYPERLINK("http://x/","y")')).splitlines()[1]

    assert ',"\'=HYPERLINK(""http://x/"",""y"")",' in row


def test_scans_are_written_as_json_lines() -> None:
    file = io.StringIO()

    assert write_jsonl(map(as_dict, [replace(UNKNOWN, ext_info="茅=台", source="shop"), UNDECIDED]), file) == 2

    assert file.getvalue() == (
        '{"number": 9, "received_at": "2025-10-09T08:53:20.250+00:00", "account": "main", "keystandard": "ean13", '
        '"keystr": "6900873042720", "verdict": "fake", "reason": "unknown_code", "verifier": "registry", '
        '"batch": null, "position": null, "extinfo": "茅=台", "code": "00010203040506070809", '
        f'"person": "{PERSON}", "source": "shop"}}\n'
        '{"number": 8, "received_at": "2025-10-09T08:53:20.250+00:00", "account": "main", "keystandard": "ean13", '
        '"keystr": "6900873042720", "verdict": null, "reason": "undecided", "verifier": null, '
        f'"batch": null, "position": null, "extinfo": null, "code": null, "person": "{PERSON}", "source": null}}\n'
    )


def test_no_scans_are_no_lines() -> None:
    file = io.StringIO()

    assert write_jsonl([], file) == 0
    assert file.getvalue() == ""


def test_columns_and_values_have_the_same_order() -> None:
    assert tuple(as_dict(DECIDED)) == COLUMNS


def test_a_line_break_in_a_text_does_not_break_a_json_line() -> None:
    file = io.StringIO()
    write_jsonl([as_dict(replace(UNKNOWN, ext_info="a\nb\u2028c"))], file)

    assert file.getvalue().count("\n") == 1
    assert "a\\nb" in file.getvalue()
