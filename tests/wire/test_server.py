from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from gunicorn.arbiter import Arbiter

from scanhook.envelope import Format, Keyring
from scanhook.sandbox import Push, compose_echo, open_answer
from scanhook.settings import House
from scanhook.wire.server import housekeeper_command, housekeeper_environ, run
from scanhook.wire.service import keyring
from tests.conftest import OPENID, stock
from tests.serving import (
    NONCE,
    Answer,
    Brand,
    Server,
    compose,
    environment,
    journal_size,
    rows,
    scan_fields,
    scan_push,
    serving,
    verdict_in,
    wait_for,
)
from tests.wire.conftest import APP_SECRET, ENCODED_KEY, MONITOR_TOKEN, TOKEN

SENDERS = 32


def keys_of(server: Server, name: str = "main") -> Keyring:
    return keyring(server.house.settings.accounts[name])


def real_pushes(server: Server) -> float:
    return server.figures().get('scanhook_pushes_total{event="scan_product_callback",outcome="real"}', 0)


@pytest.mark.parametrize("echostr", ["4375120948345356249", "<b>&\"' +%", "中文"])
@pytest.mark.parametrize("name", ["main", "compat", "plain"])
def test_a_url_is_verified_byte_for_byte(server: Server, name: str, echostr: str) -> None:
    push = compose_echo(keys=keys_of(server, name), timestamp=int(time.time()), nonce=NONCE, echostr=echostr)
    answer = server.request("GET", f"/wechat/callback/{name}?{push.query}")
    assert (answer.status, answer.body) == (200, echostr.encode())
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("how", ["at once", "in two pieces"])
@pytest.mark.parametrize("format_", list(Format))
@pytest.mark.parametrize("name", ["main", "compat", "plain"])
def test_a_push_in_every_mode_and_language_gets_its_verdict(
    server: Server, name: str, format_: Format, how: str
) -> None:
    keys = keys_of(server, name)
    stock_once(server.house, name)
    verdicts = {}
    for code in ("GENUINE0001", "COPIED99999", "PRINTED0003", ""):
        at = int(time.time())
        push = compose(
            scan_fields(code, at=at, ToUserName=keys.original_id, FromUserName=f"{OPENID}{format_}{how}"),
            keys=keys,
            at=at,
            format_=format_,
        )
        answer = server.push(push, name=name, at_once=how == "at once")
        assert answer.status == 200
        verdicts[code] = verdict_in(answer.body, keys=keys)
        if verdicts[code] == "success":
            assert answer.body == b"success"
        else:
            assert answer.body.startswith(b"<xml>" if format_ is Format.XML else b"{")
            assert (b"Encrypt" in answer.body) is (name != "plain")
    assert verdicts == {"GENUINE0001": "real", "COPIED99999": "fake", "PRINTED0003": "not_active", "": "success"}


def stock_once(house: House, name: str, known: set[str] = set()) -> None:  # noqa: B006  (kept on purpose)
    if name != "main" and name not in known:
        known.add(name)
        stock(house, account=name)


def test_a_reply_repeats_what_was_pushed(server: Server) -> None:
    keys = keys_of(server)
    answer = server.push(scan_push("  x]]>&<y>\t", keys=keys))
    opened = open_answer(answer.body, keys=keys)
    assert opened is not None
    product = opened["ScanProduct"]
    assert isinstance(product, dict)
    assert product["ExtInfo"] == "  x]]>&<y>\t"


def in_pieces(body: bytes, size: int = 8192) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def test_a_body_without_content_length_is_read(server: Server) -> None:
    keys = keys_of(server)
    push = scan_push("GENUINE0001", keys=keys, FromUserName="oChunked")
    answer = server.request("POST", f"/wechat/callback?{push.query}", in_pieces(push.body, 100))
    assert answer.status == 200
    assert verdict_in(answer.body, keys=keys) == "real"


@pytest.mark.parametrize("chunked", [False, True], ids=["with Content-Length", "chunked"])
def test_a_body_over_64_kib_is_too_large(server: Server, chunked: bool) -> None:  # noqa: FBT001
    push = scan_push(keys=keys_of(server))
    largest, larger = push.body.ljust(65536), push.body.ljust(65537)
    for body, status in ((largest, 200), (larger, 413), (larger * 2, 413)):
        answer = server.request("POST", f"/wechat/callback?{push.query}", in_pieces(body) if chunked else body)
        assert answer.status == status
        if status == 413:
            assert answer.body == b"too large"


