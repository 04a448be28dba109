"""A plugin that makes the suite fast and changes nothing that a test sees."""

from __future__ import annotations

import gc
import os
import ssl
from collections.abc import Callable, Generator
from pathlib import Path

import httpcore2
import pytest
from werkzeug.routing import Rule

from tests.postgres.programs import MEMORY, has_memory

_TESTS = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Prepare the process, before pytest chooses where its folders are."""
    _keep_folders_in_memory()
    _compile_url_builders_once()
    _read_certificates_once()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Let one worker for every two cores come on top: tests and ordeals wait for servers and processes.

    Browsers fill all cores by themselves, and so does what hypothesis thinks up: there is one for each. Who names a
    number gets it.
    """
    marks = str(config.getoption("markexpr"))
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ or not marks.startswith(("not ", "ordeal")):
        return None
    cores = len(os.sched_getaffinity(0))
    return cores + (cores + 1) // 2


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Let the fast suite not even read folders that hold nothing for it: a browser's driver alone takes a while."""
    marks = str(config.getoption("markexpr"))
    if collection_path.parent == _TESTS and f"not {collection_path.name}" in marks.split(" and "):
        return True
    return None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the garbage collector the tests themselves, which stay to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _keep_folders_in_memory() -> None:
    """Let pytest make its folders where nobody waits for a disk, unless the environment names another place.

    Every commit of a database waits for it, whichever engine. What a killed process leaves behind is the same: it is
    the kernel that keeps it.
    """
    if has_memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)


def _compile_url_builders_once() -> None:
    """Keep the functions that werkzeug compiles, two for each rule of each application.

    Hundreds of tests make an application of their own, all with the same rules.
    """
    if not hasattr(Rule, "_compile_builder"):  # another release of werkzeug may do it in another way
        return
    compile_builder = Rule._compile_builder
    kept: dict[object, Callable[..., tuple[str, str]]] = {}

    def builder(self: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:  # noqa: FBT001, FBT002
        if self.defaults:
            return compile_builder(self, append_unknown)
        made_of = (self.rule, *self._trace, append_unknown)
        if made_of not in kept:
            kept[made_of] = compile_builder(self, append_unknown)
        return kept[made_of]

    Rule._compile_builder = builder  # type: ignore[method-assign]


def _read_certificates_once() -> None:
    """Share what httpx trusts among its clients: reading a system's certificates takes longer than most tests."""
    read = httpcore2.default_ssl_context
    kept: dict[object, ssl.SSLContext] = {}

    def context(*, _trust_env: bool = True) -> ssl.SSLContext:
        asked = (_trust_env, *(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")))
        if asked not in kept:
            kept[asked] = read(_trust_env=_trust_env)
        return kept[asked]

    httpcore2.default_ssl_context = context
