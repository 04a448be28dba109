from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE
from xml.etree import ElementTree as ET

import pytest
import segno

from scanhook.errors import Refused
from scanhook.registry.printfile import PrintLine
from scanhook.registry.sheets import SHEET_CODES_MAX, Layout, draw_sheets

SVG = "{http://www.w3.org/2000/svg}"
PREFIX = "http://p.url.cn/5g0B4A90aqc"


def lines(count: int, batch: str = "spring") -> Iterator[PrintLine]:
    for position in range(1, count + 1):
        serial = f"{position:017}"
        yield PrintLine(position=position, serial=serial, content=PREFIX + serial, batch=batch)


def texts(page: Path) -> list[str]:
    return [found.text or "" for found in ET.parse(page).getroot().iter(f"{SVG}text")]


def box(element: ET.Element) -> tuple[float, float, float, float]:
    return (
        float(element.attrib["x"]),
        float(element.attrib["y"]),
        float(element.attrib["width"]),
        float(element.attrib["height"]),
    )


def test_codes_are_drawn_on_pages_of_a4(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    drawn = draw_sheets(
        lines(5), tmp_path / "sheets", layout=Layout(columns=2, rows=2), progress=lambda *n: told.append(n)
    )

    assert drawn.codes == 5
    assert [page.name for page in drawn.pages] == ["sheet-0001.svg", "sheet-0002.svg"]
    assert told == [(4, 5), (5, 5)]
    first, second = drawn.pages
    assert texts(first) == ["spring: 1 to 4", "1 / 2", *(f"{position:017}" for position in range(1, 5))]
    assert texts(second) == ["spring: 5 to 5", "2 / 2", "00000000000000005"]
    root = ET.parse(first).getroot()
    assert (root.attrib["width"], root.attrib["height"], root.attrib["viewBox"]) == ("210mm", "297mm", "0 0 210 297")


@pytest.mark.parametrize(("columns", "rows"), [(5, 8), (1, 1), (8, 4), (2, 10)])
def test_codes_stand_beside_each_other_and_on_the_page(tmp_path: Path, columns: int, rows: int) -> None:
    layout = Layout(columns=columns, rows=rows)
    (page,) = draw_sheets(lines(layout.codes), tmp_path, layout=layout).pages
    boxes = [box(found) for found in ET.parse(page).getroot().findall(f"{SVG}svg")]

    assert len(boxes) == columns * rows
    assert all(x >= 10 and x + width <= 200 and y >= 10 and y + height <= 287 for x, y, width, height in boxes)
    for index, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[:index]:
            apart = x >= other_x + other_width or other_x >= x + width
            assert apart or y >= other_y + other_height or other_y >= y + height


def test_a_code_is_the_qr_code_of_its_content_with_a_quiet_zone(tmp_path: Path) -> None:
    (page,) = draw_sheets(lines(1), tmp_path, layout=Layout()).pages
    drawn = ET.parse(page).getroot().find(f"{SVG}svg")
    assert drawn is not None
    path = drawn.find(f"{SVG}path")
    assert path is not None

    # The path is walked apart from segno: rows of dark modules, as moves and horizontal strokes of one module's width.
    dark, x, y = set(), 0.0, 0.0
    for letter, numbers in re.findall(r"([Mmhv])([^Mmhv]*)", path.attrib["d"]):
        values = [float(number) for number in re.findall(r"-?[0-9.]+", numbers)]
        if letter == "h":
            dark |= {(int(x) + step, int(y)) for step in range(int(values[0]))}
            x += values[0]
        else:
            x, y = (values[0], values[1]) if letter == "M" else (x + values[0], y + values[1])
    symbol = segno.make(PREFIX + "00000000000000001", error="l", micro=False)
    expected = {
        (column, row)
        for row, modules in enumerate(symbol.matrix_iter(border=4))
        for column, on in enumerate(modules)
        if on
    }
    assert (symbol.version, symbol.error) == (3, "L")
    assert drawn.attrib["viewBox"] == "0 0 37 37"
    assert dark == expected


def test_a_short_content_gets_the_level_that_costs_nothing() -> None:
    # 42 bytes fit version 3 at level M as well as at L.
    assert segno.make("x" * 42, error="l", micro=False).designator == "3-M"


def test_a_batch_may_hold_what_xml_does_not(tmp_path: Path) -> None:
    (page,) = draw_sheets(lines(1, batch='<春茶> & "x"'), tmp_path, layout=Layout()).pages
    assert texts(page)[0] == '<春茶> & "x": 1 to 1'


def test_two_batches_in_one_file_are_both_named(tmp_path: Path) -> None:
    both = [*lines(1), *lines(1, batch="summer")]
    (page,) = draw_sheets(both, tmp_path, layout=Layout()).pages
    assert texts(page)[0] == "spring, summer: 1 to 1"


def test_pages_are_for_their_owner_only(tmp_path: Path) -> None:
    (page,) = draw_sheets(lines(1), tmp_path / "new" / "sheets", layout=Layout()).pages
    assert S_IMODE(page.stat().st_mode) == 0o600
    assert S_IMODE(page.parent.stat().st_mode) == 0o700


def test_no_page_is_written_over_and_none_is_made_then(tmp_path: Path) -> None:
    (tmp_path / "sheet-0002.svg").write_text("somebody's")
    with pytest.raises(Refused, match=r"sheet-0002\.svg is there already, and sheets are never written over others"):
        draw_sheets(lines(41), tmp_path, layout=Layout())
    assert [page.name for page in tmp_path.iterdir()] == ["sheet-0002.svg"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "sheets").write_text("a file")
    with pytest.raises(Refused, match="sheets cannot be written: "):
        draw_sheets(lines(1), tmp_path / "sheets", layout=Layout())


def test_what_was_drawn_is_taken_back_when_the_rest_cannot_be(tmp_path: Path) -> None:
    def stop(done: int, _total: int) -> None:
        assert list(tmp_path.iterdir())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_sheets(lines(50), tmp_path, layout=Layout(), progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_too_many_codes_are_refused_before_one_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="more than 10,000 codes, which is what one call draws: take a part with --first"):
        draw_sheets(lines(SHEET_CODES_MAX + 1), tmp_path / "sheets", layout=Layout())
    assert not (tmp_path / "sheets").exists()


def test_no_codes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no code to draw"):
        draw_sheets(lines(0), tmp_path, layout=Layout())


@pytest.mark.parametrize(("columns", "rows"), [(0, 8), (5, 0), (-1, 8)])
def test_a_page_has_columns_and_rows(columns: int, rows: int) -> None:
    with pytest.raises(Refused, match="at least one column and one row"):
        Layout(columns=columns, rows=rows)


@pytest.mark.parametrize(
    ("columns", "rows", "size"), [(14, 8, "11.6"), (5, 16, "10.8"), (1000, 8, "0.0"), (5, 10**9, "0.0")]
)
def test_codes_that_phones_cannot_read_are_not_drawn(columns: int, rows: int, size: str) -> None:
    with pytest.raises(Refused, match=rf"leave {size} mm for a code, and below 12 mm phones do not read it well"):
        Layout(columns=columns, rows=rows)
