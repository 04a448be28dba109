from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx2
import psutil  # type: ignore[import-untyped]
import pytest

from scanhook.envelope import Keyring
from scanhook.sandbox import Push
from scanhook.settings import House
from tests.conftest import OPENID, copy_house
from tests.serving import Server, free_port, scan_push, serving, verdict_in, wait_for
from tests.wire.api.conftest import add_keys

CONFIG = Path(__file__).parent.parent.parent / "deploy" / "nginx.conf"
FEW = 20
PUSHERS = 6
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

pytestmark = [
    pytest.mark.ordeal,
    pytest.mark.skipif(not NGINX, reason="nginx is not installed, and pip brings none: apt-get install nginx"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    url: str
    folder: Path

    def push(self, push: Push) -> httpx2.Response:
        trust = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
        with httpx2.Client(verify=trust, trust_env=False) as client:
            return client.post(f"{self.url}?{push.query}", content=push.body)

    def upload(self, key: str, body: bytes) -> httpx2.Response:
        trust = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
        headers = {"authorization": f"Bearer {key}", "content-type": "text/csv"}
        with httpx2.Client(verify=trust, trust_env=False) as client:
            address = self.url.replace("/wechat/callback", "/api/v1/imports?file=large.csv&dry_run=true")
            return client.post(address, content=body, headers=headers)

    def open(self, query: str) -> httpx2.Response:
        trust = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
        with httpx2.Client(verify=trust, trust_env=False) as client:
            return client.get(self.url.replace("/wechat/callback", f"/landing?{query}"))

    def logs(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def pushes(self) -> int:
        """Return how many pushes stand in the log: nginx writes a line after the answer has left."""
        return self.logs().count('"POST /wechat/callback"')


@contextmanager
def nginx(folder: Path, upstream: int, *, second: int | None = None) -> Iterator[Proxy]:
    """Run nginx as it is shipped, but on loopback and without a trace outside a folder.

    :param upstream: the service's port.
    :param second: the port of the one that is only there while the first is restarted.
    """
    port = free_port()
    folder.mkdir()
    make_certificate = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 "
        "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*make_certificate.split(), *files], check=True, capture_output=True)
    text = CONFIG.read_text(encoding="utf-8")
    for shipped, here in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("server 127.0.0.1:8000 ", f"server 127.0.0.1:{upstream} "),
        ("server 127.0.0.1:8001 ", f"server 127.0.0.1:{second or free_port()} "),
        ("/etc/ssl/scan.example.com.pem", str(folder / "cert.pem")),
        ("/etc/ssl/scan.example.com.key", str(folder / "key.pem")),
        ("/var/log/nginx/", f"{folder}/"),
    ):
        assert shipped in text
        text = text.replace(shipped, here)
    kinds = ("proxy", "client_body", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/main.log crit; events {{}}\n"
        f"http {{ {temporary}\n{text}\n}}\n"
    )
    process = subprocess.Popen(
        [str(NGINX), "-c", str(folder / "nginx.conf"), "-p", str(folder)], stderr=subprocess.PIPE
    )
    try:
        wait_for(lambda: (folder / "pid").exists() or process.poll() is not None, "nginx is up")
        yield Proxy(url=f"https://127.0.0.1:{port}/wechat/callback", folder=folder)
    finally:
        process.terminate()
        _, complaint = process.communicate()
    assert complaint == b""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, _stocked_house: Path) -> Iterator[Server]:
    """Run a service with sample codes, for all tests."""
    folder = tmp_path_factory.mktemp("service")
    with serving(copy_house(_stocked_house, folder / "house"), folder) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, service: Server) -> Iterator[Proxy]:
    """Run nginx before that service, for all tests."""
    with nginx(tmp_path_factory.mktemp("proxy") / "nginx", service.port) as running:
        yield running


@pytest.fixture
def deserted(tmp_path: Path) -> Iterator[Proxy]:
    """Run nginx before a service that is gone."""
    with nginx(tmp_path / "nginx", free_port()) as running:
        yield running


