"""Writes a trace for the page. Performs no I/O."""

from __future__ import annotations

from typing import Any

from scanhook.sandbox.phone.words import sentence_in
from scanhook.sandbox.trace import Step, Trace

__all__ = ["report_step", "report_trace"]


def report_trace(trace: Trace, *, language: str) -> dict[str, Any]:
    """Return a whole scan as JSON, times in seconds, and sentences in a language."""
    item = trace.scan.item
    return {
        "shown": trace.shown.value,
        "why": sentence_in(language, trace.why),
        "item": {"keystandard": item.key_standard, "keystr": item.key_str, "extinfo": item.ext_info},
        "person": trace.scan.person.openid,
        "region": trace.scan.region_code,
        "steps": [report_step(step, language=language) for step in trace.steps],
    }


def report_step(step: Step, *, language: str) -> dict[str, Any]:
    """Return one push as JSON: as sent, as decrypted, and every answer."""
    answer = step.answer
    return {
        "name": step.name,
        "accepted": step.accepted,
        "why": sentence_in(language, step.why),
        "sent": {"method": step.method, "url": step.url, "body": _text(step.push.body)},
        "message": _text(step.push.message),
        "received": {
            "status": answer.status,
            "body": _text(answer.body),
            "failure": sentence_in(language, answer.failure),
        },
        "reply": _text(step.reply),
        "attempts": [
            {
                "number": attempt.number,
                "started_at": attempt.started_at,
                "seconds": attempt.seconds,
                "status": attempt.status,
                "failure": sentence_in(language, attempt.failure),
            }
            for attempt in step.attempts
        ],
    }


def _text(body: bytes) -> str:
    return body.decode(errors="replace")
