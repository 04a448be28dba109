"""Sheets of QR codes to print, from a printer's file: A4 pages as SVG, each code with its serial below."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from xml.sax.saxutils import escape

import segno

from scanhook.errors import Refused
from scanhook.registry.printfile import PrintLine

__all__ = ["SHEET_CODES_MAX", "Layout", "Sheets", "draw_sheets"]

SHEET_CODES_MAX = 10_000
"""How many codes one call draws: a QR code takes about 5 ms, and 250 pages are more than anybody prints from SVG."""

QR_MIN_MM = 12.0
"""At version 3 with its quiet zone (37 modules) a module is then 0.32 mm; smaller ones are lost in office print."""

_PAGE_WIDTH_MM, _PAGE_HEIGHT_MM = 210.0, 297.0
_MARGIN_MM = 10.0
_HEAD_MM = 8.0
_TEXT_MM = 4.0
_GAP_MM = 2.0
_MONOSPACE_WIDTH = 0.62
"""Of a monospaced font's character, as a part of its size."""

# The quiet zone of four modules around each code is segno's default, and the standard's.
# Level L, and a higher one where it costs no larger matrix: WeChat recommends versions 2 and 3 at level L (facts.md
# 1.5), since larger modules help a phone's camera more than more redundancy does.
_QR_LEVEL = "l"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the codes stand on a page.

    :raises Refused: when a code would be too small to be read, or there are none.
    """

    columns: int = 5
    rows: int = 8

    def __post_init__(self) -> None:
        if self.columns < 1 or self.rows < 1:
            raise Refused("a sheet has at least one column and one row")
        if self.qr_mm < QR_MIN_MM:
            raise Refused(
                f"{self.columns} columns and {self.rows} rows leave {max(self.qr_mm, 0.0):.1f} mm for a code, and "
                f"below {QR_MIN_MM:.0f} mm phones do not read it well: take fewer columns or rows"
            )

    @property
    def codes(self) -> int:
        """How many codes a page has."""
        return self.columns * self.rows

    @property
    def cell_mm(self) -> tuple[float, float]:
        """Width and height of the place of one code."""
        height = _PAGE_HEIGHT_MM - 2 * _MARGIN_MM - _HEAD_MM
        return (_PAGE_WIDTH_MM - 2 * _MARGIN_MM) / self.columns, height / self.rows

    @property
    def qr_mm(self) -> float:
        """Width and height of a code with its quiet zone."""
        width, height = self.cell_mm
        return min(width, height - _TEXT_MM) - _GAP_MM


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheets:
    """What was drawn."""

    codes: int
    pages: tuple[Path, ...]


def draw_sheets(
    lines: Iterable[PrintLine],
    folder: Path,
    *,
    layout: Layout,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Sheets:
    """Draw codes on pages ``sheet-0001.svg`` and so on; all of them, or none.

    :param folder: made when it is not there.
    :param progress: told how many codes are drawn, and of how many.
    :raises Refused: when there are no codes or too many, a page is there already, or the folder cannot be written.
    """
    codes = _few_enough(lines)
    total = -(-len(codes) // layout.codes)
    pages = [folder / f"sheet-{number + 1:04}.svg" for number in range(total)]
    there = next((page for page in pages if os.path.lexists(page)), None)
    if there:
        raise Refused(f"{there} is there already, and sheets are never written over others: name another folder")
    made: list[Path] = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number, page in enumerate(pages):
            placed = codes[number * layout.codes : (number + 1) * layout.codes]
            drawn = _page(placed, layout=layout, number=number + 1, total=total)
            descriptor = os.open(page, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            made.append(page)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(drawn)
            progress(number * layout.codes + len(placed), len(codes))
    except OSError as error:
        _remove(made)
        raise Refused(f"{folder} cannot be written: {error.strerror}") from None
    except BaseException:
        _remove(made)
        raise
    return Sheets(codes=len(codes), pages=tuple(made))


def _few_enough(lines: Iterable[PrintLine]) -> list[PrintLine]:
    codes = list(islice(lines, SHEET_CODES_MAX + 1))
    if not codes:
        raise Refused("there is no code to draw")
    if len(codes) > SHEET_CODES_MAX:
        raise Refused(
            f"these are more than {SHEET_CODES_MAX:,} codes, which is what one call draws: take a part with --first "
            "and --last; for whole batches, printers make the codes from the file itself"
        )
    return codes


def _remove(pages: list[Path]) -> None:
    for page in pages:
        with suppress(OSError):
            page.unlink()


def _page(codes: list[PrintLine], *, layout: Layout, number: int, total: int) -> str:
    width, height = layout.cell_mm
    batches = ", ".join(dict.fromkeys(code.batch for code in codes))
    places = f"{codes[0].position:,} to {codes[-1].position:,}"
    size = f'width="{_PAGE_WIDTH_MM:g}mm" height="{_PAGE_HEIGHT_MM:g}mm"'
    box = f'viewBox="0 0 {_PAGE_WIDTH_MM:g} {_PAGE_HEIGHT_MM:g}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} font-family="monospace">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        _text(_MARGIN_MM, f"{batches}: {places}", anchor="start"),
        _text(_PAGE_WIDTH_MM - _MARGIN_MM, f"{number} / {total}", anchor="end"),
    ]
    for place, code in enumerate(codes):
        row, column = divmod(place, layout.columns)
        left, top = _MARGIN_MM + column * width, _MARGIN_MM + _HEAD_MM + row * height
        parts += _cell(code, left=left, top=top, layout=layout)
    return "\n".join([*parts, "</svg>", ""])


def _cell(code: PrintLine, *, left: float, top: float, layout: Layout) -> Iterator[str]:
    width, _ = layout.cell_mm
    side = layout.qr_mm
    svg = io.BytesIO()
    symbol = segno.make(code.content, error=_QR_LEVEL, micro=False)
    symbol.save(svg, kind="svg", xmldecl=False, svgns=False, omitsize=True, nl=False, svgclass=None, lineclass=None)
    place = f'x="{left + (width - side) / 2:.3f}" y="{top:.3f}" width="{side:.3f}" height="{side:.3f}"'
    yield svg.getvalue().decode().replace("<svg", f"<svg {place}", 1)
    size = min(3.0, (width - _GAP_MM) / (len(code.serial) * _MONOSPACE_WIDTH))
    yield (
        f'<text x="{left + width / 2:.3f}" y="{top + side + _TEXT_MM - 1:.3f}" font-size="{size:.2f}" '
        f'text-anchor="middle">{escape(code.serial)}</text>'
    )


def _text(x: float, text: str, *, anchor: str) -> str:
    top = _MARGIN_MM + _HEAD_MM / 2
    return f'<text x="{x:g}" y="{top:g}" font-size="3.5" text-anchor="{anchor}">{escape(text)}</text>'
