from __future__ import annotations

import pytest

from scanhook.loopback import is_loopback


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1", False),
        ("localhost", False),
        ("", False),
        (None, False),
    ],
)
def test_only_loopback_is_this_machine(address: str | None, *, here: bool) -> None:
    assert is_loopback(address) is here
