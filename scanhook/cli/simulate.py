"""``scanhook simulate``: one real push, as WeChat would send it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click
import httpx2

from scanhook.cli.common import CODE, CodeName, account_name, account_option, config_option, json_option, show_json
from scanhook.clock import SystemClock
from scanhook.envelope import Format, Mode, read_document
from scanhook.errors import Refused
from scanhook.sandbox.scan import Item, Line, Person, Scan
from scanhook.sandbox.scanning import Scanner
from scanhook.sandbox.sending import Patience
from scanhook.sandbox.trace import Step
from scanhook.settings import House
from scanhook.wire.service import keyring

__all__ = ["simulate"]

_MODES, _FORMATS = [mode.value for mode in Mode], [format_.value for format_ in Format]
DEFAULT_OPENID = "oSimulatedPersonOfScanhook00"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    """What came back.

    :param opened: the reply decrypted; ``None`` for ``success`` and for a refusal.
    :param verdict: what the consumer would see; ``success`` tells WeChat nothing.
    :param why: what WeChat makes of the answer.
    """

    status: int
    body: str
    opened: dict[str, Any] | None
    verdict: str | None
    seconds: float
    why: str


@click.command()
@click.argument("url")
@click.option("--code", type=CODE, metavar="KEYSTANDARD/KEYSTR/EXTINFO", help="The item that is scanned.")
@click.option("--verify-url", is_flag=True, help="Instead of a scan: the console's URL verification (GET).")
@click.option("--mode", type=click.Choice(_MODES), help="Another than the account's, to see it refused.")
@click.option("--format", "format_", type=click.Choice(_FORMATS), default="xml", show_default=True)
@click.option("--openid", default=DEFAULT_OPENID, show_default=True, help="Who scans.")
@account_option
@json_option
@config_option
@click.pass_context
def simulate(
    context: click.Context,
    house: House,
    url: str,
    code: CodeName | None,
    mode: str | None,
    format_: str,
    openid: str,
    account: str | None,
    *,
    verify_url: bool,
    as_json: bool,
) -> None:
    """Send one real push to a running service at URL, such as http://127.0.0.1:8000/wechat/callback.

    It is signed and sealed with the account's own token and key, like a push of WeChat's.
    """
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter("write http://… or https://… in front of the address")
    line = Line(url=url, keys=keyring(house.settings.accounts[account_name(house, account)]))
    if verify_url == bool(code):
        raise click.UsageError("give --code KEYSTANDARD/KEYSTR/EXTINFO, or --verify-url")
    with Scanner(SystemClock(), patience=Patience(tries=1)) as scanner:
        if code is None:
            step = scanner.verify_url(line)
        else:
            scan = Scan(
                item=Item(key_standard=code.key_standard, key_str=code.key_str, ext_info=code.ext_info),
                person=Person(openid=openid),
                format_=Format(format_),
                mode=Mode(mode) if mode else None,
            )
            (step,) = scanner.ask(line, scan).steps
    reply = _read(url, step)
    _tell(step, reply, as_json=as_json)
    if reply.verdict is None:
        context.exit(1)


def _read(url: str, step: Step) -> _Reply:
    answer = step.answer
    if answer.status is None:
        raise Refused(f"{url} gives {answer.failure}: is the service running there?")
    if answer.status == httpx2.codes.OK and step.push.body and not (step.accepted or step.reply):
        raise Refused(step.why)
    opened: Any = dict(read_document(step.reply)[1]) if step.reply else None
    verdict = None
    if step.accepted:
        verdict = opened["ScanProduct"]["AntiFake"]["CodeResult"] if opened else "success"
    return _Reply(
        status=answer.status,
        body=answer.body.decode(errors="replace"),
        opened=opened,
        verdict=verdict if step.push.body or verdict is None else "verified",
        seconds=answer.seconds,
        why=step.why,
    )


def _tell(step: Step, reply: _Reply, *, as_json: bool) -> None:
    sent = {"url": step.url, "body": step.push.body.decode()}
    if as_json:
        return show_json(
            {
                "sent": sent,
                "answered": {"status": reply.status, "body": reply.body, "seconds": round(reply.seconds, 4)},
                "opened": reply.opened,
                "verdict": reply.verdict,
            }
        )
    click.secho("sent", bold=True)
    click.echo(f"  {sent['url']}\n  {sent['body']}\n" if sent["body"] else f"  {sent['url']}\n")
    click.secho(f"answered  {reply.status} in {reply.seconds * 1000:.0f} ms", bold=True)
    click.echo(f"  {reply.body}\n")
    if reply.opened is not None:
        click.secho("opened", bold=True)
        for name, value in reply.opened.items():
            click.echo(f"  {name}: {value}")
        click.echo()
    none = (
        f"none: {reply.why}"
        if reply.status == httpx2.codes.OK
        else f"none: status {reply.status}; the service's log says why (404: is the path right?)"
    )
    click.secho(f"verdict   {reply.verdict or none}", bold=True)
    return None
