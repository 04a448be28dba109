from __future__ import annotations

import pytest

from scanhook.clock import FixedClock
from scanhook.wire.landing.limiter import Limiter, client_address


def test_a_burst_goes_through_and_comes_back_with_time() -> None:
    clock = FixedClock(0)
    limiter = Limiter(burst=3, per_s=2, monotonic=clock.now)
    assert [limiter.admits("a") for _ in range(5)] == [True, True, True, False, False]
    assert limiter.admits("b")
    clock.at = 0.4
    assert not limiter.admits("a")
    clock.at = 0.5
    assert [limiter.admits("a") for _ in range(2)] == [True, False]
    clock.at = 1000
    assert [limiter.admits("a") for _ in range(4)] == [True, True, True, False]


def test_its_memory_is_bounded() -> None:
    limiter = Limiter(burst=1, per_s=0.001, addresses_max=10)
    for number in range(1000):
        assert limiter.admits(str(number))
    assert not limiter.admits("999")
    assert limiter.admits("0")  # quiet for so long that it was forgotten
    assert len(limiter._buckets) == 10


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("203.0.113.7", None, "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", "10.0.0.1"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("::1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "spoofed, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1, spoofed", ""),
        ("127.0.0.1", "198.51.100.1:5678", "198.51.100.1"),
        ("127.0.0.1", "spoofed, 198.51.100.1:5678", "198.51.100.1"),
        ("127.0.0.1", "[2001:db8::1]:5678", "2001:db8::/64"),
        ("127.0.0.1", "[2001:db8::1]", "2001:db8::/64"),
        ("127.0.0.1", "2001:db8:0:0:1::5678", "2001:db8::/64"),
        ("127.0.0.1", "unknown", ""),
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("", "198.51.100.1", "198.51.100.1"),
        (None, None, ""),
        ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", None, "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", None, "203.0.113.7"),
        ("fe80::1%eth0", None, "fe80::/64"),
        ("127.0.0.1", "x" * 10_000, ""),
    ],
)
def test_whom_a_request_comes_from(peer: str | None, forwarded: str | None, counted: str) -> None:
    assert client_address(peer, forwarded) == counted
