"""The pytest fixture ``wechat_sandbox``: public API, for any suite that says so in its topmost ``conftest.py``.

``pytest_plugins = ["scanhook.sandbox.fixture"]``

It is no entry point: pytest would then rewrite every module of scanhook at the start of every suite on the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from scanhook.sandbox.sandbox import Sandbox

__all__ = ["wechat_sandbox"]


@pytest.fixture
def wechat_sandbox() -> Iterator[Sandbox]:
    """Serve a WeChat of its own to a test, on loopback, with sample tenants and products.

    Its tenants are ``main`` (an official account with the scan right), ``shop`` (a mini program: live and union),
    ``assistant`` (a Channels assistant: window), ``goods`` and ``other`` (applications of one WeCom company).
    ``main`` is pushed to once a test has set ``wechat_sandbox.main.callback_url``.
    """
    # Here, so that a test run without a sandbox starts as fast as ever.
    from scanhook.sandbox.sample_tenants import sample_tenants  # noqa: PLC0415
    from scanhook.sandbox.server import serve_sandbox  # noqa: PLC0415
    from scanhook.sandbox.stocking import stock  # noqa: PLC0415
    from scanhook.sandbox.world import World  # noqa: PLC0415

    with serve_sandbox(World(sample_tenants())) as sandbox:
        stock(sandbox.world)
        yield sandbox
