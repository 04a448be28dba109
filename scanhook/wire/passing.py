"""How far a push has come over HTTP: what :class:`~scanhook.wire.callback.Callback` gives and takes."""

from __future__ import annotations

from dataclasses import dataclass

from scanhook.receive import Heard, Judged, Opened, Pending
from scanhook.wire.forward import Forwarder, Parcel

__all__ = ["Begun", "Hanging", "HttpAnswer", "Onward", "Taken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What goes back over HTTP.

    :param content_type: printable ASCII: it is written into the head as it is.
    """

    status: int
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A push that is authentic, and must be looked up.

    :param parcel: as it came; ``None`` where nobody wants to see it again.
    :param started: when it came, by ``time.perf_counter``.
    """

    opened: Opened
    parcel: Parcel | None
    started: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A push that waits for the disk.

    :param parcel: of an event that goes on to the brand's own server, as it came.
    :param started: when it came, by ``time.perf_counter``.
    """

    judged: Judged | Heard
    parcel: Parcel | None = None
    started: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hanging:
    """A push whose verdict hangs on a verifier that may wait; :meth:`~scanhook.wire.callback.Callback.ask` asks it.

    :param started: when it came, by ``time.perf_counter``.
    """

    pending: Pending
    started: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """A push that the brand's own server may have an answer to.

    :param otherwise: the answer when it has none in time.
    :param started: when the push came, by ``time.perf_counter``.
    """

    parcel: Parcel
    forwarder: Forwarder
    otherwise: HttpAnswer
    started: float
