"""Finds verifiers by the scheme of their URL: scanhook's own, and any package's by the entry-point group."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from urllib.parse import urlsplit

from scanhook.errors import SettingsError
from scanhook.registry import RegistryStore
from scanhook.verdict.registry import RegistryVerifier
from scanhook.verdict.verifier import Verifier

__all__ = ["ENTRY_POINT_GROUP", "VerifierFactory", "VerifierPlug", "verifier_from_url"]

ENTRY_POINT_GROUP = "scanhook.verifiers"
_SECRET_BYTES_MIN = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierPlug:
    """What a verifier is made from.

    :param url: its entry in ``[verifier] chain``.
    :param registry: scanhook's own.
    :param secret: ``[verifier] secret``, empty when not set.
    :param allow_private_addresses: whether it may connect to addresses of one's own network.
    """

    url: str
    registry: RegistryStore = field(repr=False)
    secret: str = field(default="", repr=False)
    allow_private_addresses: bool = False


VerifierFactory = Callable[[VerifierPlug], Verifier]
"""What an entry point of the group names: a function (or class) that makes a verifier."""


def verifier_from_url(plug: VerifierPlug) -> Verifier:
    """Make the verifier that a URL's scheme names.

    :raises SettingsError: when no verifier has that scheme, or it cannot be made from this URL.
    """
    try:
        parts = urlsplit(plug.url)
        parts.port  # noqa: B018  (reading it checks it)
    except ValueError:
        raise SettingsError("verifier.chain: this is no URL: write registry:// or https://HOST/PATH") from None
    scheme = parts.scheme
    if scheme == "registry":
        return RegistryVerifier(plug.registry)
    if scheme in ("https", "http"):
        return _http(plug, scheme)
    for entry in entry_points(group=ENTRY_POINT_GROUP, name=scheme):
        try:
            factory: VerifierFactory = entry.load()
            verifier = factory(plug)
        except SettingsError:
            raise
        except Exception as error:
            # Not its text: the plug holds a secret.
            raise SettingsError(
                f"verifier.chain: the verifier `{scheme}` of {entry.value} cannot be made: {type(error).__name__}"
            ) from error
        missing = [name for name in ("waits", "verify", "close") if not hasattr(verifier, name)]
        if missing:
            raise SettingsError(f"verifier.chain: the verifier `{scheme}` of {entry.value} has no `{missing[0]}`")
        return verifier
    raise SettingsError(
        f"verifier.chain: no verifier is called `{scheme}`: write registry://, https://…, "
        f"or install the package that brings it (entry-point group {ENTRY_POINT_GROUP})"
    )


def _http(plug: VerifierPlug, scheme: str) -> Verifier:
    if scheme == "http" and not plug.allow_private_addresses:
        raise SettingsError(
            "verifier.chain: http:// sends codes in the clear: write https://, "
            "or set `allow_private_addresses = true` for a service in your own network"
        )
    host = urlsplit(plug.url).hostname
    if not host or not host.isprintable() or " " in host:
        raise SettingsError("verifier.chain: the URL names no host")
    try:
        long_enough = len(base64.b64decode(plug.secret.removeprefix("whsec_"), validate=True)) >= _SECRET_BYTES_MIN
    except (binascii.Error, ValueError):
        long_enough = False
    if not long_enough:
        raise SettingsError(
            f"verifier.secret: a verifier at a URL needs a secret of at least {_SECRET_BYTES_MIN} bytes in base64; "
            "make one with: openssl rand -base64 32"
        )
    from scanhook.verdict.http import HttpVerifier  # noqa: PLC0415  (who has no service loads no client)

    return HttpVerifier(plug.url, secret=plug.secret, private=plug.allow_private_addresses)
