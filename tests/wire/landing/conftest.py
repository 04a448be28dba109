from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scanhook import create_app
from scanhook.settings import House, load_settings
from tests.tickets import TICKET, Wechat, put_in_place

LINK = {
    "wxkeystandard": "qrcode",
    "wxkeystr": "moment-frame",
    "wxticket": TICKET,
    "wxextinfo": "GENUINE0001",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who opens links."""

    house: House
    wechat: Wechat
    client: FlaskClient

    def opens(
        self,
        link: Mapping[str, str] = LINK,
        *,
        lang: str | None = "en",
        path: str = "/landing",
        method: str = "GET",
        address: str = "203.0.113.7",
        **headers: str,
    ) -> TestResponse:
        """Open a link."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if lang is not None:
            given["Accept-Language"] = lang
        return self.client.open(
            path, method=method, query_string=dict(link), headers=given, environ_overrides={"REMOTE_ADDR": address}
        )

    def reads(self, link: Mapping[str, str] = LINK, **more: str) -> str:
        """Open a link whose page must be there, and return the headline."""
        response = self.opens(link, **more)
        assert response.status_code == 200
        return headline(response)


def headline(response: TestResponse) -> str:
    """Return what a page says in large letters."""
    return response.text.partition('<h1 id="headline">')[2].partition("</h1>")[0]


def branded(house: House, **settings: str) -> House:
    """Write ``[landing]`` into a house's settings."""
    lines = "".join(f'{name} = "{value}"\n' for name, value in settings.items())
    house.path.write_text(house.path.read_text() + f"\n[landing]\n{lines}")
    return load_settings(house.path)


@pytest.fixture
def wechat(monkeypatch: pytest.MonkeyPatch) -> Wechat:
    wechat = Wechat()
    put_in_place(wechat, monkeypatch)
    return wechat


@pytest.fixture
def visitor(stocked_house: House, wechat: Wechat) -> Visitor:
    return Visitor(house=stocked_house, wechat=wechat, client=create_app(stocked_house).test_client())


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    path = tmp_path / "logo.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\x00" * 8)
    return path
