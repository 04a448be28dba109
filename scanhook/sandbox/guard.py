"""Lets nobody in but the person at this machine: secrets are known here, and pushes bear an account's own keys."""

from __future__ import annotations

from flask import Response, abort, request

from scanhook.loopback import is_loopback

__all__ = ["check_visitor", "harden"]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGES = ("phone.show", "controls.index", "first_page")
_PICTURES = ("controls.sample", "controls.picture")


def check_visitor() -> None:
    """Refuse requests from other machines, under other names (DNS rebinding), and from other sites' pages."""
    if not is_loopback(request.remote_addr):
        abort(403, "the sandbox is for this machine only")
    host = request.host.rpartition(":")[0] if request.host.rpartition(":")[2].isdigit() else request.host
    if host != "localhost" and not is_loopback(host.strip("[]")):
        abort(403, "ask for the sandbox by its address, such as http://127.0.0.1:9000/")
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{request.host}":
        abort(403, "another site's page may not use the sandbox")
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin") and not _changes_nothing():
        abort(403, "another site's page may not use the sandbox")


def harden(response: Response) -> Response:
    """Add the headers that keep a page to itself; a picture may be shown elsewhere."""
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    if request.endpoint not in _PICTURES:
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _changes_nothing() -> bool:
    """Tell whether somebody follows a link to a page, or shows a picture: neither does anything by being opened."""
    if request.endpoint in _PAGES:
        return request.headers.get("Sec-Fetch-Mode") == "navigate"
    return request.endpoint in _PICTURES
