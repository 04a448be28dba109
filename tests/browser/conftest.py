"""A browser, and a demo for it to look at: both run once for each worker."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.serving import environment, free_port

_PATIENCE_MS = 15_000


@dataclass(slots=True)
class Demo:
    """A demo that runs.

    :param url: of the sandbox, which the phone belongs to.
    :param service: of the service.
    """

    url: str
    service: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run ``scanhook demo``."""
    home, port = tmp_path_factory.mktemp("demo"), free_port()
    command = [sys.executable, "-m", "scanhook", "demo", "--port", str(port), "--sandbox-port", str(free_port())]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment(home), start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            while "Ctrl-C" not in said and (line := process.stdout.readline()):
                said += line
            found = re.search(r"(http://127\.0\.0\.1:\d+)/phone", said)
            assert found, said
            yield Demo(url=found[1], service=f"http://127.0.0.1:{port}")
            process.terminate()
            process.wait(30)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Run the system's Chromium, headless."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "no Chromium on this machine: apt-get install chromium"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@dataclass(slots=True)
class Watch:
    """What a page must not do: talk to others, break its own policy, or make the console complain."""

    hosts: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        """Watch a page."""
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console", lambda line: self.complaints.append(line.text) if line.type in ("error", "warning") else None
        )


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Open a window of its own, in English."""
    context = browser.new_context(locale="en-US", reduced_motion="reduce", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(_PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def watch() -> Watch:
    """Return what the page of the test did."""
    return Watch()


@pytest.fixture
def phone(context: BrowserContext, demo: Demo, watch: Watch) -> Iterator[Page]:
    """Open the phone; it must have kept to itself when the test is over."""
    page = context.new_page()
    watch.over(page)
    page.goto(f"{demo.url}/phone")
    yield page
    assert watch.hosts == {urlsplit(demo.url).netloc}
    assert watch.complaints == []