def test_one_line_carries_one_request_after_the_other(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.connect()
    line = connection.sock
    push = scan_push(keys=keys_of(server))
    for body, status in ((b"x", 403), (push.body, 200), (b"x" * 60000, 400), (push.body, 200)):
        connection.request("POST", f"/wechat/callback{f'?{push.query}' if status != 403 else ''}", body)
        response = connection.getresponse()
        response.read()
        assert (response.status, connection.sock) == (status, line)
    connection.close()


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/wechat/callback", "/wechat/callback/plain"])
def test_another_method_is_not_allowed(server: Server, method: str, path: str) -> None:
    before = journal_size(server.house)
    push = scan_push(keys=keys_of(server))
    answer = server.request(method, f"{path}?{push.query}", push.body)
    assert (answer.status, answer.body) == (405, b"method not allowed\n")
    assert journal_size(server.house) == before


@pytest.mark.parametrize("path", ["/wechat/callback/nobody", "/wechat/callback/", "/wechat/callback/main/x", "/x"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_not_there_is_not_found(server: Server, method: str, path: str) -> None:
    push = scan_push(keys=keys_of(server))
    answer = server.request(method, f"{path}?{push.query}", push.body if method == "POST" else None)
    assert (answer.status, answer.body) == (404, b"not found\n")


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /wechat/callback HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n\r\n",
        b"POST /wechat/callback HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /wechat/callback HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"nonsense\r\n\r\n",
    ],
)
def test_broken_http_is_no_fault_of_the_server(server: Server, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(raw)
        line.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: line.recv(4096), b""))
    assert answer[:13] in (b"HTTP/1.1 400 ", b"")
    assert server.request("GET", "/healthz").status == 200


def send_at_once(server: Server, push: Push, *, count: int) -> list[Answer]:
    """Open some lines first, then send the same push over all of them at the same moment."""
    starting = threading.Barrier(count)

    def send(_number: int) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.connect()
        try:
            starting.wait(20)
            connection.request("POST", f"/wechat/callback?{push.query}", push.body)
            response = connection.getresponse()
            return Answer(status=response.status, body=response.read(), headers={})
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(send, range(count)))


@pytest.mark.parametrize(("code", "verdict"), [("GENUINE0002", "real"), ("COPIED88888", "fake")])
def test_the_same_push_at_the_same_moment_is_one_scan(server: Server, code: str, verdict: str) -> None:
    keys = keys_of(server)
    before = journal_size(server.house)
    answers = send_at_once(server, scan_push(code, keys=keys, FromUserName="oEverybodyAtOnce"), count=SENDERS)
    assert [answer.status for answer in answers] == [200] * SENDERS
    assert {verdict_in(answer.body, keys=keys) for answer in answers} == {verdict}
    opened = [open_answer(answer.body, keys=keys) for answer in answers]
    assert len({str(reply) for reply in opened}) == 1
    assert journal_size(server.house) == (before[0] + 1, before[1])
    newest = "SELECT tag FROM scans ORDER BY id DESC LIMIT 1"
    assert rows(server.house, f"SELECT scans, persons FROM tallies WHERE tag = ({newest})") == [(1, 1)]


def test_the_figures_are_those_of_all_workers(server: Server) -> None:
    before = real_pushes(server)
    keys = keys_of(server)
    sent = 0

    def counting_workers() -> int:
        folders = list((server.home / "tmp").glob("scanhook-metrics-*"))
        assert len(folders) == 1
        return len(list(folders[0].glob("counter_*.db")))

    def send_another() -> bool:
        nonlocal sent
        sent += 1
        push = scan_push(keys=keys, FromUserName=f"oVisitor{sent}")
        assert verdict_in(server.push(push).body, keys=keys) == "real"
        return sent >= 4 and counting_workers() >= 3  # the parent may have a file of its own

    wait_for(send_another, "several workers have counted")
    assert {real_pushes(server) for _ in range(8)} == {before + sent}


def test_who_is_stopped_as_it_begins_leaves_nothing_behind(tmp_path: Path, stocked_house: House) -> None:
    command = [sys.executable, "-m", "scanhook", "serve", "--config", str(stocked_house.path)]
    environ = environment(tmp_path)

    def folders() -> list[Path]:
        return list(Path(environ["TMPDIR"]).glob("scanhook-*"))

    with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        wait_for(folders, "it begins")
        process.terminate()
    assert (process.returncode, folders()) == (0, [])


