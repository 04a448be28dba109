from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import datetime

import pytest

from scanhook.wire.log import last_line, log, log_to_stderr


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """Return the logger of the service, and put it back as it was."""
    logger = logging.getLogger("scanhook")
    before = (list(logger.handlers), logger.level, logger.propagate)
    logger.handlers.clear()
    yield logger
    logger.handlers[:], logger.level, logger.propagate = before


def test_the_log_of_a_service_goes_to_standard_error_one_line_each(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to_stderr()
    log_to_stderr()
    log.warning("refused", status=403, why="two\nlines of it", account="main")
    log.debug("nothing")
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("at=20")
    assert line.endswith('level=warning event=refused status=403 why="two\\nlines of it" account=main')


def test_an_application_that_mounts_the_blueprint_decides_where_the_log_goes(caplog: pytest.LogCaptureFixture) -> None:
    log.error("undecided", status=503)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("scanhook", logging.ERROR)


def test_a_fault_is_known_by_the_line_that_it_came_from() -> None:
    with pytest.raises(ValueError, match="isoformat") as fault:
        datetime.fromisoformat("no time")
    assert re.fullmatch(r".*test_log\.py:\d+", last_line(fault.value))
    assert last_line(ValueError("never raised")) == "unknown"
