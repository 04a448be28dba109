"""``scanhook simulate``: one real push, as WeChat would send it."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from typing import Any

import click
import httpx2

from scanhook.cli.common import CODE, CodeName, account_name, account_option, config_option, json_option, show_json
from scanhook.envelope import RANDOM_BYTES, Format, Keyring, Mode
from scanhook.errors import PushError, Refused
from scanhook.sandbox import Push, compose_echo, compose_push, open_answer
from scanhook.settings import House
from scanhook.wire.service import keyring

__all__ = ["Reply", "scan", "simulate"]

_TIMEOUT_S = 5.0  # WeChat's own
_MODES, _FORMATS = [mode.value for mode in Mode], [format_.value for format_ in Format]
DEFAULT_OPENID = "oSimulatedPersonOfScanhook00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back.

    :param opened: the reply decrypted; ``None`` for ``success`` and for a refusal.
    :param verdict: what the consumer would see; ``success`` tells WeChat nothing.
    """

    status: int
    body: str
    opened: dict[str, Any] | None
    verdict: str | None
    seconds: float


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
    keys = keyring(house.settings.accounts[account_name(house, account)])
    if verify_url == bool(code):
        raise click.UsageError("give --code KEYSTANDARD/KEYSTR/EXTINFO, or --verify-url")
    if code is None:
        echostr = str(secrets.randbelow(10**19))
        push = compose_echo(keys=keys, timestamp=int(time.time()), nonce=_nonce(), echostr=echostr)
        reply = send(url, push, keys=keys, echostr=echostr)
    else:
        push = scan(code, keys=keys, openid=openid, format_=Format(format_), mode=Mode(mode) if mode else None)
        reply = send(url, push, keys=keys)
    _tell(url, push, reply, as_json=as_json)
    if reply.verdict is None:
        context.exit(1)


def scan(
    code: CodeName,
    *,
    keys: Keyring,
    openid: str = DEFAULT_OPENID,
    format_: Format = Format.XML,
    mode: Mode | None = None,
) -> Push:
    """Make the push that asks for one item's verdict, from now."""
    now = int(time.time())
    fields: dict[str, object] = {
        "ToUserName": keys.original_id,
        "FromUserName": openid,
        "CreateTime": now,
        "MsgType": "event",
        "Event": "scan_product_callback",
        "KeyStandard": code.key_standard,
        "KeyStr": code.key_str,
        "ExtInfo": code.ext_info,
        "NeedAntiFake": "true",
    }
    try:
        return compose_push(
            fields,
            keys=keys,
            format_=format_,
            timestamp=now,
            nonce=_nonce(),
            random=os.urandom(RANDOM_BYTES),
            mode=mode,
        )
    except IndexError:
        raise Refused("the account has no EncodingAESKey to seal a push with") from None


def send(url: str, push: Push, *, keys: Keyring, echostr: str | None = None) -> Reply:
    """Send a push as WeChat would, and open the answer.

    :param echostr: what a URL verification must bring back; without it the push is a POST.
    :raises Refused: when nobody answers.
    """
    started = time.perf_counter()
    try:
        with httpx2.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
            address = f"{url}{'&' if '?' in url else '?'}{push.query}"
            if echostr is not None:
                response = client.get(address)
            else:
                response = client.post(address, content=push.body, headers={"content-type": "text/xml"})
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Refused(f"{url} gives no answer ({type(error).__name__}): is the service running there?") from None
    seconds = time.perf_counter() - started
    opened, verdict = None, None
    if response.status_code == httpx2.codes.OK and echostr is not None:
        verdict = "verified" if response.content == echostr.encode() else None
    elif response.status_code == httpx2.codes.OK:
        opened, verdict = _open(response.content, keys)
    return Reply(status=response.status_code, body=response.text, opened=opened, verdict=verdict, seconds=seconds)


def _open(body: bytes, keys: Keyring) -> tuple[dict[str, Any] | None, str | None]:
    try:
        document = open_answer(body, keys=keys)
    except PushError as error:
        raise Refused(f"the answer cannot be opened: {error}") from None
    if document is None:
        return None, "success"
    opened: Any = dict(document)
    try:
        return opened, str(opened["ScanProduct"]["AntiFake"]["CodeResult"])
    except (KeyError, TypeError):
        return opened, None


def _tell(url: str, push: Push, reply: Reply, *, as_json: bool) -> None:
    sent = {"url": f"{url}?{push.query}", "body": push.body.decode()}
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
    click.echo(f"  {sent['url']}\n  {sent['body']}\n" if push.body else f"  {sent['url']}\n")
    click.secho(f"answered  {reply.status} in {reply.seconds * 1000:.0f} ms", bold=True)
    click.echo(f"  {reply.body}\n")
    if reply.opened is not None:
        click.secho("opened", bold=True)
        for name, value in reply.opened.items():
            click.echo(f"  {name}: {value}")
        click.echo()
    none = (
        "none in the answer"
        if reply.status == httpx2.codes.OK
        else f"none: status {reply.status}; the service's log says why (404: is the path right?)"
    )
    click.secho(f"verdict   {reply.verdict or none}", bold=True)
    return None


def _nonce() -> str:
    return str(secrets.randbelow(10**10))
