from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask import Flask

from scanhook import create_blueprint
from scanhook.errors import StorageError
from scanhook.journal.sqlite import SqliteJournal
from scanhook.office.sql_office import SqlOffice
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.wire.api import OPERATIONS, serve
from tests.wire.api.conftest import GENUINE, PRODUCT, Api

HOSTILE: list[object] = [
    None,
    True,
    0,
    "GENUINE0001",
    [],
    [[]],
    {},
    {"": ""},
    {"keystandard": {"a": 1}, "keystr": [], "extinfo": None, "person": 1.5, "id": True},
    {"action": ["void"], "targets": {}, "codes": "all", "why": {}, "confirm": 1},
    {"keystandard": "\x00", "keystr": "\u202e", "extinfo": "\ud83d\ude00" * 10, "person": "\x7f", "id": "\n"},
    {"keystandard": "q" * 100_000},
    {"targets": [{"first": 10**30, "last": -1}], "level": "range", "action": "void", "why": "x"},
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_is_sent_is_taken_or_a_problem_that_repeats_nothing(api: Api, body: object) -> None:
    for operation in OPERATIONS:
        if operation.body is None:
            continue
        path = operation.path.replace("{id}", "1").replace("{account}", "main")
        path = path.replace("{keystandard}", "qrcode").replace("{keystr}", "moment-frame")
        response = api(operation.method, path, data=json.dumps(body), headers={"Content-Type": "application/json"})
        assert response.status_code in (200, 201, 400, 404, 422)
        assert "GENUINE" not in response.text
        assert "Traceback" not in response.text


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 400, "the body is no JSON"),
        (b"{", 400, "the body is no JSON"),
        (b"\xff\xfe", 400, "the body is no JSON"),
        (b'{"keystandard": "\\ud800"}', 400, "the body is no JSON"),
        (b"[" * 100_000, 400, "the body is no JSON"),
    ],
)
def test_a_body_that_is_no_json_is_a_problem(shared_api: Api, body: bytes, status: int, detail: str) -> None:
    told = shared_api.problem("POST", "/codes/check", data=body, headers={"Content-Type": "application/json"})
    assert (told["status"], told["detail"]) == (status, detail)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_a_body_of_another_type_is_a_problem(shared_api: Api, content_type: str) -> None:
    told = shared_api.problem("POST", "/codes/check", data=json.dumps(GENUINE), headers={"Content-Type": content_type})
    assert (told["status"], told["title"]) == (415, "Unsupported Media Type")


def test_a_body_over_the_limit_is_a_problem(shared_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "JSON_MAX_BYTES", 20)
    assert shared_api.problem("POST", "/codes/check", GENUINE)["status"] == 413
    chunked = {"input_stream": io.BytesIO(b"{" * 21), "environ_overrides": {"wsgi.input_terminated": True}}
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    assert shared_api.problem("POST", "/codes/check", headers=headers, **chunked)["status"] == 413


def test_a_body_that_is_cut_off_is_a_problem(shared_api: Api) -> None:
    told = shared_api.problem(
        "POST",
        "/codes/check",
        headers={"Content-Type": "application/json"},
        input_stream=io.BytesIO(json.dumps(GENUINE).encode()),
        environ_overrides={"CONTENT_LENGTH": "1000"},
    )
    assert (told["status"], told["detail"]) == (400, "the body was cut off")


@pytest.mark.parametrize(("path", "status"), [("/products", 405), ("/nothing", 405), ("//products", 404)])
def test_what_no_rule_meets_is_a_problem_too(shared_api: Api, path: str, status: int) -> None:
    method = "PROPFIND" if status == 405 else "GET"
    assert shared_api.problem(method, path)["status"] == status


@pytest.mark.parametrize("method", ["DELETE", "PUT", "OPTIONS", "PATCH", "TRACE"])
def test_another_method_is_a_problem_that_says_what_is_allowed(shared_api: Api, method: str) -> None:
    response = shared_api(method, "/products", scope=None)
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/products/main/qrcode", "/batches/1/x", "/../metrics"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_path_that_is_not_there_is_a_problem(shared_api: Api, method: str, path: str) -> None:
    assert shared_api.problem(method, path, scope=None)["status"] == 404


def test_a_head_is_a_get_without_its_body(shared_api: Api) -> None:
    response = shared_api.client.head(
        "/api/v1/products", headers={"Authorization": f"Bearer {shared_api.keys['read']}"}
    )
    assert (response.status_code, response.data, response.content_type) == (200, b"", "application/json")


def test_nothing_is_kept_by_caches(shared_api: Api) -> None:
    assert shared_api("GET", "/products").headers["Cache-Control"] == "no-store"
    assert shared_api("GET", "/batches/99").headers["Cache-Control"] == "no-store"


def test_texts_are_plain_utf_8(api: Api) -> None:
    body = {"keystandard": "qrcode", "keystr": "茶叶", "why": "新产品"}
    response = api("POST", "/products", body)
    assert '"keystr":"茶叶"'.encode() in response.data
    assert api.get(response.headers["Location"].removeprefix("/api/v1"))["keystr"] == "茶叶"


def break_with(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, error: Exception) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise error

    monkeypatch.setattr(owner, name, broken)


def test_a_storage_that_fails_is_a_problem_that_asks_to_come_again(
    shared_api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    break_with(monkeypatch, SqliteRegistry, "products", StorageError("the disk is full: make room on it"))
    response = shared_api("GET", "/products")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert response.json is not None
    assert response.json["detail"] == "the storage cannot be used now: the service's log says why"
    assert "the disk is full: make room on it" in caplog.text


def test_keys_that_cannot_be_read_let_nobody_in(shared_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    break_with(monkeypatch, SqlOffice, "find_key", StorageError("the disk gave an error"))
    assert shared_api.problem("GET", "/products")["status"] == 503


def test_what_breaks_tells_nobody_how(
    shared_api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    break_with(monkeypatch, SqliteJournal, "tally", ZeroDivisionError("GENUINE0001 was in my hands"))
    response = shared_api("POST", "/codes/check", GENUINE)
    assert response.status_code == 500
    assert response.json is not None
    assert response.json["detail"] == "the service's log says where it broke"
    (record,) = caplog.records
    assert "event=broken" in record.getMessage()
    assert "why=ZeroDivisionError" in record.getMessage()
    assert "GENUINE" not in record.getMessage() + response.text


def test_the_api_works_wherever_the_blueprint_is_mounted(api: Api) -> None:
    foreign = Flask("foreign")
    foreign.register_blueprint(create_blueprint(api.house), url_prefix="/brand", name="other")
    client = foreign.test_client()
    headers = {"Authorization": f"Bearer {api.keys['admin']}"}
    assert client.get(f"/brand/api/v1{PRODUCT}", headers=headers).status_code == 200
    made = client.post("/brand/api/v1/products", json={"keystandard": "ean8", "keystr": "1"}, headers=headers)
    assert made.headers["Location"] == "/brand/api/v1/products/main/ean8/1"
    assert client.get("/brand/api/v1/nothing").mimetype == "application/problem+json"
    assert client.get("/api/v1/products").mimetype == "text/html"
