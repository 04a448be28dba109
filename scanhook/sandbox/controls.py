"""What a developer tells the sandbox, and sees of it, under ``/sandbox/``: no call of WeChat's is there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

import flask

from scanhook.errors import Refused
from scanhook.sandbox.faults import Fault
from scanhook.sandbox.guard import harden
from scanhook.sandbox.route import OpenRoute, Route
from scanhook.sandbox.stocking import SAMPLE_PICTURE
from scanhook.sandbox.tenant import Tenant
from scanhook.sandbox.world import World

__all__ = ["controls"]


def controls(world: World, routes: Iterable[Route], open_routes: Iterable[OpenRoute]) -> flask.Blueprint:
    """Return the routes under ``/sandbox/``. What changes something takes JSON only, so that no other page can send it.

    - ``GET /sandbox/``: every call with the page that its rule comes from
    - ``GET``, ``POST``, ``DELETE /sandbox/faults``: see :class:`~scanhook.sandbox.faults.Fault`
    - ``POST /sandbox/tokens`` with ``{"app_id"?, "become": "invalid"|"expired"}``
    - ``POST /sandbox/tickets`` with ``{"app_id", "openid", "keystandard", "keystr", "scene"?}``
    - ``POST /sandbox/reviews`` with ``{"app_id", "keystandard", "keystr", "passed", "reason"?}``
    - ``GET /sandbox/qrcode/NAME.png``: what ``pic_url`` names; ``/sandbox/picture.png``: what sample pages show
    """
    blueprint = flask.Blueprint(
        "controls", __name__, url_prefix="/sandbox", template_folder="templates", static_folder="static"
    )
    blueprint.after_request(harden)
    calls: list[Route | OpenRoute] = [*routes, *open_routes]
    calls.sort(key=lambda route: (route.path, route.method))
    desk = _Desk(world)

    @blueprint.get("/")
    def index() -> str:
        return flask.render_template("sandbox.html", calls=calls, tenants=world.tenants)

    blueprint.get("/faults")(desk.faults)
    blueprint.post("/faults")(desk.tell)
    blueprint.delete("/faults")(desk.clear)
    blueprint.post("/tokens")(desk.end_tokens)
    blueprint.post("/tickets")(desk.issue)
    blueprint.post("/reviews")(desk.end_review)

    @blueprint.get("/picture.png")
    def sample() -> flask.Response:
        return flask.Response(SAMPLE_PICTURE.png(), content_type="image/png")

    @blueprint.get("/qrcode/<name>.png")
    def picture(name: str) -> flask.Response:
        found = world.pictures.find(name)
        return flask.Response(found.png(), content_type="image/png") if found else flask.abort(404)

    return blueprint


class _Desk:
    def __init__(self, world: World) -> None:
        self._world = world

    def faults(self) -> flask.Response:
        with self._world.lock:
            told = self._world.faults.told()
        return flask.jsonify([{**asdict(fault), "calls": left} for fault, left in told])

    def tell(self) -> flask.Response:
        given = _given(tuple(field.name for field in fields(Fault)))
        try:
            fault = Fault(**{"kind": "", **given})
        except ValueError as error:
            return _wrong(str(error))
        with self._world.lock:
            self._world.faults.tell(fault)
        return self.faults()

    def clear(self) -> flask.Response:
        with self._world.lock:
            self._world.faults.clear()
        return self.faults()

    def end_tokens(self) -> flask.Response:
        given = _given(("app_id", "become"))
        try:
            tenant = self._tenant(given) if "app_id" in given else None
        except Refused as error:
            return _wrong(str(error))
        with self._world.lock:
            match given.get("become"):
                case "invalid":
                    ended = self._world.tokens.invalidate(tenant)
                case "expired":
                    ended = self._world.tokens.expire(tenant, now=self._world.clock.now())
                case _:
                    return _wrong("become is `invalid` or `expired`")
        return flask.jsonify({"ended": ended})

    def issue(self) -> flask.Response:
        names = ("app_id", "openid", "keystandard", "keystr", "scene")
        given = _given(names)
        texts = {name: str(given.get(name, "")) for name in names[1:4]}
        scene = given.get("scene", "scan")
        if not all(texts.values()) or scene not in ("scan", "others"):
            return _wrong("give app_id, openid, keystandard and keystr, and perhaps scene: scan or others")
        try:
            tenant = self._tenant(given)
        except Refused as error:
            return _wrong(str(error))
        ticket = self._world.tickets.issue(
            tenant,
            openid=texts["openid"],
            keystandard=texts["keystandard"],
            keystr=texts["keystr"],
            scene="scan" if scene == "scan" else "others",
        )
        return flask.jsonify({"ticket": ticket})

    def end_review(self) -> flask.Response:
        given = _given(("app_id", "keystandard", "keystr", "passed", "reason"))
        if not isinstance(given.get("passed"), bool):
            return _wrong("passed is true or false")
        keystandard, keystr, reason = (str(given.get(name, "")) for name in ("keystandard", "keystr", "reason"))
        try:
            self._world.end_review(self._tenant(given), keystandard, keystr, passed=given["passed"], reason=reason)
        except Refused as error:
            return _wrong(str(error))
        return flask.jsonify({"ended": 1})

    def _tenant(self, given: dict[str, Any]) -> Tenant:
        return self._world.tenant(str(given.get("app_id", "")))


def _given(names: tuple[str, ...]) -> dict[str, Any]:
    if flask.request.mimetype != "application/json":
        flask.abort(_wrong("send JSON with the content type application/json", status=415))
    given = flask.request.get_json(silent=True)
    if not isinstance(given, dict):
        flask.abort(_wrong("send a JSON object"))
    if strange := sorted(set(given) - set(names)):
        flask.abort(_wrong(f"there is no {', '.join(strange)}; there are {', '.join(names)}"))
    return given


def _wrong(why: str, *, status: int = 400) -> flask.Response:
    response = flask.jsonify({"error": why})
    response.status_code = status
    return response