def test_only_this_machine_may_look_inside(server: Server) -> None:
    assert json.loads(server.request("GET", "/readyz").body)["ready"] is True
    for path in ("/readyz", "/metrics"):
        assert server.request("GET", path, headers={"X-Forwarded-For": "127.0.0.1"}).status == 403
        bearer = {"X-Forwarded-For": "203.0.113.9", "Authorization": f"Bearer {MONITOR_TOKEN}"}
        assert server.request("GET", path, headers=bearer).status == 200


def test_one_request_is_one_line_of_the_access_log(server: Server) -> None:
    assert server.request("GET", "/%0aFORGED%20line%20of%20%22somebody%22").status == 404
    wait_for(lambda: "FORGED" in server.log(), "the request is logged")
    assert [line for line in server.log().splitlines() if "FORGED" in line] == [
        '127.0.0.1 "GET /%0AFORGED%20line%20of%20%22somebody%22" 404 ' + line.rsplit(" 404 ", 1)[1]
        for line in server.log().splitlines()
        if "FORGED" in line
    ]


def test_the_access_log_has_neither_query_nor_openid_nor_secret(server: Server) -> None:
    server.push(scan_push(keys=keys_of(server)))
    server.request("POST", f"/wechat/callback?openid={OPENID}&timestamp=1&nonce=1&msg_signature=1", b"x")
    wait_for(lambda: '"POST /wechat/callback" 403 ' in server.log(), "the refusal is logged")
    log = server.log()
    assert "reason=timestamp" in log
    access = [line for line in log.splitlines() if '"POST /wechat/callback"' in line]
    assert any(line.startswith('127.0.0.1 "POST /wechat/callback" 200 ') for line in access)
    assert any(line.startswith('127.0.0.1 "POST /wechat/callback" 403 ') for line in access)
    pepper = server.house.pepper_path.read_text().strip()
    assert "?" not in log
    words = [OPENID, TOKEN, ENCODED_KEY, APP_SECRET, MONITOR_TOKEN, pepper, "GENUINE0001", "CompatToken2"]
    assert [word for word in words if word in log] == []


def test_the_log_names_the_callback_that_the_console_needs(server: Server) -> None:
    assert (
        f"scanhook listens on 127.0.0.1:{server.port}; the callback of account main is "
        f"http://127.0.0.1:{server.port}/wechat/callback\n"
    ) in server.log()


def test_there_is_no_control_socket(server: Server) -> None:
    assert server.request("GET", "/healthz").body == b"ok\n"
    found = [path for path in server.home.rglob("*") if path.is_socket() or "gunicorn" in path.name]
    assert found == []


def post_later(pool: ThreadPoolExecutor, server: Server, push: Push) -> Future[Answer]:
    return pool.submit(server.push, push)


def test_a_slow_verifier_holds_up_no_scan_that_the_registry_decides(asking_server: Server, brand: Brand) -> None:
    keys = keys_of(asking_server)
    brand.asked.clear()
    brand.open.clear()
    with ThreadPoolExecutor(8) as pool:
        slow = [scan_push(f"SLOW{number}", keys=keys) for number in range(8)]
        waiting = [post_later(pool, asking_server, push) for push in slow]
        wait_for(lambda: len(brand.asked) == 8, "every slow scan is in the verifier's hands")
        assert [verdict_in(asking_server.push(scan_push(keys=keys)).body, keys=keys) for _ in range(4)] == ["real"] * 4
        assert sum(not answer.done() for answer in waiting) == 2  # as many as may wait; the others shall come again
        brand.open.set()
        answers = [answer.result() for answer in waiting]
    assert sorted(answer.status for answer in answers) == [200, 200, *[503] * 6]
    assert {answer.body for answer in answers if answer.status == 503} == {b"try again"}
    for push in slow:
        wait_for(lambda push=push: asking_server.push(push).status == 200, "the late verdict answers the repeat")  # type: ignore[misc]
        assert verdict_in(asking_server.push(push).body, keys=keys) == "real"
    assert {question["extinfo"] for question in brand.asked} == {f"SLOW{number}" for number in range(8)}
    assert rows(asking_server.house, "SELECT count(*) FROM scans WHERE ext_info LIKE 'SLOW%'") == [(0,)]


