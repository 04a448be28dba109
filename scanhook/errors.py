"""Every error that scanhook raises on purpose, as one tree.

::

    ScanhookError
    ├── SettingsError            the settings cannot be used; the start stops
    ├── PushError                a push is refused, and leaves no trace in the journal
    │   ├── Malformed            400  it cannot be read
    │   ├── NotAuthentic         403  it is not from WeChat, not for us, or not from now
    │   └── TooLarge             413  its body is over the limit
    ├── Undecided                503  no verdict can be given now; ask again
    ├── VerifierFailed           503  a verifier gave no answer, or none that can be used
    ├── StorageError             503  registry or journal cannot be read or written
    │   ├── PepperMismatch       503  the storage was made with another pepper
    │   ├── SchemaMismatch       503  the storage was made by another version
    │   └── StorageMoved         503  the storage was moved to another place, and takes nothing more
    ├── WechatError              502  WeChat's own API did not do what it was asked for
    │   ├── WechatRefused        502  it answered with an error code
    │   └── WechatUnreachable    503  it gave no answer, or none that can be used
    └── Refused                  400  what staff asked for cannot be done; says how to mend it
        ├── CodeFileRefused      400  a code file cannot be imported as it is
        └── IdTaken              409  a caller asks of another code under an id that it has used

``status_hint`` is the HTTP status that an error asks for, so that the web layer needs no table of its own.
``permanent`` is True when asking again with the same input must fail again.

No message in this tree ever holds a token, a key, an openid or a code.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "CodeFileRefused",
    "IdTaken",
    "Malformed",
    "NotAuthentic",
    "PepperMismatch",
    "PushError",
    "Refused",
    "ScanhookError",
    "SchemaMismatch",
    "SettingsError",
    "StorageError",
    "StorageMoved",
    "TooLarge",
    "Undecided",
    "VerifierFailed",
    "WechatError",
    "WechatRefused",
    "WechatUnreachable",
]


class ScanhookError(Exception):
    """The root: whatever scanhook raises on purpose is one of these.

    :param why: one sentence for the log or the terminal. It names no secret, openid or code.
    """

    status_hint: ClassVar[int] = 500
    permanent: ClassVar[bool] = True

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class SettingsError(ScanhookError):
    """The settings cannot be used. The sentence names the file, the line and the remedy."""


class PushError(ScanhookError):
    """A push is refused.

    :param why: one sentence for the log.
    :param kind: one word for the metrics, such as ``signature`` or ``timestamp``.
    """

    status_hint: ClassVar[int] = 400
    answer: ClassVar[str] = "malformed"

    def __init__(self, why: str, *, kind: str) -> None:
        super().__init__(why)
        self.kind = kind


class Malformed(PushError):
    """The push cannot be read: not XML or JSON, a field missing, doubled or out of its range."""


class NotAuthentic(PushError):
    """The push is not from WeChat, not for this account, or not from now."""

    status_hint: ClassVar[int] = 403
    answer: ClassVar[str] = "not authentic"


class TooLarge(PushError):
    """The body is larger than a push may be."""

    status_hint: ClassVar[int] = 413
    answer: ClassVar[str] = "too large"


class Undecided(ScanhookError):
    """No verdict can be given now. It is never turned into one: the caller answers "try again"."""

    status_hint: ClassVar[int] = 503
    permanent: ClassVar[bool] = False


class VerifierFailed(ScanhookError):
    """A verifier gave no answer, or none that can be used."""

    status_hint: ClassVar[int] = 503
    permanent: ClassVar[bool] = False


class StorageError(ScanhookError):
    """The registry or the journal cannot be read or written."""

    status_hint: ClassVar[int] = 503
    permanent: ClassVar[bool] = False


class PepperMismatch(StorageError):
    """The storage was made with another pepper: no code in it can be found with this one."""

    permanent: ClassVar[bool] = True


class SchemaMismatch(StorageError):
    """The storage was made by another version of scanhook."""

    permanent: ClassVar[bool] = True


class StorageMoved(StorageError):
    """The storage was moved to another place: from then on it answers nothing and takes nothing more."""

    permanent: ClassVar[bool] = True


class WechatError(ScanhookError):
    """WeChat's own API did not do what it was asked for."""

    status_hint: ClassVar[int] = 502


class WechatRefused(WechatError):
    """WeChat's API answered with an error code.

    :param why: the whole sentence: what was called, the code, its name, what it means and the remedy.
    :param code: WeChat's ``errcode``.
    :param name: what it is called, such as ``api_unauthorized``.
    :param meaning: in words.
    :param remedy: what to do.
    :param permanent: whether asking again with the same input must fail again.
    :param rid: by which WeChat finds the request again; empty when it gave none.
    """

    def __init__(self, why: str, *, code: int, name: str, meaning: str, remedy: str, permanent: bool, rid: str) -> None:
        super().__init__(why)
        self.code = code
        self.name = name
        self.meaning = meaning
        self.remedy = remedy
        self.permanent = permanent  # type: ignore[misc]  # this error's own bit: the code decides
        self.rid = rid


class WechatUnreachable(WechatError):
    """WeChat's API gave no answer, or none that can be used.

    :param acted: ``False`` when WeChat surely did nothing; ``None`` when nobody knows, as when a line broke after the
        request had left.
    """

    status_hint: ClassVar[int] = 503
    permanent: ClassVar[bool] = False

    def __init__(self, why: str, *, acted: bool | None) -> None:
        super().__init__(why)
        self.acted = acted


class Refused(ScanhookError):
    """What staff asked for cannot be done. The sentence says why, and how to mend it."""

    status_hint: ClassVar[int] = 400


class CodeFileRefused(Refused):
    """A code file cannot be imported as it is; nothing of it was taken."""


class IdTaken(Refused):
    """A caller asks of another code under an id that it has used before."""

    status_hint: ClassVar[int] = 409
