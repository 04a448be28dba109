from __future__ import annotations

from scanhook.journal import UNDECIDED
from scanhook.registry import Reason
from tests.journal.scans import CODE, scan


def test_undecided_is_no_reason() -> None:
    assert UNDECIDED == "undecided"
    assert UNDECIDED not in set(Reason)


def test_a_scan_does_not_show_its_code() -> None:
    assert CODE not in repr(scan())
