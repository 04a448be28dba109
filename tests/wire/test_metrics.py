from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import Counter, Histogram

from scanhook.wire.metrics import Gauge, Metrics
from tests.serving import scan_push, verdict_in
from tests.wire.conftest import Wire


def test_two_services_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.pushed("scan_product_callback", "real", 1)
    line = b'scanhook_pushes_total{event="scan_product_callback",outcome="real"} 1.0\n'
    assert line in one.exposition()
    assert line not in other.exposition()


def test_the_figures_of_several_workers_stand_in_their_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    metrics.refused("signature")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert metrics.exposition() == b""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_gauge_is_what_the_worker_that_is_asked_has_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    if workers > 1:
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    gauges = [Gauge(name="scanhook_jars", says="Jars on the shelf.", value=3)]
    said = Metrics().exposition(gauges).decode()
    assert said.endswith("# HELP scanhook_jars Jars on the shelf.\n# TYPE scanhook_jars gauge\nscanhook_jars 3.0\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "name"), [(Counter, "inc"), (Histogram, "observe")], ids=["a counter", "a histogram"])
def test_a_fault_of_the_figures_costs_nobody_the_answer(
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: type[Counter | Histogram],
    name: str,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "figures of somebody")

    monkeypatch.setattr(kind, name, full)
    answer = wire.push(scan_push(keys=wire.keys()))
    assert (answer.status_code, verdict_in(answer.data, keys=wire.keys())) == (200, "real")
    assert [record.getMessage().partition("level=error ")[2] for record in caplog.records] == [
        'event="figures are lost from here on" why=OSError'
    ]
    refused = wire.client.post("/wechat/callback", data=b"x")
    assert (refused.status_code, refused.text) == (403, "not authentic")
