from __future__ import annotations

import random

import pytest

from scanhook.registry.spool import Spool


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 100])
def test_records_come_back_in_order_as_often_as_asked(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr("scanhook.registry.spool.RUN_RECORDS", 3)
    monkeypatch.setattr("scanhook.registry.spool._BLOCK_RECORDS", 2)
    records = [number.to_bytes(4, "big") for number in range(count)]
    shuffled = random.Random(1).sample(records, count)

    with Spool(record_bytes=4) as spool:
        for record in shuffled:
            spool.add(record)

        assert len(spool) == count
        assert list(spool) == records
        assert list(spool) == records


def test_equal_records_are_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.registry.spool.RUN_RECORDS", 2)
    with Spool(record_bytes=1) as spool:
        for record in (b"b", b"a", b"b", b"a", b"b"):
            spool.add(record)

        assert list(spool) == [b"a", b"a", b"b", b"b", b"b"]
