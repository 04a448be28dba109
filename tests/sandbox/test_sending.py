from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scanhook.clock import FixedClock
from scanhook.errors import Refused
from scanhook.sandbox.sending import ANSWER_MAX_BYTES, Patience, Sender
from tests.serving import free_port, wait_for

AT = 1447848568.0
PROMPT = Patience(wait_s=20)
HASTY = Patience(wait_s=0.05)


@dataclass(slots=True)
class Shop:
    """A brand's server that answers as it is told; ``None`` hangs until the test is over."""

    url: str = ""
    answers: list[tuple[int, bytes] | None] = field(default_factory=list)
    got: list[tuple[str, str, bytes]] = field(default_factory=list)


@contextmanager
def shop(*answers: tuple[int, bytes] | None) -> Iterator[Shop]:
    here, over = Shop(answers=list(answers)), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.got.append((self.headers["Content-Type"], self.path, body))
            answer = here.answers.pop(0) if len(here.answers) > 1 else here.answers[0]
            if answer is None:
                over.wait(20)
                return
            with suppress(OSError):
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(answer[1])))
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(answer[1])

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        here.url = f"http://127.0.0.1:{server.server_port}/wechat/callback?nonce=1"
        try:
            yield here
        finally:
            over.set()
            server.shutdown()
            thread.join()


def test_closing_wakes_who_waits_and_nothing_is_sent_any_more() -> None:
    sender = Sender(FixedClock(AT))
    with shop(None) as here, ThreadPoolExecutor(1) as aside:
        waiting = aside.submit(sender, "POST", here.url, b"x", patience=PROMPT)
        wait_for(lambda: here.got, "the push is there")
        sender.close()
        [attempt] = waiting.result(10)
        assert (attempt.status, attempt.failure) == (None, "no answer (the sandbox ended)")
        [late] = sender("POST", here.url, b"x", patience=PROMPT)
        assert (late.number, late.failure) == (1, "no answer (the sandbox ended)")
        assert len(here.got) == 1
    sender.close()


@pytest.fixture
def send() -> Iterator[Sender]:
    sender = Sender(FixedClock(AT))
    yield sender
    sender.close()


def test_an_answer_that_counts_ends_it(send: Sender) -> None:
    with shop((200, b"success")) as here:
        (attempt,) = send("POST", here.url, b"<xml/>", patience=PROMPT)
    assert (attempt.number, attempt.status, attempt.body, attempt.failure) == (1, 200, b"success", "")
    assert attempt.started_at == AT
    assert 0 < attempt.seconds < 20
    assert here.got == [("text/xml", "/wechat/callback?nonce=1", b"<xml/>")]


def test_a_server_that_hangs_is_asked_three_times_with_the_same_bytes(send: Sender) -> None:
    with shop(None) as here:
        attempts = send("POST", here.url, b"<xml/>", patience=HASTY)
    assert [(attempt.number, attempt.status, attempt.failure) for attempt in attempts] == [
        (1, None, "no answer within 0.05 s"),
        (2, None, "no answer within 0.05 s"),
        (3, None, "no answer within 0.05 s"),
    ]
    assert set(here.got) == {("text/xml", "/wechat/callback?nonce=1", b"<xml/>")}


@pytest.mark.parametrize("status", [503, 500, 403, 400, 204, 302])
def test_another_status_is_asked_again(send: Sender, status: int) -> None:
    with shop((status, b""), (200, b"success")) as here:
        first, second = send("POST", here.url, b"<xml/>", patience=PROMPT)
    assert first.failure == f"status {status}: the server's log says why"
    assert (second.number, second.failure, second.body) == (2, "", b"success")


def test_another_status_is_not_asked_again_if_so_wanted(send: Sender) -> None:
    with shop((503, b"try again")) as here:
        (only,) = send("POST", here.url, b"<xml/>", patience=Patience(again_after_error=False))
    assert (only.status, only.body) == (503, b"try again")
    assert len(here.got) == 1


def test_a_server_that_hangs_is_asked_again_all_the_same(send: Sender) -> None:
    hasty = Patience(wait_s=0.05, tries=2, again_after_error=False)
    with shop(None) as here:
        assert len(send("POST", here.url, b"<xml/>", patience=hasty)) == 2


def test_nobody_there_is_no_answer(send: Sender) -> None:
    attempts = send("POST", f"http://127.0.0.1:{free_port()}/x", b"<xml/>", patience=Patience(tries=2))
    assert [attempt.failure for attempt in attempts] == ["no answer (ConnectError)", "no answer (ConnectError)"]
    assert {attempt.status for attempt in attempts} == {None}


def test_an_answer_without_end_is_cut_off(send: Sender) -> None:
    with shop((200, b"x" * (ANSWER_MAX_BYTES + 100_000))) as here:
        (attempt,) = send("POST", here.url, b"<xml/>", patience=Patience(wait_s=20, tries=1))
    assert attempt.failure == f"the answer has more than {ANSWER_MAX_BYTES} bytes"
    assert len(attempt.body) == ANSWER_MAX_BYTES


def test_the_longest_answer_is_taken(send: Sender) -> None:
    with shop((200, b"x" * ANSWER_MAX_BYTES)) as here:
        (attempt,) = send("POST", here.url, b"<xml/>", patience=Patience(wait_s=20, tries=1))
    assert attempt.failure == ""


@pytest.mark.parametrize(
    "wrong", [{"wait_s": 0}, {"wait_s": 61}, {"tries": 0}, {"tries": 11}, {"pause_s": -1}, {"pause_s": 61}]
)
def test_what_is_no_patience_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(Refused):
        Patience(**wrong)  # type: ignore[arg-type]
