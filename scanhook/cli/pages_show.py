"""Shows a scan product page to people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from scanhook.cli.common import show_table
from scanhook.wechat.pages import DetailInfo, Page, PageStatus
from scanhook.wechat.pages.reading import wire

__all__ = ["show_page"]

_STATES = {
    PageStatus.ON: "published",
    PageStatus.OFF: "not published",
    PageStatus.CHECK: "in review: no update, no withdrawal",
    PageStatus.REJECT: "did not pass the review",
}


def show_page(page: Page) -> None:
    """Print a page, part by part."""
    base = wire(page.base_info) if page.base_info else {}
    state = base.get("status")
    if state in list(PageStatus):
        base["status"] = f"{state} ({_STATES[PageStatus(state)]})"
    show_table(("base_info", ""), [(name, _line(value)) for name, value in base.items()], title=str(page.key))
    if page.detail_info:
        show_table(("detail_info", "", ""), list(_details(page.detail_info)))
    for part, found in (
        ("action_info", page.action_info and page.action_info.action_list),
        ("module_info", page.module_info and page.module_info.module_list),
    ):
        if found:
            show_table((part, ""), [_entry(wire(each)) for each in found])
    if page.anti_fake is None:
        click.secho(
            "note: it has no anti_fake module, so WeChat asks for no verdict of its codes", fg="yellow", err=True
        )


def _details(detail: DetailInfo) -> Iterable[tuple[str, str, str]]:
    for each in wire(detail.banner_list or ()):
        yield "picture", _of(each, "link"), _of(each, "desc")
    for each in wire(detail.detail_list or ()):
        yield "paragraph", _of(each, "title"), _of(each, "desc")


def _of(entry: Any, name: str) -> str:
    return _line(entry.get(name, "")) if isinstance(entry, dict) else _line(entry)


def _entry(entry: Any) -> tuple[str, str]:
    if not isinstance(entry, dict):
        return "", _line(entry)
    return str(entry.get("type", "")), "\n".join(
        f"{name}: {_line(value)}" for name, value in entry.items() if name != "type"
    )


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_line(each)}" for name, each in value.items())
    return ", ".join(_line(each) for each in value) if isinstance(value, list) else str(value)
