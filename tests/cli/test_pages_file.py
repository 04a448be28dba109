from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from scanhook.cli.pages_file import EXAMPLE, read_page_file
from scanhook.errors import Refused
from scanhook.wechat.pages import advice_on, check_creation, read_page
from scanhook.wechat.pages.actions import ACTION_KINDS
from tests.cli.conftest import run
from tests.wechat.pages_samples import CREATE


def refused(path: Path, content: str | bytes) -> str:
    """Return why a file with that content is no page."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(Refused) as caught:
        read_page_file(str(path))
    assert str(caught.value).startswith(str(path))
    return str(caught.value).removeprefix(str(path))


def test_the_example_is_a_page_that_can_be_created() -> None:
    page = read_page(tomllib.loads(EXAMPLE))
    check_creation(page)
    assert advice_on(page) == []


def test_the_example_names_every_kind_of_action() -> None:
    assert [
        kind.type for kind in ACTION_KINDS if f'"{kind.type}"' not in EXAMPLE and f"{kind.type} (" not in EXAMPLE
    ] == []


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_page_is_read_from_json_with_or_without_a_byte_order_mark(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "page.json"
    path.write_text(mark + CREATE, encoding="utf-8")
    assert read_page_file(str(path)).request() == json.loads(CREATE)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", ", line 1, column 1: this is no JSON: Expecting value"),
        ('{\n "keystandard": "ean13",\n}', ", line 3, column 1: this is no JSON: "),
        ("[]", ": the page: must be an object with keystandard, keystr and brand_info"),
        ('{"keystandard": "ean13"}', ": keystr: is missing"),
        (b'{"keystandard": "\xb5\xe7"}', ": byte 18 is not UTF-8: save the file as UTF-8"),
        ("[" * 100_000, ": it holds something"),
        ('{"keystandard":' + "9" * 5000 + "}", ": it holds something"),
        (CREATE.replace('"color":"auto"', '"weight":NaN'), ": it holds something"),
        (CREATE.replace("小耿哥8", "\\ud800"), ": it holds something"),
        (b" " * (1024 * 1024 + 1), " has more than 1,048,576 bytes: that is no page"),
    ],
)
def test_what_is_no_json_page_is_refused_with_its_place(tmp_path: Path, content: str | bytes, said: str) -> None:
    assert refused(tmp_path / "page.json", content).startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("keystandard = ean13", ", line 1, column 15: this is no TOML: Invalid value"),
        (
            EXAMPLE + "[brand_info.base_info]",
            ", line 51, column 22: this is no TOML: Cannot declare ('brand_info', 'base_info') twice",
        ),
        ('a = 1\n\n[b]\nc = "\\n' + "'", ", line 4, column "),
        ("a = 1\n[b", ", line 2, column 3: this is no TOML: "),
        (EXAMPLE.replace('color = "auto"', "since = 2026-11-22"), ": it holds something"),
        (EXAMPLE.replace('"12.00"', "12.00"), ": brand_info.action_info.action_list[0].retail_price: must be a text"),
    ],
)
def test_what_is_no_toml_page_is_refused_with_its_place(tmp_path: Path, content: str, said: str) -> None:
    assert refused(tmp_path / "page.toml", content).startswith(said)


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    written = EXAMPLE.replace("category_id = 538071212", 'category_id = "tea"').replace('"12.00"', "12.00")
    written = written.replace('keystr = "walnut-frame"', "keystr = 7").replace(
        'native_show = "true"', "native_show = 1"
    )
    path = tmp_path / "page.toml"
    path.write_text(written, encoding="utf-8")
    assert run("pages", "create", path, "--check", code=1).stderr.splitlines() == [
        f"error: {path}: keystr: must be a text in quotes",
        f"error: {path}: brand_info.base_info.category_id: must be a whole number",
        f"error: {path}: brand_info.action_info.action_list[0].retail_price: must be a text in quotes",
        f'error: {path}: brand_info.module_info.module_list[0].native_show: must be "true" or "false"',
    ]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert (
        f"{tmp_path / 'none'} cannot be read: No such file" in run("pages", "create", tmp_path / "none", code=1).stderr
    )


def test_create_needs_a_file_or_the_wish_for_an_example() -> None:
    assert "Missing argument 'FILE'" in run("pages", "create", code=2).stderr
    assert run("pages", "create", "--example").stdout == EXAMPLE
