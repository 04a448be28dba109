"""Knows this machine by its addresses. Performs no I/O."""

from __future__ import annotations

import ipaddress

__all__ = ["is_loopback"]


def is_loopback(address: str | None) -> bool:
    """Tell whether a peer's address is this machine."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    # A socket for both families shows IPv4 peers like this.
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
