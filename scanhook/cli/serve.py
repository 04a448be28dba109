"""``scanhook serve``: the service under gunicorn."""

from __future__ import annotations

import socket

import click

from scanhook.cli.common import config_option
from scanhook.cli.storage_check import why_gone
from scanhook.errors import Refused, StorageMoved
from scanhook.settings import House
from scanhook.storage.files import STORE_FILES
from scanhook.wire.storage import storage_url

__all__ = ["check_port", "serve"]


@click.command()
@config_option
@click.option("--bind", metavar="HOST:PORT", help="Instead of `bind` in [service].")
@click.option("--workers", type=click.IntRange(1, 64), help="Instead of `workers` in [service].")
def serve(house: House, bind: str | None, workers: int | None) -> None:
    """Run the service until TERM or Ctrl-C."""
    from scanhook.wire.server import run  # noqa: PLC0415  (brings gunicorn, which no other command needs)

    _check_here(house)
    service = house.settings.service
    bind = bind or service.bind
    check_port(bind)
    name = next(iter(house.settings.accounts))

    def ready() -> None:
        url = service.public_url or f"http://{bind}"
        click.echo(f"scanhook listens on {bind}; the callback of account {name} is {url}/wechat/callback", err=True)

    run(house, bind=bind, workers=workers or service.workers, ready=ready)


def _check_here(house: House) -> None:
    """Find out whether the storage is still where the settings say: a service without it answers nothing but 503.

    :raises StorageMoved: when it has gone.
    """
    url = storage_url(house)
    gone = why_gone(url.folder / STORE_FILES[0].name) if url.address is None else None
    if gone:
        raise StorageMoved(gone)


def check_port(bind: str) -> None:
    """Find out whether the service can listen there.

    :raises Refused: when it cannot.
    """
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    try:
        family = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, int(port)))
    except (OSError, ValueError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else "write HOST:PORT"
        raise Refused(f"{bind} cannot be listened on ({why}): choose another with --bind HOST:PORT") from None
