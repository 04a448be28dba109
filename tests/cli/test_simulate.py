from __future__ import annotations

import pytest

from scanhook.settings import House
from tests.cli.conftest import run, run_json
from tests.conftest import APP_ID, ORIGINAL_ID
from tests.serving import brand_service, free_port, journal_size

GENUINE = ("--code", "qrcode/moment-frame/GENUINE0001")


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("qrcode/moment-frame/GENUINE0001", "real"),
        ("qrcode/moment-frame/COPIED99999", "fake"),
        ("qrcode/moment-frame/PRINTED0003", "not_active"),
        ("qrcode/moment-frame", "success"),
        ("ean13/6901481811083/X", "success"),
    ],
)
@pytest.mark.parametrize("format_", ["xml", "json"])
def test_a_push_is_sent_and_its_verdict_shown(
    stocked: House, service_url: str, code: str, verdict: str, format_: str
) -> None:
    said = run_json("simulate", service_url, "--code", code, "--format", format_)
    assert said["verdict"] == verdict
    assert said["answered"]["status"] == 200
    assert said["answered"]["seconds"] > 0
    assert "Encrypt" in said["sent"]["body"]
    assert said["sent"]["body"].startswith("<xml>" if format_ == "xml" else "{")
    assert "msg_signature=" in said["sent"]["url"]
    if verdict == "success":
        assert (said["opened"], said["answered"]["body"]) == (None, "success")
    else:
        assert said["opened"]["FromUserName"] == ORIGINAL_ID
        assert said["opened"]["ScanProduct"]["AntiFake"] == {"CodeResult": verdict}
    assert journal_size(stocked) == (1, 0)


def test_people_see_what_was_sent_and_what_came_back(service_url: str) -> None:
    shown = run("simulate", service_url, *GENUINE).stdout
    assert shown.startswith(f"sent\n  {service_url}?signature=")
    assert "\nanswered  200 in " in shown
    assert "\nopened\n  ToUserName: oSimulatedPersonOfScanhook00\n" in shown
    assert "  ScanProduct: {'KeyStandard': 'qrcode', 'KeyStr': 'moment-frame', 'ExtInfo': 'GENUINE0001', " in shown
    assert shown.endswith("verdict   real\n")


def test_the_url_is_verified_as_the_console_does(service_url: str) -> None:
    said = run_json("simulate", service_url, "--verify-url")
    assert said["verdict"] == "verified"
    assert said["answered"]["body"].isdigit()
    assert run("simulate", service_url, "--verify-url").stdout.endswith("verdict   verified\n")


def test_a_push_in_a_mode_that_the_account_has_not_is_shown_refused(stocked: House, service_url: str) -> None:
    said = run_json("simulate", service_url, *GENUINE, "--mode", "plain", code=1)
    assert said["answered"]["status"] == 403
    assert (said["answered"]["body"], said["opened"], said["verdict"]) == ("not authentic", None, None)
    shown = run("simulate", service_url, *GENUINE, "--mode", "plain", code=1).stdout
    assert shown.endswith("verdict   none: status 403; the service's log says why (404: is the path right?)\n")
    assert journal_size(stocked) == (0, 0)


@pytest.mark.parametrize("mode", ["safe", "compat"])
def test_the_same_mode_may_be_named(service_url: str, mode: str) -> None:
    assert run_json("simulate", service_url, *GENUINE, "--mode", mode)["verdict"] == "real"


def test_a_service_with_another_token_refuses(stocked: House, service_url: str) -> None:
    stocked.path.write_text(stocked.path.read_text().replace('"AAAAA"', '"BBBBB"'))
    assert run_json("simulate", service_url, *GENUINE, code=1)["answered"]["status"] == 403
    assert run_json("simulate", service_url, "--verify-url", code=1)["answered"]["status"] == 403


def test_an_answer_that_cannot_be_opened_is_an_error(stocked: House, service_url: str) -> None:
    stocked.path.write_text(stocked.path.read_text().replace(APP_ID, "wx0000000000000000"))
    assert run_json("simulate", service_url, *GENUINE, code=1)["answered"]["status"] == 403
    elsewhere = service_url.replace("/wechat/callback", "/healthz")
    assert run_json("simulate", elsewhere, "--verify-url", code=1)["verdict"] is None


def test_an_answer_that_wechat_could_not_open_is_an_error(shop: House) -> None:
    with brand_service() as stranger:
        stranger.answer = {"Encrypt": "nonsense"}
        said = run("simulate", stranger.url, *GENUINE, "--format", "json", code=1).stderr
    assert said == "error: the answer cannot be opened: the signature was not made with this account's token\n"


def test_an_answer_without_a_verdict_is_shown_and_an_error(shop: House) -> None:
    with brand_service() as stranger:
        said = run_json("simulate", stranger.url, *GENUINE, "--format", "json", code=1)
    assert (said["opened"], said["verdict"]) == ({"reason": "active"}, None)


@pytest.mark.parametrize("target", [("--verify-url",), GENUINE])
def test_nobody_who_answers_is_an_error(target: tuple[str, ...]) -> None:
    url = f"http://127.0.0.1:{free_port()}/wechat/callback"
    result = run("simulate", url, *target, code=1)
    assert result.stdout == ""
    assert result.stderr == f"error: {url} gives no answer (ConnectError): is the service running there?\n"


def test_what_is_no_address_is_an_error() -> None:
    assert run("simulate", "http://", *GENUINE, code=1).stderr.startswith("error: http:// gives no answer (")


@pytest.mark.parametrize("url", ["127.0.0.1:8000/wechat/callback", "ftp://127.0.0.1/x"])
def test_an_address_without_http_says_what_to_write(url: str) -> None:
    assert "write http://… or https://…" in run("simulate", url, *GENUINE, code=2).stderr


@pytest.mark.parametrize("arguments", [(), (*GENUINE, "--verify-url")])
def test_either_a_code_or_the_url_is_asked_for(arguments: tuple[str, ...]) -> None:
    said = run("simulate", "http://127.0.0.1:9/x", *arguments, code=2).stderr
    assert "give --code KEYSTANDARD/KEYSTR/EXTINFO, or --verify-url" in said


def test_a_sealed_push_needs_a_key(shop: House) -> None:
    text = shop.path.read_text()
    line = next(line for line in text.splitlines() if line.startswith("encoding_aes_key"))
    shop.path.write_text(text.replace(line, "").replace('mode = "safe"', 'mode = "plain"'))
    said = run("simulate", "http://127.0.0.1:9/x", *GENUINE, "--mode", "safe", code=1).stderr
    assert said == "error: the account has no EncodingAESKey to seal a push with\n"


def test_another_account_and_another_person_may_be_named(stocked: House, service_url: str) -> None:
    said = run_json("simulate", service_url, *GENUINE, "--openid", "oSomebodyElse", "--account", "main")
    assert said["opened"]["ToUserName"] == "oSomebodyElse"
    assert "`nobody`" in run("simulate", service_url, *GENUINE, "--account", "nobody", code=1).stderr
