"""``scanhook sandbox``: a WeChat of your own, on this machine."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from scanhook.cli.common import show_json
from scanhook.cli.sandbox_house import house_tenants, know_tokens, landing_of, missing_lines, secret_commands
from scanhook.cli.serve import check_port
from scanhook.errors import Refused
from scanhook.sandbox.faults import Fault, FaultKind
from scanhook.sandbox.page_shelf import PageShelf
from scanhook.sandbox.policy import MerchantShape, Policy
from scanhook.sandbox.route import Right
from scanhook.sandbox.sample_pages import SAMPLE_CODES
from scanhook.sandbox.sample_tenants import sample_tenants
from scanhook.sandbox.sandbox import Sandbox
from scanhook.sandbox.sending import Patience
from scanhook.sandbox.server import serve_sandbox
from scanhook.sandbox.stocking import stock
from scanhook.sandbox.world import World
from scanhook.settings import House, find_config, load_settings
from scanhook.settings.load import CONFIG_VARIABLE

__all__ = ["sandbox"]

_PORT = 9000
_SHAPES = [shape.value for shape in MerchantShape]
_FAULT = re.compile(
    r"(?P<kind>[a-z-]+)(=(?P<value>-?(0|[1-9][0-9]*)(\.[0-9]+)?))?(:(?P<calls>[0-9]*))?(:(?P<path>/.*))?"
)
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost):(?P<port>\d+)")


class _FaultType(click.ParamType[Fault]):
    name = "fault"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fault:
        if isinstance(value, Fault):
            return value
        found = _FAULT.fullmatch(value)
        if not found or found["kind"] not in list(FaultKind):
            self.fail(f"write KIND[=VALUE][:CALLS][:PATH]; KIND is {', '.join(FaultKind)}", param, ctx)
        kind, given = FaultKind(found["kind"]), found["value"]
        if given and kind not in (FaultKind.SLOW, FaultKind.CODE):
            self.fail(f"{kind} takes no value", param, ctx)
        try:
            return Fault(
                kind=kind,
                calls=int(found["calls"]) if found["calls"] else None,
                path=found["path"] or "/",
                seconds=json.loads(given) if given and kind is FaultKind.SLOW else 0.0,
                code=json.loads(given) if given and kind is FaultKind.CODE else 0,
            )
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _find_house(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> House | None:
    path = find_config(value)
    if value is None and not os.environ.get(CONFIG_VARIABLE) and not path.exists():
        return None
    return load_settings(path)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Else that of the house's api_base, else 9000.")
@click.option(
    "--config",
    "house",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_find_house,
    help="A house whose accounts it serves; else $SCANHOOK_CONFIG, ./scanhook.toml, or sample accounts.",
)
@click.option("--callback-url", metavar="URL", help="Where sample accounts are pushed to; else port 8000 here.")
@click.option("--token-life", type=click.IntRange(min=1), default=7200, show_default=True, help="Of tokens, in s.")
@click.option("--review", type=click.FloatRange(min=0), default=10, show_default=True, help="Time of a review, in s.")
@click.option("--reviews-fail", is_flag=True, help="Reviews end with a rejection.")
@click.option("--merchant-shape", type=click.Choice(_SHAPES), default="current", show_default=True)
@click.option("--firm-code", "segments", multiple=True, metavar="DIGITS", help="A barcode segment; may be repeated.")
@click.option("--whitelist", multiple=True, metavar="ADDRESS", help="Who may fetch a token, else 40164; else all.")
@click.option("--again-after-503/--not-again-after-503", default=True, show_default=True, help="Repeat such pushes.")
@click.option(
    "--fault",
    "faults",
    type=_FaultType(),
    multiple=True,
    metavar="KIND[=VALUE][:CALLS][:PATH]",
    help="What goes wrong, such as slow=2.5, busy:3:/scan/, code=48001::/union/. May be repeated.",
)
@click.option("--empty", is_flag=True, help="No sample products.")
@click.option("--json", "as_json", is_flag=True, help="For programs: JSON on standard output, once it listens.")
def sandbox(
    house: House | None,
    port: int | None,
    callback_url: str | None,
    token_life: int,
    review: float,
    merchant_shape: str,
    segments: Sequence[str],
    whitelist: Sequence[str],
    faults: Sequence[Fault],
    *,
    reviews_fail: bool,
    again_after_503: bool,
    empty: bool,
    as_json: bool,
) -> None:
    """Serve a WeChat of your own on this machine: every call of its product systems, tokens, and a phone that scans.

    Nothing of it is kept, and nobody but this machine reaches it.
    """
    port = port or _port_of(house)
    try:
        check_port(f"127.0.0.1:{port}")
    except Refused:
        raise Refused(f"127.0.0.1:{port} is in use: choose another port with --port") from None
    callback_url = callback_url or "http://127.0.0.1:8000/wechat/callback"
    samples = sample_tenants(callback_url=callback_url, landing_url=landing_of(callback_url))
    world = World(
        house_tenants(house) if house else samples,
        policy=Policy(
            token_life_s=token_life,
            review_s=review,
            review_passes=not reviews_fail,
            merchant_shape=MerchantShape(merchant_shape),
        ),
        patience=Patience(again_after_error=again_after_503),
    )
    if house:
        know_tokens(house, world)
    for fault in faults:
        world.faults.tell(fault)
    for tenant in world.tenants:
        tenant.whitelist = frozenset(whitelist) or None
    _grant_segments(world, segments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with suppress(KeyboardInterrupt), serve_sandbox(world, port, samples=SAMPLE_CODES, typed_first=True) as served:
        if not empty:
            stock(world)
        _tell(served, house, as_json=as_json)
        sys.stdout.flush()
        _stay()


def _stay() -> None:
    threading.Event().wait()


def _port_of(house: House | None) -> int:
    found = _LOOPBACK.fullmatch(house.settings.wechat.api_base) if house else None
    return int(found["port"]) if found else _PORT


def _grant_segments(world: World, segments: Sequence[str]) -> None:
    for segment in segments:
        if not re.fullmatch(r"[0-9]{7,9}", segment):
            raise click.BadParameter("a segment is the first 7 to 9 digits of its barcodes", param_hint="--firm-code")
    for tenant in world.tenants:
        if Right.SCAN in tenant.rights:
            tenant.shelf(PageShelf).merchant.segments.extend(segments)


def _tell(served: Sandbox, house: House | None, *, as_json: bool) -> None:
    tenants = [
        {"name": tenant.name, "app_id": tenant.app_id, "rights": sorted(tenant.rights)}
        for tenant in served.world.tenants
    ]
    if as_json:
        show_json({"url": served.url, "phone": f"{served.url}/phone", "tenants": tenants})
        return
    click.echo(f"Sandbox WeChat on {served.url}, for this machine only. Ctrl-C ends it; nothing of it is kept.\n")
    click.echo(f"  calls and their rules   {served.url}/sandbox/")
    click.echo(f"  the phone               {served.url}/phone")
    click.echo(f'  let a call fail         curl {served.url}/sandbox/faults --json \'{{"kind": "quota"}}\'')
    commands = list(secret_commands(house, served.world)) if house else []
    if commands:
        click.echo("\nRun, since these files of secrets are empty:\n")
        click.echo("\n".join(commands))
    lines = list(missing_lines(house, served.world)) if house else [served.settings]
    if lines:
        where = str(house.path) if house else "the scanhook.toml that shall call it"
        click.echo(f"\nWrite into {where}:\n")
        click.echo("\n".join(lines))
