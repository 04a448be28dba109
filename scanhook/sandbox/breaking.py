"""Lets an answer go wrong over HTTP, as a fault says."""

from __future__ import annotations

import socket
from contextlib import suppress

import flask

from scanhook.sandbox.faults import FaultKind

__all__ = ["broken"]

_HTML = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
_JSON_TYPE = "application/json; encoding=utf-8"


def broken(kind: FaultKind, right: bytes) -> flask.Response:
    """Return what comes instead of the right answer.

    :param right: the right answer, or one of its kind.
    :raises ConnectionResetError: when the connection is to break, and nobody serves the application.
    """
    match kind:
        case FaultKind.DROP:
            _hang_up()
            return flask.Response(status=500)
        case FaultKind.NOTHING:
            return flask.Response(b"", content_type=_JSON_TYPE)
        case FaultKind.HALF:
            return flask.Response(right[: len(right) // 2], content_type=_JSON_TYPE)
        case FaultKind.REDIRECT:
            return flask.Response(status=302, headers={"Location": "/sandbox/"})
        case _:
            status = 502 if kind is FaultKind.BAD_GATEWAY else 200
            return flask.Response(_HTML, status=status, content_type="text/html")


def _hang_up() -> None:
    """Break the connection under the answer, which then goes nowhere."""
    connection = flask.request.environ.get("werkzeug.socket")
    if connection is None:
        raise ConnectionResetError("the sandbox broke the connection")
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
