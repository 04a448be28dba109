"""The query of a push: where WeChat puts signature, time and nonce. Performs no I/O and knows no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from scanhook.errors import NotAuthentic

__all__ = ["QUERY_FIELDS_MAX", "PushQuery"]

QUERY_FIELDS_MAX = 32
_READ = frozenset({"signature", "msg_signature", "timestamp", "nonce", "echostr"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PushQuery:
    """The query parameters that scanhook reads (facts.md 3.1 and 3.2); an absent one is ``None``.

    ``encrypt_type`` is not among them on purpose: the account's mode is pinned in the settings.
    """

    signature: str | None = None
    msg_signature: str | None = None
    timestamp: str = field(default="")
    nonce: str = field(default="")
    echostr: bytes | None = field(default=None, repr=False)

    @classmethod
    def from_query_string(cls, query: bytes) -> PushQuery:
        """Read a raw query string, as it stands behind the ``?``.

        :raises NotAuthentic: when a parameter that is read comes twice or is not ASCII, when ``timestamp`` or
            ``nonce`` is missing, or when there are more than ``QUERY_FIELDS_MAX`` parameters.
        """
        # Latin-1 maps every byte to one character, so that echostr can go back byte for byte.
        text = query.decode("latin-1")
        found = _read_plain(text) or _read(text)
        for name in ("timestamp", "nonce"):
            if not found.get(name):
                raise NotAuthentic(f"`{name}` is missing from the query", kind="query")
        echostr = found.get("echostr")
        return cls(
            signature=found.get("signature"),
            msg_signature=found.get("msg_signature"),
            timestamp=found["timestamp"],
            nonce=found["nonce"],
            echostr=None if echostr is None else echostr.encode("latin-1"),
        )


def _read_plain(text: str) -> dict[str, str] | None:
    """Read what WeChat sends: printable ASCII without escapes, every name once; leave all else to :func:`_read`."""
    if not (text.isascii() and text.isprintable()) or "%" in text or "+" in text:
        return None
    pairs = text.split("&")
    if len(pairs) > QUERY_FIELDS_MAX:
        return None
    try:
        found = dict([pair.split("=", 1) for pair in pairs])
    except ValueError:
        return None
    return found if len(found) == len(pairs) else None


def _read(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, encoding="latin-1", max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise NotAuthentic("the query has too many parameters", kind="query") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in _READ:
            continue
        if name in found:
            raise NotAuthentic(f"`{name}` comes twice in the query", kind="query")
        if name != "echostr" and not (value.isascii() and value.isprintable()):
            raise NotAuthentic(f"`{name}` in the query is not printable ASCII", kind="query")
        found[name] = value
    return found
