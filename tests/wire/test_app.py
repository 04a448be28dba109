from __future__ import annotations

import time
from pathlib import Path

import pytest
from flask import Flask

import scanhook
from scanhook import create_app, create_blueprint
from scanhook.errors import PepperMismatch, SettingsError
from scanhook.sandbox import compose_echo
from scanhook.settings import House
from scanhook.storage import Pepper
from scanhook.wire.service import keyring
from tests.conftest import stock
from tests.serving import NONCE, journal_size, scan_push, verdict_in


def routes(app: Flask, *, prefix: str = "") -> None:
    """Hold an application to scanhook's routes."""
    paths = {rule.rule for rule in app.url_map.iter_rules()}
    assert {
        f"{prefix}{path}"
        for path in (
            "/wechat/callback",
            "/wechat/callback/<name>",
            "/api/v1/openapi.json",
            "/healthz",
            "/readyz",
            "/metrics",
        )
    } <= paths


def test_an_application_is_made_from_loaded_settings(house: House) -> None:
    routes(create_app(house))


@pytest.mark.parametrize("kind", [str, Path])
def test_an_application_is_made_from_a_settings_file(house: House, kind: type[str | Path]) -> None:
    routes(create_app(kind(house.path)))


def test_an_application_finds_its_settings_by_the_environment(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANHOOK_CONFIG", str(house.path))
    routes(create_app())


def test_an_application_finds_its_settings_in_the_working_folder(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(house.base)
    routes(create_app())


def test_a_missing_settings_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not there: make one with `scanhook init DIR`"):
        create_app(tmp_path / "gone.toml")


def test_a_missing_pepper_stops_the_start(house: House) -> None:
    house.pepper_path.unlink()
    with pytest.raises(SettingsError, match="put back the file that this registry was made with"):
        create_app(house)


def test_another_pepper_stops_the_start(house: House) -> None:
    house.pepper_path.unlink()
    other = Pepper.create(house.pepper_path)
    with pytest.raises(PepperMismatch, match=f"holds {other.id}: put back the pepper that belongs to this storage"):
        create_app(house)


@pytest.mark.parametrize("prefix", ["/brand", "/a/b"])
def test_a_foreign_application_mounts_the_blueprint_where_it_likes(house: House, prefix: str) -> None:
    stock(house)
    foreign = Flask("foreign")
    foreign.register_blueprint(create_blueprint(house.path), url_prefix=prefix)
    routes(foreign, prefix=prefix)
    client = foreign.test_client()
    keys = keyring(house.settings.accounts["main"])
    push = scan_push(keys=keys)
    for path in (f"{prefix}/wechat/callback", f"{prefix}/wechat/callback/main"):
        answer = client.post(path, query_string=push.query, data=push.body)
        assert verdict_in(answer.data, keys=keys) == "real"
    echo = compose_echo(keys=keys, timestamp=int(time.time()), nonce=NONCE, echostr="4375120948345356249")
    assert client.get(f"{prefix}/wechat/callback", query_string=echo.query).data == b"4375120948345356249"
    refused = client.post(f"{prefix}/wechat/callback", data=b"x")
    assert (refused.status_code, refused.text) == (403, "not authentic")
    assert client.get(f"{prefix}/healthz").text == "ok\n"
    assert client.get("/healthz").status_code == 404
    assert journal_size(house) == (1, 0)


def test_a_foreign_application_keeps_its_own_errors(house: House) -> None:
    foreign = Flask("foreign")
    foreign.register_blueprint(create_blueprint(house), url_prefix="/brand")

    @foreign.errorhandler(404)
    def lost(_error: Exception) -> tuple[str, int]:
        return "the foreigner's own page", 404

    @foreign.route("/crash")
    def crash() -> str:
        raise ZeroDivisionError

    client = foreign.test_client()
    assert client.get("/nowhere").text == "the foreigner's own page"
    assert client.get("/crash").status_code == 500


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_an_error_is_a_few_plain_words(house: House, accept: str) -> None:
    response = create_app(house).test_client().get("/nowhere", headers={"Accept": accept})
    assert (response.status_code, response.text) == (404, "not found\n")
    assert response.content_type == "text/plain; charset=utf-8"


def test_the_public_api_is_sorted_and_loads_when_it_is_used() -> None:
    assert scanhook.__all__ == sorted(scanhook.__all__)
    assert [name for name in scanhook.__all__ if getattr(scanhook, name, None) is None] == []
    assert set(scanhook.__all__) <= set(dir(scanhook))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = scanhook.nothing