def test_a_verifier_is_asked_without_openid_and_only_for_what_is_unknown(asking_server: Server, brand: Brand) -> None:
    keys = keys_of(asking_server)
    brand.asked.clear()
    brand.answer = {"reason": "void"}
    try:
        for code, verdict in (("GENUINE0001", "real"), ("ASKED0001", "fake")):
            push = scan_push(code, keys=keys, FromUserName="oSomebodyElse")
            assert verdict_in(asking_server.push(push).body, keys=keys) == verdict
    finally:
        brand.answer = {"reason": "active"}
    (question,) = brand.asked
    assert question["extinfo"] == "ASKED0001"
    assert sorted(question) == ["account", "extinfo", "id", "keystandard", "keystr"]
    assert "oSomebodyElse" not in str(question)


@pytest.mark.ordeal
def test_a_stop_lets_the_scan_in_flight_come_to_its_end(asking_house: House, brand: Brand, tmp_path: Path) -> None:
    with serving(asking_house, tmp_path) as server, ThreadPoolExecutor(1) as pool:
        keys = keys_of(server)
        brand.asked.clear()
        brand.open.clear()
        in_flight = post_later(pool, server, scan_push("LASTSCAN", keys=keys))
        wait_for(lambda: brand.asked, "the verifier is asked")
        idle = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(2)]
        idle[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert idle[0].recv(4096).startswith(b"HTTP/1.1 200")
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not server.listens(), "nobody else is let in")
        for line in idle:
            with line:
                while line.recv(4096):
                    pass
        assert not in_flight.done()
        brand.open.set()
        answer = in_flight.result()
        assert (answer.status, verdict_in(answer.body, keys=keys)) == (200, "real")
        assert server.process.wait(20) == 0
        assert "Forcing close" not in server.log()
        assert list((server.home / "tmp").iterdir()) == []


def test_every_start_has_a_new_folder_for_its_figures(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    folders: list[Path] = []

    def look(master: Arbiter) -> None:
        folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
        assert list(folder.iterdir()) == []
        (folder / "counter_1.db").write_bytes(b"of this start")
        folders.append(folder)
        assert master.cfg.bind == ["127.0.0.1:8000"]

    monkeypatch.setattr(Arbiter, "run", look)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "put back after the test")
    for _ in range(2):
        run(house, bind="127.0.0.1:8000", workers=1)
    assert folders[0] != folders[1]
    assert [folder for folder in folders if folder.exists()] == []


@pytest.mark.ordeal
def test_a_worker_that_dies_takes_nothing_along(asking_house: House, tmp_path: Path) -> None:
    with serving(asking_house, tmp_path, workers=2) as server:
        keys = keys_of(server)
        sent = 0
        for deaths, how in enumerate((signal.SIGKILL, signal.SIGABRT)):  # gunicorn aborts a worker that hangs
            wait_for(lambda up=2 + deaths: len(server.workers()) == up, "both workers are up")  # type: ignore[misc]
            os.kill(server.workers()[deaths], how)
            wait_for(lambda up=3 + deaths: len(server.workers()) == up, "another has come")  # type: ignore[misc]
            for _ in range(8):
                sent += 1
                answer = server.push(scan_push(keys=keys, FromUserName=f"oVisitorOfTheHardy{sent}"))
                assert (answer.status, answer.body[:14]) == (200, b"<xml><Encrypt>"), server.log()
            assert real_pushes(server) == sent


@pytest.mark.parametrize("path", [None, "elsewhere"])
def test_the_housekeeper_runs_the_scanhook_that_serves(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str | None
) -> None:
    stranger = tmp_path / "scanhook" / "__main__.py"
    stranger.parent.mkdir()
    stranger.with_name("__init__.py").touch()
    stranger.write_text("print('a stranger')")
    monkeypatch.chdir(tmp_path)
    if path is None:
        monkeypatch.delenv("PYTHONPATH", raising=False)
    else:
        monkeypatch.setenv("PYTHONPATH", path)

    command = [*housekeeper_command(house)[:4], "--version"]
    environ = housekeeper_environ()
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=30).stdout

    assert said.startswith("scanhook, version ")
    assert environ["PYTHONPATH"].split(os.pathsep)[1:] == ([] if path is None else [path])
