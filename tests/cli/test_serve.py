from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from scanhook.cli.serve import check_port
from scanhook.errors import Refused
from scanhook.settings import House
from scanhook.storage import Pepper
from tests.cli.conftest import run
from tests.serving import environment, free_port


def serve(house: House, home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the service until it ends by itself."""
    command = [sys.executable, "-m", "scanhook", "serve", "--config", str(house.path), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20, env=environment(home))


def test_a_port_that_is_in_use_is_a_sentence_and_not_a_trace(shop: House, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        bind = f"127.0.0.1:{stranger.getsockname()[1]}"
        ended = serve(shop, tmp_path / "home", "--bind", bind)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == (
        f"error: {bind} cannot be listened on (Address already in use): choose another with --bind HOST:PORT\n"
    )


def test_another_pepper_is_a_sentence_and_not_a_trace(shop: House, tmp_path: Path) -> None:
    shop.pepper_path.unlink()
    Pepper.create(shop.pepper_path)
    ended = serve(shop, tmp_path / "home")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stdout + ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"error: {shop.base}/data/registry.db was made with the pepper ")
    assert last.endswith(": put back the pepper that belongs to this storage")


def test_a_house_that_has_moved_is_not_served_and_its_check_says_where_it_is(shop: House) -> None:
    for name in ("registry", "journal", "office"):
        with closing(apsw.Connection(str(shop.base / "data" / f"{name}.db"))) as connection:
            connection.execute("INSERT INTO meta (name, value) VALUES ('moved_to', 'postgresql://new/brand')")

    said = run("serve", code=1).stderr
    checked = run("storage", "check", code=1).stdout

    gone = f"{shop.base}/data/journal.db was moved to postgresql://new/brand: let `[storage] url` in the settings name"
    assert said.startswith(f"error: {gone}")
    assert f"✗ journal.db: {gone}" in checked
    assert "✗ office.db: " in checked


@pytest.mark.parametrize("bind", ["localhost", "8000", "127.0.0.1:http", "127.0.0.1:99999", "no.such.host.invalid:1"])
def test_what_is_no_address_is_refused(bind: str) -> None:
    said = run("serve", "--bind", bind, code=1).stderr
    assert said.startswith(f"error: {bind} cannot be listened on (")
    assert said.endswith("): choose another with --bind HOST:PORT\n")


@pytest.mark.parametrize("workers", ["0", "65", "many"])
def test_what_is_no_number_of_workers_is_a_usage_error(workers: str) -> None:
    assert "Invalid value for '--workers'" in run("serve", "--workers", workers, code=2).stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_free_port_can_be_listened_on(host: str) -> None:
    check_port(f"{host}:{free_port()}")


def test_a_held_port_cannot_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger, pytest.raises(Refused, match="Address already in use"):
        check_port(f"127.0.0.1:{stranger.getsockname()[1]}")
