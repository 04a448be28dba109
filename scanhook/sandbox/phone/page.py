"""The routes of the phone."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from scanhook.errors import Refused
from scanhook.sandbox.guard import harden
from scanhook.sandbox.phone.asked import BODY_MAX_BYTES, read_account, read_scan
from scanhook.sandbox.phone.recent import Recent
from scanhook.sandbox.phone.report import report_step, report_trace
from scanhook.sandbox.phone.stage import Post, Stage
from scanhook.sandbox.phone.words import LANGUAGES, PAGE_WORDS, words_in
from scanhook.sandbox.scan import Seen
from scanhook.sandbox.trace import Trace

__all__ = ["create_phone"]


def create_phone(stage: Stage) -> Blueprint:
    """Make the blueprint that serves the phone at ``/phone``; who may ask for it, the application decides."""
    phone = Blueprint("phone", __name__, url_prefix="/phone", template_folder="templates", static_folder="static")
    routes = _Routes(stage)
    phone.before_request(_limit)
    phone.before_request(_take_json_only)
    phone.after_request(harden)
    phone.register_error_handler(HTTPException, _say)
    phone.register_error_handler(Refused, _say_refused)
    phone.add_url_rule("", "show", routes.show, strict_slashes=False)
    phone.add_url_rule("/scans", "scan", routes.scan, methods=["POST"])
    phone.add_url_rule("/scans/<name>/repeat", "repeat", routes.repeat, methods=["POST"])
    phone.add_url_rule("/scans/<name>/region", "region", routes.region, methods=["POST"])
    phone.add_url_rule("/scans/<name>/landing", "landing", routes.landing)
    phone.add_url_rule("/verifications", "verify", routes.verify, methods=["POST"])
    return phone


class _Routes:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._recent = Recent()

    def show(self) -> str:
        language = _language()
        words = words_in(language)
        return render_template(
            "phone.html",
            stage=self._stage,
            language=language,
            words=words,
            page_words={name: words[name] for name in PAGE_WORDS},
        )

    def scan(self) -> Response:
        asked = _asked()
        post = self._stage.post(read_account(asked))
        return self._told(post, self._stage.scanner().scan(post.line, post.settle(read_scan(asked))))

    def repeat(self, name: str) -> Response:
        post, trace = self._find(name)
        return self._told(post, self._stage.scanner().again(trace))

    def region(self, name: str) -> Response:
        post, trace = self._find(name)
        return jsonify(
            step=report_step(self._stage.scanner().report_region(post.line, trace.scan), language=_language())
        )

    def landing(self, name: str) -> BaseResponse:
        post, trace = self._find(name)
        return redirect(post.link(trace.scan), 303)

    def verify(self) -> Response:
        post = self._stage.post(read_account(_asked()))
        return jsonify(step=report_step(self._stage.scanner().verify_url(post.line), language=_language()))

    def _told(self, post: Post, trace: Trace) -> Response:
        name = self._recent.keep(post, trace)
        linked = post.landing and trace.scan.seen is not Seen.NOTHING
        landing = url_for("phone.landing", name=name) if linked else ""
        return jsonify(id=name, landing=landing, **report_trace(trace, language=_language()))

    def _find(self, name: str) -> tuple[Post, Trace]:
        return self._recent.find(name) or abort(404, "this scan was forgotten: scan again")


def _language() -> str:
    wanted = request.args.get("lang") or request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]
    return wanted if wanted in LANGUAGES else LANGUAGES[0]


def _asked() -> dict[str, Any]:
    asked = request.get_json()
    if not isinstance(asked, dict):
        abort(400, "send a JSON object")
    return cast("dict[str, Any]", asked)


def _limit() -> None:
    request.max_content_length = BODY_MAX_BYTES


def _take_json_only() -> None:
    if request.method == "POST" and request.mimetype != "application/json":
        abort(415, "send JSON")


def _say(error: HTTPException) -> tuple[Response, int]:
    return jsonify(error=error.description), error.code or 500


def _say_refused(error: Refused) -> tuple[Response, int]:
    return jsonify(error=error.why), error.status_hint
