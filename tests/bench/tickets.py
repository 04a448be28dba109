"""Measures ticket checks: ``python -m tests.bench.tickets --help``. Not a test: timings in tests make them flaky.

::

    scanhook init /tmp/house --app-id wx1 --original-id gh_1 --app-secret 0123456789abcdef0123456789abcdef
    export SCANHOOK_CONFIG=/tmp/house/scanhook.toml SCANHOOK_WECHAT__API_BASE=http://127.0.0.1:9000
    scanhook codes import /tmp/codes.csv            # with the code below, active
    scanhook sandbox --port 9000                    # in a terminal of its own, as the next
    scanhook serve
    python -m tests.bench.tickets qrcode/moment-frame/7Q2M9XK4 --key "$(scanhook apikeys add bench --scope read)"
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable

import click
import httpx2

from scanhook.cli.common import CODE, CodeName, config_option
from scanhook.clock import SystemClock
from scanhook.office.calling import open_wechat
from scanhook.sandbox.scan import Item, Line, Person, Scan
from scanhook.sandbox.scanning import Scanner
from scanhook.settings import House
from scanhook.wechat import System
from scanhook.wechat.ticket import check_ticket
from scanhook.wire.service import keyring

_PERSON = "oBenchPersonNumberOne000001"


@click.command()
@click.argument("code", type=CODE)
@click.option("--key", required=True, help="A key to the service's API.")
@click.option("--seconds", default=10.0, help="For each of the three.")
@click.option("--threads", default=4)
@config_option
def main(house: House, code: CodeName, key: str, seconds: float, threads: int) -> None:
    """Scan CODE, then check a ticket in a closed loop: bare, through the HTTP API, and by the landing page."""
    service, account = f"http://{house.settings.service.bind}", house.settings.accounts["main"]
    line = Line(url=f"{service}/wechat/callback", keys=keyring(account))
    item = Item(key_standard=code.key_standard, key_str=code.key_str, ext_info=code.ext_info)
    with Scanner(SystemClock()) as scanner:
        scanner.ask(line, Scan(item=item, person=Person(openid=_PERSON)))
    ticket = _issue(house, account.app_id, code)
    body = {"ticket": ticket, "extinfo": code.ext_info}
    link = {"wxticket": ticket, "wxextinfo": code.ext_info, "wxkeystr": code.key_str}

    def over_http(number: int) -> Callable[[], None]:
        client = httpx2.Client(base_url=service, headers={"authorization": f"Bearer {key}"}, trust_env=False)

        def ask() -> None:
            answer = client.post("/api/v1/tickets/check", json=body).raise_for_status()
            if answer.json()["bound"] is not True:
                raise click.ClickException(f"the ticket is not bound: {answer.text}")

        return ask

    def by_page(number: int) -> Callable[[], None]:
        client = httpx2.Client(base_url=service, headers={"accept-language": "en"}, trust_env=False)
        visits = iter(range(1 << 24))

        def ask() -> None:
            # Each visitor from an address of their own, or they would be told to wait.
            address = f"2001:db8:{number:x}:{next(visits) & 0xFFFF:x}::1"
            page = client.get("/landing", params=link, headers={"x-forwarded-for": address}).raise_for_status()
            if "Genuine" not in page.text:
                raise click.ClickException("the page does not say Genuine")

        return ask

    with open_wechat(house, System.PAGES, account="main") as api:
        _measure("bare call", lambda _number: lambda: check_ticket(api, ticket), seconds, threads)
    _measure("HTTP API", over_http, seconds, threads)
    _measure("landing page", by_page, seconds, threads)


def _issue(house: House, app_id: str, code: CodeName) -> str:
    wanted = {"app_id": app_id, "openid": _PERSON, "keystandard": code.key_standard, "keystr": code.key_str}
    answer = httpx2.post(f"{house.settings.wechat.api_base}/sandbox/tickets", json=wanted, trust_env=False)
    ticket: str = answer.raise_for_status().json()["ticket"]
    return ticket


def _measure(what: str, make: Callable[[int], Callable[[], object]], seconds: float, threads: int) -> None:
    taken: list[float] = []
    failed: list[BaseException] = []
    ends_at = time.perf_counter() + seconds

    def run(number: int) -> None:
        ask = make(number)
        try:
            while time.perf_counter() < ends_at and not failed:
                started = time.perf_counter()
                ask()
                taken.append(time.perf_counter() - started)
        except Exception as error:  # noqa: BLE001  (told below)
            failed.append(error)

    workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failed:
        raise click.ClickException(f"{what}: {failed[0]!r}")
    ordered = sorted(taken)
    p99 = ordered[int(len(ordered) * 0.99)]
    click.echo(
        f"{what}: {len(taken) / seconds:.0f} requests/s, mean {statistics.fmean(ordered) * 1e3:.2f} ms, "
        f"p50 {statistics.median(ordered) * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms"
    )


if __name__ == "__main__":
    main()
