"""Connects only where it may: the address that was checked is the one that is connected to."""

from __future__ import annotations

import ipaddress
import socket

import httpx2

from scanhook.errors import VerifierFailed

__all__ = ["GuardedTransport", "is_public"]


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


def is_public(address: str) -> bool:
    """Tell whether an IP address lies on the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip in _NAT64:
        ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)  # where the translator goes on to
    if isinstance(ip, ipaddress.IPv6Address) and (ip not in _GLOBAL_UNICAST or ip.sixtofour or ip.teredo):
        return False  # an IPv4 address may hide in it, or it leads nowhere
    return ip.is_global and not ip.is_multicast


class GuardedTransport(httpx2.BaseTransport):
    """Resolves a name once, checks every address, and connects to one of those that it checked.

    Checking first and connecting by name afterwards would let the name change its mind in between.

    :param private: whether addresses of one's own network are allowed.
    """

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._transport = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to a checked address; certificate and Host header stay those of the name.

        :raises VerifierFailed: when the name cannot be found, or an address of it is private and that is not allowed.
        """
        host, port = request.url.host, request.url.port or {"https": 443, "http": 80}[request.url.scheme]
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise VerifierFailed("the verifier's host name cannot be found") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self._private and not all(is_public(address) for address in addresses):
            raise VerifierFailed(
                "the verifier's address is not on the public internet: if it is your own, "
                "set `allow_private_addresses = true` in [verifier]"
            )
        request.extensions = {**request.extensions, "sni_hostname": host}
        for address in addresses[:-1]:
            request.url = request.url.copy_with(host=address)
            try:
                return self._transport.handle_request(request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        request.url = request.url.copy_with(host=addresses[-1])
        return self._transport.handle_request(request)

    def close(self) -> None:
        """Close the pooled connections."""
        self._transport.close()
