"""Limits how often one address may ask, in bounded memory. Performs no I/O."""

from __future__ import annotations

import ipaddress
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from scanhook.loopback import is_loopback

__all__ = ["Limiter", "client_address"]

BURST = 60
PER_S = 5.0
"""Generous: a mobile carrier shows thousands of its customers by one address."""
ADDRESSES_MAX = 10_000
_V6_PREFIX = 64
"""So much of an IPv6 address belongs to one customer."""
_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+):[0-9]+|\[(?P<v6>[^]]+)\](:[0-9]+)?", re.ASCII)


class Limiter:
    """A bucket of tokens for each address. Safe for threads.

    :param burst: how many requests an address may send at once.
    :param per_s: how many of them come back in a second.
    :param addresses_max: how many addresses are remembered; beyond that the one that was quiet longest is forgotten.
    :param monotonic: seconds from any start; for tests.
    """

    def __init__(
        self,
        *,
        burst: int = BURST,
        per_s: float = PER_S,
        addresses_max: int = ADDRESSES_MAX,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._per_s = per_s
        self._addresses_max = addresses_max
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admits(self, address: str) -> bool:
        """Tell whether an address may ask now; a request that is refused costs it nothing."""
        now = self._monotonic()
        with self._lock:
            tokens, at = self._buckets.pop(address, (float(self._burst), now))
            tokens = min(float(self._burst), tokens + (now - at) * self._per_s)
            admitted = tokens >= 1
            self._buckets[address] = (tokens - 1 if admitted else tokens, now)
            if len(self._buckets) > self._addresses_max:
                self._buckets.popitem(last=False)
        return admitted


def client_address(peer: str | None, forwarded: str | None) -> str:
    """Return whom a request comes from, as the limiter counts them: an IPv4 address, or an IPv6 network.

    :param peer: the other end of the connection; empty for a local socket.
    :param forwarded: the header ``X-Forwarded-For``. Only a proxy on this machine is believed, and of what it says only
        the last entry, which is its own; some write the port behind the address.
    """
    address = peer or ""
    if forwarded and (not address or is_loopback(address)):
        address = forwarded.rpartition(",")[2].strip()
        if found := _WITH_PORT.fullmatch(address):
            address = found["v4"] or found["v6"]
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        return str(mapped)
    if ip.version == 6:
        return str(ipaddress.ip_network((ip, _V6_PREFIX), strict=False))
    return str(ip)
