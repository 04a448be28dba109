"""scanhook tells a consumer who scans a product's code in WeChat whether the item is real, fake or not yet activated.

What stands in ``__all__`` is the public API; it is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanhook.errors import ScanhookError, SettingsError, StorageError, VerifierFailed
    from scanhook.message import CodeResult
    from scanhook.office.calling import open_wechat
    from scanhook.registry import Reason
    from scanhook.settings import House, load_settings
    from scanhook.verdict import Finding, Question, Verifier, VerifierPlug
    from scanhook.wire.app import create_app, create_blueprint, create_door

__all__ = [
    "CodeResult",
    "Finding",
    "House",
    "Question",
    "Reason",
    "ScanhookError",
    "SettingsError",
    "StorageError",
    "Verifier",
    "VerifierFailed",
    "VerifierPlug",
    "create_app",
    "create_blueprint",
    "create_door",
    "load_settings",
    "open_wechat",
]

_HOMES = {
    "CodeResult": "scanhook.message",
    "Finding": "scanhook.verdict",
    "House": "scanhook.settings",
    "Question": "scanhook.verdict",
    "Reason": "scanhook.registry",
    "ScanhookError": "scanhook.errors",
    "SettingsError": "scanhook.errors",
    "StorageError": "scanhook.errors",
    "Verifier": "scanhook.verdict",
    "VerifierFailed": "scanhook.errors",
    "VerifierPlug": "scanhook.verdict",
    "create_app": "scanhook.wire.app",
    "create_blueprint": "scanhook.wire.app",
    "create_door": "scanhook.wire.app",
    "load_settings": "scanhook.settings",
    "open_wechat": "scanhook.office.calling",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'scanhook' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
