"""A WeChat of our own, for development and tests.

What stands in ``__all__`` is public API; it is loaded when it is first used, so that what needs one name of it, such as
``scanhook simulate``, does not load a web server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanhook.sandbox.faults import Fault, FaultKind
    from scanhook.sandbox.policy import MerchantShape, Policy
    from scanhook.sandbox.push import Push, compose_echo, compose_push, open_answer
    from scanhook.sandbox.route import Right
    from scanhook.sandbox.sandbox import Sandbox
    from scanhook.sandbox.scan import Person
    from scanhook.sandbox.sending import Patience
    from scanhook.sandbox.server import serve_sandbox
    from scanhook.sandbox.stocking import stock
    from scanhook.sandbox.tenant import Kind, Tenant
    from scanhook.sandbox.trace import Shown, Trace
    from scanhook.sandbox.world import World

__all__ = [
    "Fault",
    "FaultKind",
    "Kind",
    "MerchantShape",
    "Patience",
    "Person",
    "Policy",
    "Push",
    "Right",
    "Sandbox",
    "Shown",
    "Tenant",
    "Trace",
    "World",
    "compose_echo",
    "compose_push",
    "open_answer",
    "serve_sandbox",
    "stock",
]

_HOMES = {
    "Fault": "faults",
    "FaultKind": "faults",
    "Kind": "tenant",
    "MerchantShape": "policy",
    "Patience": "sending",
    "Person": "scan",
    "Policy": "policy",
    "Push": "push",
    "Right": "route",
    "Sandbox": "sandbox",
    "Shown": "trace",
    "Tenant": "tenant",
    "Trace": "trace",
    "World": "world",
    "compose_echo": "push",
    "compose_push": "push",
    "open_answer": "push",
    "serve_sandbox": "server",
    "stock": "stocking",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'scanhook.sandbox' has no attribute {name!r}")
    return getattr(import_module(f"scanhook.sandbox.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
