"""The API through ``scanhook serve``: gunicorn's asgi worker, the door, a2wsgi, Flask."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from scanhook.clock import SystemClock
from scanhook.registry import open_registry
from scanhook.registry.importstore import Phase
from scanhook.storage import Pepper
from scanhook.wire.service import storage_url
from tests.serving import Answer, Server, serving, wait_for
from tests.wire.api.conftest import GENUINE, add_keys
from tests.wire.conftest import furnish

HEADER = b"keystandard,keystr,extinfo,status,batch\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A server and the keys to its API."""

    server: Server
    keys: dict[str, str]

    def __call__(
        self, method: str, path: str, body: Any = None, *, scope: str = "operate", content_type: str = "text/csv"
    ) -> Answer:
        headers = {"Authorization": f"Bearer {self.keys[scope]}", "Content-Type": content_type}
        return self.server.request(method, f"/api/v1{path}", body, headers)

    def phase(self, import_id: int) -> str:
        return str(json.loads(self("GET", f"/imports/{import_id}").body)["phase"])


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    home = tmp_path_factory.mktemp("api-server")
    house = furnish(home / "house")
    keys = add_keys(house)
    with serving(house, home) as server:
        yield Line(server=server, keys=keys)


def lines(prefix: str, count: int) -> list[bytes]:
    return [HEADER, *(b"qrcode,moment-frame,%s%06d,active,big\n" % (prefix.encode(), n) for n in range(count))]


def test_a_chunked_upload_reaches_the_registry_whole(line: Line) -> None:
    answer = line("POST", "/imports?file=chunks.csv", iter(lines("CHUNK", 5000)))
    assert (answer.status, answer.headers["content-type"]) == (202, "application/json")
    import_id = json.loads(answer.body)["id"]
    wait_for(lambda: line.phase(import_id) == "done", "the import is done")
    assert json.loads(line("GET", f"/imports/{import_id}").body)["codes"] == 5000


def test_a_chunked_body_of_json_is_read(line: Line) -> None:
    body = iter([json.dumps(GENUINE).encode()[:20], json.dumps(GENUINE).encode()[20:]])
    answer = line("POST", "/codes/check", body, content_type="application/json")
    assert (answer.status, json.loads(answer.body)["reason"]) == (200, "active")


@pytest.mark.parametrize("chunked", [True, False])
def test_half_an_upload_is_no_upload(line: Line, *, chunked: bool) -> None:
    before = json.loads(line("GET", "/imports").body)["items"]
    whole = b"".join(lines("HALF", 10))
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(whole) * 2}"
    sent = b"%x\r\n%s\r\n" % (len(whole), whole) if chunked else whole
    with socket.create_connection(("127.0.0.1", line.server.port)) as connection:
        connection.sendall(
            (
                f"POST /api/v1/imports HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n{length}\r\n"
                f"Authorization: Bearer {line.keys['operate']}\r\n\r\n"
            ).encode()
        )
        connection.sendall(sent)
        folder = line.server.house.base / "data" / "uploads"
        wait_for(lambda: list(folder.glob("*.part")), "the upload has begun")
    wait_for(lambda: not list(folder.glob("*.part")), "what was received is deleted")
    wait_for(lambda: "the body was cut off" in line.server.log(), "the log says why")
    assert json.loads(line("GET", "/imports").body)["items"] == before


def test_who_may_not_upload_is_told_before_the_whole_file_is_sent(line: Line) -> None:
    answer = line("POST", "/imports", iter(lines("NEVER", 100_000)), scope="read")
    assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")
    assert answer.headers["connection"] == "close"


@pytest.mark.ordeal
def test_a_restart_of_the_service_leaves_an_import_running(
    line: Line, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("restarted")
    house = furnish(home / "house")
    keys = add_keys(house)
    with serving(house, home) as server:
        answer = Line(server=server, keys=keys)("POST", "/imports", b"".join(lines("LONG", 60_000)))
        server.kill()
    import_id = json.loads(answer.body)["id"]
    url = storage_url(house)
    registry = open_registry(url, pepper=Pepper.load(house.pepper_path), clock=SystemClock())
    found = registry.find_import(import_id)
    assert found is not None
    assert found.phase is not Phase.DONE

    def is_done() -> bool:
        now = registry.find_import(import_id)
        return now is not None and now.phase is Phase.DONE

    wait_for(is_done, "the import is done")
    assert registry.look_up("main", "qrcode", "moment-frame", "LONG000007").code is not None
    registry.close()


def test_no_log_holds_a_key_a_code_or_a_person(line: Line) -> None:
    question = GENUINE | {"person": "whoScanned", "id": "call1"}
    answer = line("POST", "/verdicts", json.dumps(question), content_type="application/json")
    assert json.loads(answer.body)["verdict"] == "real"
    wrong = f"sh_{'A' * 10}_{'B' * 43}"
    refused = line.server.request("GET", "/api/v1/scans", headers={"Authorization": f"Bearer {wrong}"})
    assert refused.status == 401
    wait_for(lambda: "status=401" in line.server.log(), "the refusal is in the log")
    for secret in ("GENUINE0001", "whoScanned", wrong, line.keys["operate"], "call1"):
        assert secret not in line.server.log()


def test_the_document_is_served_to_everybody(line: Line) -> None:
    answer = line.server.request("GET", "/api/v1/openapi.json")
    assert json.loads(answer.body)["openapi"] == "3.1.0"
