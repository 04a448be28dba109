"""``scanhook pages create`` and ``update``: pages from files."""

from __future__ import annotations

import click

from scanhook.cli.common import config_option, json_option, show_json
from scanhook.cli.pages_call import pages_of, say, who_option
from scanhook.cli.pages_file import EXAMPLE, read_page_file, told_of
from scanhook.settings import House
from scanhook.wechat.pages import Part, advice_on, check_creation

__all__ = ["create", "update"]


def _print_example(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    if wanted:
        click.echo(EXAMPLE, nl=False)
        context.exit()


@click.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--example",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_example,
    help="Print a page to begin with, with comments, and stop.",
)
@click.option("--check", "only_check", is_flag=True, help="Say what is wrong with the file, and send nothing.")
@who_option
@json_option
@config_option
def create(house: House, account: str | None, file: str, *, only_check: bool, as_json: bool) -> None:
    """Create a page from a JSON or TOML file (- is standard input). It is not published yet."""
    page = read_page_file(file)
    with told_of(file):
        check_creation(page)
    say(advice_on(page))
    if only_check:
        return show_json({**page.key.body, "valid": True}) if as_json else click.echo(f"{page.key}: it can be sent.")
    with pages_of(house, account) as client:
        pid = client.create(page)
    if as_json:
        return show_json({**page.key.body, "pid": pid})
    click.echo(f"{page.key} is created (pid {pid}). Testers see it; consumers do once it is published:")
    click.echo(f"  scanhook pages publish {page.key}")
    return None


@click.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--part",
    "parts",
    type=click.Choice([str(part) for part in Part]),
    multiple=True,
    help="Only this part of the file; may be given more than once. Else all that the file has.",
)
@who_option
@json_option
@config_option
def update(house: House, account: str | None, file: str, parts: tuple[str, ...], *, as_json: bool) -> None:
    """Update parts of a page from a JSON or TOML file (- is standard input). Each part is replaced as a whole."""
    page = read_page_file(file)
    if parts:
        page = page.only(dict.fromkeys(Part(part) for part in parts))
    say(advice_on(page))
    with pages_of(house, account) as client, told_of(file):
        updated = client.update(page)
    if as_json:
        return show_json(
            {
                **page.key.body,
                "pid": updated.pid,
                "parts": [part.value for part in page.parts],
                "was": updated.was,
                "goes_into_review": updated.goes_into_review,
            }
        )
    click.echo(f"{page.key}: {', '.join(page.parts)} updated (pid {updated.pid}).")
    if updated.goes_into_review:
        click.echo("The page is published, so the new version goes into WeChat's review by itself.")
    return None