def lines_to(port: int) -> int:
    """Return how many connections a port has, seen from its side."""
    lines = psutil.net_connections("tcp4")
    return sum(line.laddr.port == port and line.status == psutil.CONN_ESTABLISHED for line in lines)


def end(service: Server) -> None:
    """Stop a service in order."""
    service.process.terminate()
    assert service.process.wait() == 0


def test_a_push_through_the_shipped_nginx_configuration_is_answered(proxy: Proxy, keys: Keyring) -> None:
    answer = proxy.push(scan_push(keys=keys))
    refused = proxy.push(Push(query="", body=b"<xml/>"))
    assert (answer.status_code, verdict_in(answer.content, keys=keys)) == (200, "real")
    assert (refused.status_code, refused.text) == (403, "not authentic")


def test_pushes_share_connections_to_the_service(service: Server, proxy: Proxy, keys: Keyring) -> None:
    for number in range(2 * FEW):
        assert proxy.push(scan_push(keys=keys, FromUserName=f"o{number:027}")).status_code == 200
    assert 0 < lines_to(service.port) < FEW


def test_a_restart_with_a_second_service_refuses_nobody(tmp_path: Path, stocked_house: House, keys: Keyring) -> None:
    port, second = free_port(), free_port()
    told: list[tuple[int, str | None]] = []
    over = threading.Event()

    def push_on(proxy: Proxy, who: int) -> None:
        for number in count():
            if over.is_set():
                return
            answer = proxy.push(scan_push(keys=keys, FromUserName=f"o{who}{number:026}"))
            served = answer.status_code == 200
            told.append((answer.status_code, verdict_in(answer.content, keys=keys) if served else None))

    with (
        nginx(tmp_path / "nginx", port, second=second) as proxy,
        ThreadPoolExecutor(PUSHERS) as pool,
        serving(stocked_house, tmp_path, port=port) as old,
    ):
        pushing = [pool.submit(push_on, proxy, who) for who in range(PUSHERS)]
        try:
            wait_for(lambda: len(told) > FEW, "pushes are answered")
            with serving(stocked_house, tmp_path, port=second) as between:
                end(old)
                before = len(told)
                wait_for(lambda: len(told) > before + FEW, "the second one answers")
                with serving(stocked_house, tmp_path, port=port):
                    end(between)
                    before = len(told)
                    wait_for(lambda: len(told) > before + FEW, "the first one answers again")
                    over.set()
                    for each in pushing:
                        each.result()
        finally:
            over.set()
    assert set(told) == {(200, "real")}


def test_no_log_of_nginx_holds_the_query(proxy: Proxy, deserted: Proxy, keys: Keyring) -> None:
    before = proxy.pushes()
    assert proxy.push(scan_push(keys=keys)).status_code == 200
    assert deserted.push(scan_push(keys=keys)).status_code == 502
    wait_for(lambda: proxy.pushes() > before and deserted.pushes(), "nginx has logged both pushes")
    logs = proxy.logs() + deserted.logs()
    assert OPENID not in logs
    assert "signature" not in logs


def test_the_landing_page_goes_through_and_no_log_holds_its_ticket(service: Server, proxy: Proxy) -> None:
    page = proxy.open("wxticket=azlsdGljdXo4Ymow&wxextinfo=GENUINE0001")
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert "<h1" in page.text
    wait_for(lambda: '"GET /landing"' in proxy.logs(), "nginx has logged the visit")
    logs = proxy.logs() + service.log()
    assert [word for word in ("azlsdGljdXo4Ymow", "GENUINE0001", "wxticket") if word in logs] == []


def test_a_body_that_is_too_large_never_reaches_the_service(deserted: Proxy) -> None:
    assert deserted.push(Push(query="timestamp=1", body=b"x" * (64 * 1024 + 1))).status_code == 413


def test_a_code_file_of_any_size_goes_through_to_the_api(service: Server, proxy: Proxy) -> None:
    lines = "".join(f"qrcode,moment-frame,LARGE{number:06},inactive\n" for number in range(10_000))
    key = add_keys(service.house)["operate"]
    answer = proxy.upload(key, f"keystandard,keystr,extinfo,status\n{lines}".encode())
    assert answer.status_code == 202, answer.text
