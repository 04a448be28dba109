"""The service's own log: one line for each refusal, undecided scan and warning.

It goes through the standard library's logger ``scanhook``, so that an application which mounts the blueprint decides
where it ends up. No line holds a token, a key, an openid or a code.
"""

from __future__ import annotations

import logging
import sys

import structlog

__all__ = ["last_line", "log", "log_to_stderr"]

log = structlog.wrap_logger(
    logging.getLogger("scanhook"),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", key="at"),
        structlog.processors.LogfmtRenderer(key_order=["at", "level", "event"]),
    ],
)


def log_to_stderr() -> None:
    """Write the log to standard error, one line each: for a service that is its own master."""
    logger = logging.getLogger("scanhook")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False


def last_line(error: BaseException) -> str:
    """Return the file and line that an error came from; its text may hold what no log should."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"
