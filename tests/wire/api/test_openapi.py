from __future__ import annotations

import json
import re
from pathlib import Path

from flask import Flask
from openapi_spec_validator import validate

from scanhook import create_app, create_blueprint
from scanhook.release import VERSION
from scanhook.settings import House
from scanhook.wire import api
from scanhook.wire.api import OPERATIONS
from tests.wire.api.conftest import DOCUMENT, Api


def routes(app: Flask) -> set[tuple[str, str]]:
    """Return what an application serves below /api/v1, but not how it refuses the rest."""
    return {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).removeprefix("/api/v1"))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1")
        and "api_refused_" not in rule.endpoint
        and "api_unknown" not in rule.endpoint
        for method in (rule.methods or set()) - {"HEAD"}
    }


def test_the_document_is_openapi_3_1() -> None:
    validate(DOCUMENT)
    assert (DOCUMENT["openapi"], DOCUMENT["info"]["version"]) == ("3.1.0", VERSION)


def test_every_route_stands_in_the_document_and_the_other_way_round(house: House) -> None:
    documented = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert routes(create_app(house)) == documented
    assert len(documented) == len(OPERATIONS) == 27


def test_everybody_may_read_it_and_everything_else_needs_a_key(shared_api: Api) -> None:
    told = shared_api.get("/openapi.json", scope=None)
    assert told == json.loads(json.dumps(DOCUMENT))
    open_to_all = [
        path for path, methods in told["paths"].items() for each in methods.values() if "security" not in each
    ]
    assert open_to_all == ["/openapi.json"]


def test_its_server_is_where_the_blueprint_is_mounted(house: House) -> None:
    foreign = Flask("foreign")
    foreign.register_blueprint(create_blueprint(house), url_prefix="/brand")
    told = foreign.test_client().get("/brand/api/v1/openapi.json")
    assert told.json is not None
    assert told.json["servers"] == [{"url": "/brand/api/v1"}]


def test_every_field_and_choice_of_the_lists_is_described() -> None:
    parameters = DOCUMENT["paths"]["/scans"]["get"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == [
        "since",
        "until",
        "account",
        "keystandard",
        "keystr",
        "batch",
        "source",
        "limit",
        "cursor",
        "reason",
        "verdict",
    ]
    limit = next(parameter["schema"] for parameter in parameters if parameter["name"] == "limit")
    assert limit == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}


def test_no_model_is_described_that_nobody_uses() -> None:
    text = json.dumps(DOCUMENT)
    unused = [name for name in DOCUMENT["components"]["schemas"] if f'"#/components/schemas/{name}"' not in text]
    assert unused == []


def test_the_operations_are_named_once() -> None:
    names = [operation.id for operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_no_module_of_the_api_is_left_out() -> None:
    folder = Path(api.__file__).parent
    holding = {path.stem for path in folder.glob("*.py") if "\nOPERATIONS = (" in path.read_text(encoding="utf-8")}
    tagged = {operation.handle.__module__.rpartition(".")[2] for operation in OPERATIONS}
    assert holding == tagged - {"api"}
