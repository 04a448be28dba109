from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from scanhook import create_app
from scanhook.clock import SystemClock
from scanhook.office import KeyScope, open_office
from scanhook.settings import House
from scanhook.storage import Pepper
from scanhook.wire.api import OPERATIONS
from scanhook.wire.api.openapi import write_openapi
from scanhook.wire.service import storage_url
from tests.conftest import copy_house

PREFIX = "/api/v1"
DOCUMENT: dict[str, Any] = write_openapi(OPERATIONS, server=PREFIX)
GENUINE = {"keystandard": "qrcode", "keystr": "moment-frame", "extinfo": "GENUINE0001"}
PRODUCT = "/products/main/qrcode/moment-frame"


def add_keys(house: House) -> dict[str, str]:
    """Add a key of each scope to a house, named as the scope with `-key`."""
    office = open_office(storage_url(house), pepper=Pepper.load(house.pepper_path), clock=SystemClock())
    keys = {scope.value: office.add_key(f"{scope}-key", scope)[1] for scope in KeyScope}
    office.close()
    return keys


@functools.cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    # The longest first: /codes/changes before /codes/{…}.
    paths = sorted(DOCUMENT["paths"], key=lambda path: (path.count("{"), -len(path)))
    return [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), path) for path in paths]


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


def hold_to_document(method: str, path: str, response: TestResponse) -> None:
    """Hold an answer to what the OpenAPI document says of it."""
    template = next((template for pattern, template in _templates() if pattern.fullmatch(path.partition("?")[0])), None)
    described = DOCUMENT["paths"].get(template, {}).get(method.lower())
    if described is None:
        assert response.status_code in (404, 405)
        assert response.mimetype == "application/problem+json"
        _validator("Problem").validate(response.json)
        return
    told = described["responses"][str(response.status_code)]
    schema = told["content"][response.mimetype]["schema"]
    if "$ref" in schema:
        _validator(schema["$ref"].rpartition("/")[2]).validate(response.json)
    assert ("headers" not in told) or "Location" in response.headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """An application and the keys to its API."""

    house: House
    client: FlaskClient
    keys: Mapping[str, str]

    def __call__(
        self, method: str, path: str, body: object = None, *, scope: str | None = "admin", **more: Any
    ) -> TestResponse:
        """Send a request and hold its answer to the document."""
        headers = dict(more.pop("headers", {}))
        if scope is not None:
            headers["Authorization"] = f"Bearer {self.keys[scope]}"
        if body is not None:
            more["json"] = body
        response = self.client.open(PREFIX + path, method=method, headers=headers, **more)
        hold_to_document(method, path, response)
        return response

    def get(self, path: str, **more: Any) -> Any:
        """Read what must be there."""
        response = self("GET", path, **more)
        assert response.status_code == 200, response.text
        return response.json

    def post(self, path: str, body: object, **more: Any) -> Any:
        """Order what must be done."""
        response = self("POST", path, body, **more)
        assert response.status_code in (200, 201, 202), response.text
        return response.json

    def problem(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        """Send what must be refused; returns the problem."""
        response = self(method, path, body, **more)
        assert response.mimetype == "application/problem+json"
        told: Any = response.json
        assert told["status"] == response.status_code >= 400
        return told


@pytest.fixture(scope="session")
def _keyed_house(tmp_path_factory: pytest.TempPathFactory, _stocked_house: Path) -> tuple[Path, dict[str, str]]:
    house = copy_house(_stocked_house, tmp_path_factory.mktemp("keyed") / "house")
    return house.path, add_keys(house)


@pytest.fixture
def api(tmp_path: Path, _keyed_house: tuple[Path, dict[str, str]]) -> Api:
    """Return an application of its own for a test, with sample codes and keys."""
    path, keys = _keyed_house
    house = copy_house(path, tmp_path / "house")
    return Api(house=house, client=create_app(house).test_client(), keys=keys)


@pytest.fixture(scope="session")
def shared_api(tmp_path_factory: pytest.TempPathFactory, _keyed_house: tuple[Path, dict[str, str]]) -> Api:
    """Return an application for tests that leave nothing behind."""
    path, keys = _keyed_house
    house = copy_house(path, tmp_path_factory.mktemp("shared") / "house")
    return Api(house=house, client=create_app(house).test_client(), keys=keys)
