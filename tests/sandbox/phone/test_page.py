from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import flask
import pytest
from flask.testing import FlaskClient

import scanhook.sandbox.phone as phone_package
from scanhook.clock import FixedClock
from scanhook.envelope import Keyring
from scanhook.errors import Refused
from scanhook.sandbox.phone import Post, Sample, Stage, create_phone
from scanhook.sandbox.phone.recent import KEPT_MAX
from scanhook.sandbox.phone.words import LANGUAGES, PAGE_WORDS, sentence_in, words_in
from scanhook.sandbox.scan import PROVINCES, Item, Line, Scan, Seen
from scanhook.sandbox.scanning import Scanner
from scanhook.sandbox.sending import Patience
from scanhook.sandbox.trace import Attempt, Shown
from tests.envelope.peer import NOW

ASKED = {"account": "main", "format": "xml", "keystandard": "qrcode", "keystr": "moment-frame", "extinfo": "A&B"}
OWN = {"Origin": "http://localhost"}


class Network:
    """Stands where the network is, and says nothing of any item."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def __call__(self, method: str, url: str, body: bytes, *, patience: Patience) -> tuple[Attempt, ...]:
        self.sent.append((url, body))
        return (Attempt(number=1, started_at=NOW, seconds=0.01, status=200, body=b"success"),)


def scanning(network: Network) -> Callable[[], Scanner]:
    scanner = Scanner(FixedClock(NOW), send=network)
    return lambda: scanner


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def stage(keys: Keyring, network: Network) -> Stage:
    line = Line(url="http://127.0.0.1:8000/wechat/callback", keys=keys)
    sample = Sample(
        item=Item(key_standard="qrcode", key_str="moment-frame", ext_info='"><script>'), english="one", chinese="一个"
    )
    posts = (
        Post(name="main", line=line, landing="http://127.0.0.1:8000/landing", issue=lambda _: "fresh+ticket"),
        Post(name="bare", line=line),
    )
    return Stage(scanner=scanning(network), ask_posts=lambda: posts, samples=(sample,))


@pytest.fixture
def client(stage: Stage) -> FlaskClient:
    app = flask.Flask("sandbox")
    app.register_blueprint(create_phone(stage))
    return app.test_client()


def scanned(client: FlaskClient, **changed: object) -> dict[str, Any]:
    response = client.post("/phone/scans", json=ASKED | changed, headers=OWN)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.get_json()
    return told


# The page


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("", "zh-CN,zh;q=0.9", "zh-CN"),
        ("", "zh", "zh-CN"),
        ("", "de-DE", "en"),
        ("", "", "en"),
        ("?lang=zh", "en-US", "zh-CN"),
        ("?lang=en", "zh-CN", "en"),
        ("?lang=fr", "zh-CN", "en"),
    ],
)
def test_the_page_speaks_the_browsers_language(client: FlaskClient, asked: str, accepted: str, language: str) -> None:
    page = client.get(f"/phone{asked}", headers={"Accept-Language": accepted}).text
    assert f'<html lang="{language}">' in page
    assert ("一个" in page) is (language == "zh-CN")


def test_what_stands_in_a_code_is_text(client: FlaskClient) -> None:
    page = client.get("/phone").text
    assert 'data-extinfo="&#34;&gt;&lt;script&gt;"' in page
    assert '"><script>' not in page


def test_the_page_and_its_files_ask_nobody_else_and_run_nothing_inline(client: FlaskClient) -> None:
    response = client.get("/phone")
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert not re.search(r'\sstyle="|\son[a-z]+="|<style|javascript:', response.text)
    files = re.findall(r'(?:href|src)="(/phone/static/[^"]+)"', response.text)
    assert len(files) == 5
    for file in files:
        with client.get(file) as answer:
            assert answer.status_code == 200
            assert "Content-Security-Policy" in answer.headers
            assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import", answer.get_data(as_text=True))


def test_every_word_of_the_page_is_there_in_both_languages() -> None:
    english, chinese = (words_in(language) for language in LANGUAGES)
    assert all(english.values())
    assert all(chinese.values())
    folder = Path(phone_package.__file__).parent
    script = "".join(file.read_text() for file in sorted((folder / "static").glob("*.js")))
    template = (folder / "templates" / "phone.html").read_text()
    assert set(re.findall(r"\bwords\.(\w+)", script)) <= set(PAGE_WORDS)
    assert set(re.findall(r"\bwords\.(\w+)", template)) <= set(english)
    used = set(re.findall(r"\bwords\.(\w+)", script + template)) | {
        f"{shown.value}{part}" for shown in Shown for part in ("", "_text")
    }
    assert set(english) - used == set()


def test_samples_stand_first_unless_their_verdict_is_not_known(stage: Stage) -> None:
    for typed_first, checked in ((False, "0"), (True, "typed")):
        app = flask.Flask("sandbox")
        app.register_blueprint(create_phone(replace(stage, typed_first=typed_first)))
        page = app.test_client().get("/phone").text
        choices = re.findall(r'name="code" value="(\w+)"', page)
        assert choices == (["typed", "0"] if typed_first else ["0", "typed"])
        assert re.findall(r'name="code" value="(\w+)"[^>]* checked>', page) == [checked]
        assert ('id="typed-fields" hidden' in page) is not typed_first


def test_the_page_says_where_the_log_is_if_anybody_knows(stage: Stage, client: FlaskClient) -> None:
    assert "service&#39;s log" not in client.get("/phone").text
    app = flask.Flask("sandbox")
    app.register_blueprint(create_phone(replace(stage, log_path="/house/service.log")))
    page = app.test_client().get("/phone?lang=en").text
    assert "The service&#39;s log says more: <code>/house/service.log</code>" in page


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("acknowledged", "服务器已确认收到"),
        ("the server answered with CodeResult real", "服务器返回 CodeResult real"),
        (
            "the server answered with CodeResult fake, and the page does not show WeChat's window",
            "服务器返回 CodeResult fake，但商品主页不显示微信的窗口",
        ),
        ("status 403: the server's log says why", "服务器返回状态码 403：原因见服务器日志"),
        ("no answer within 5 s", "服务器在 5 秒内没有响应"),
        ("something new", "something new"),
    ],
)
def test_what_the_sandbox_says_is_translated(english: str, chinese: str) -> None:
    assert sentence_in("zh", english) == chinese
    assert sentence_in("en", english) == english


def test_the_provinces_of_the_page_are_known() -> None:
    script = (Path(phone_package.__file__).parent / "static" / "phone.js").read_text()
    assert set(re.findall(r'"(\d{6})"', script)) <= set(PROVINCES)


# Scanning


def test_a_scan_tells_everything(client: FlaskClient, network: Network) -> None:
    told = scanned(client, format="json", mode="plain", person="2", region="650000")
    assert (told["shown"], told["item"]["extinfo"], told["region"]) == ("no_answer", "A&B", "650000")
    visit, callback = told["steps"]
    assert (visit["name"], callback["name"]) == ("user_scan_product", "scan_product_callback")
    assert callback["sent"]["body"] == callback["message"]
    assert '"ExtInfo": "A&B"' in callback["message"]
    assert callback["received"] == {"status": 200, "body": "success", "failure": ""}
    assert callback["attempts"] == [{"number": 1, "started_at": NOW, "seconds": 0.01, "status": 200, "failure": ""}]
    assert told["person"] in callback["message"]
    assert {url for url, _ in network.sent} == {visit["sent"]["url"], callback["sent"]["url"]}


def test_a_scan_is_told_in_the_language_of_the_page(client: FlaskClient) -> None:
    told = client.post("/phone/scans?lang=zh", json=ASKED, headers=OWN).get_json()
    assert told["why"] == "服务器返回 success：对该商品没有结果"
    assert told["steps"][0]["why"] == "服务器已确认收到"
    late = client.post(f"/phone/scans/{told['id']}/region?lang=zh", json={}, headers=OWN).get_json()["step"]
    assert late["why"] == "服务器已确认收到"


def test_a_sealed_push_is_told_as_sent_and_as_decrypted(client: FlaskClient) -> None:
    callback = scanned(client)["steps"][1]
    assert callback["sent"]["method"] == "POST"
    assert "<Encrypt>" in callback["sent"]["body"]
    assert "<ExtInfo>A&amp;B</ExtInfo>" in callback["message"]


def test_a_repeat_sends_the_same_bytes(client: FlaskClient, network: Network) -> None:
    told = scanned(client)
    again = client.post(f"/phone/scans/{told['id']}/repeat", json={}, headers=OWN).get_json()
    assert [step["sent"] for step in again["steps"]] == [told["steps"][1]["sent"]]
    assert again["id"] != told["id"]
    assert len(network.sent) == 3


def test_the_region_comes_for_the_scan_that_was_made(client: FlaskClient) -> None:
    told = scanned(client, region="510000")
    step = client.post(f"/phone/scans/{told['id']}/region", json={}, headers=OWN).get_json()["step"]
    assert step["name"] == "user_scan_product_async"
    assert "<RegionCode>510000</RegionCode>" in step["message"]


def test_the_landing_page_is_opened_with_a_fresh_ticket(client: FlaskClient) -> None:
    told = scanned(client)
    response = client.get(told["landing"])
    assert response.status_code == 303
    parts = urlsplit(response.headers["Location"])
    assert (parts.netloc, parts.path) == ("127.0.0.1:8000", "/landing")
    assert parse_qsl(parts.query) == [
        ("wxkeystandard", "qrcode"),
        ("wxkeystr", "moment-frame"),
        ("wxticket", "fresh+ticket"),
        ("wxextinfo", "A&B"),
    ]


def test_an_account_without_a_landing_page_has_no_link(client: FlaskClient) -> None:
    told = scanned(client, account="bare")
    assert told["landing"] == ""
    assert client.get(f"/phone/scans/{told['id']}/landing").status_code == 400


def test_the_url_is_verified(client: FlaskClient) -> None:
    step = client.post("/phone/verifications", json={"account": "main"}, headers=OWN).get_json()["step"]
    assert (step["name"], step["accepted"], step["sent"]["method"]) == ("verify_url", False, "GET")


def test_the_page_of_a_product_has_its_say(keys: Keyring, network: Network) -> None:
    asked: list[Scan] = []

    def settle(scan: Scan) -> Scan:
        asked.append(scan)
        return Scan(item=scan.item, seen=Seen.LINK)

    line = Line(url="http://127.0.0.1:8000/wechat/callback", keys=keys)
    app = flask.Flask("sandbox")
    post = Post(name="main", line=line, settle=settle)
    app.register_blueprint(create_phone(Stage(scanner=scanning(network), ask_posts=lambda: (post,))))
    told = app.test_client().post("/phone/scans", json=ASKED).get_json()
    assert "<NeedAntiFake>false</NeedAntiFake>" in told["steps"][1]["message"]
    assert [scan.item.ext_info for scan in asked] == ["A&B"]


def test_where_nobody_sees_a_page_the_phone_says_so_and_links_nowhere(keys: Keyring, network: Network) -> None:
    post = Post(
        name="main",
        line=Line(url="http://127.0.0.1:8000/wechat/callback", keys=keys),
        landing="http://127.0.0.1:8000/landing",
        issue=lambda _: "ticket",
        settle=lambda scan: replace(scan, seen=Seen.NOTHING),
    )
    app = flask.Flask("sandbox")
    app.register_blueprint(create_phone(Stage(scanner=scanning(network), ask_posts=lambda: (post,))))
    client = app.test_client()
    told = client.post("/phone/scans", json=ASKED).get_json()
    assert (told["shown"], told["steps"], told["landing"], network.sent) == ("no_page", [], "", [])
    assert told["why"] == "the item's page is not published, and whoever scans is no tester: nothing is pushed"
    for more in ("region", "repeat"):
        assert client.post(f"/phone/scans/{told['id']}/{more}", json={}).status_code == 400


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"account": "nobody"}, "there is no account `nobody`"),
        ({"keystr": ""}, "KeyStandard and KeyStr must not be empty, such as qrcode and moment-frame"),
        ({"keystr": 1}, "keystr is no text"),
        ({"extinfo": "\n"}, "the code holds a character that cannot be printed"),
        ({"extinfo": "x" * 1025}, "a code's parts have at most 1024 characters"),
        ({"format": "yaml"}, "format is one of xml, json"),
        ({"mode": "open"}, "mode is one of safe, compat, plain"),
        ({"fault": "x"}, "fault is one of nothing, signature, timestamp"),
        ({"person": "3"}, "person is 1 or 2"),
        ({"region": "1"}, f"region is one of {', '.join(PROVINCES)}"),
    ],
)
def test_what_cannot_be_scanned_is_refused_with_a_sentence(
    client: FlaskClient, network: Network, changed: dict[str, object], why: str
) -> None:
    response = client.post("/phone/scans", json=ASKED | changed, headers=OWN)
    assert (response.status_code, response.get_json()) == (400, {"error": why})
    assert network.sent == []


@pytest.mark.parametrize("path", ["/phone/scans/x/repeat", "/phone/scans/x/region"])
def test_a_scan_that_was_forgotten_is_not_found(client: FlaskClient, path: str) -> None:
    response = client.post(path, json={}, headers=OWN)
    assert (response.status_code, response.get_json()) == (404, {"error": "this scan was forgotten: scan again"})


def test_only_the_last_scans_are_remembered(client: FlaskClient) -> None:
    first = scanned(client)["id"]
    for _ in range(KEPT_MAX - 1):
        last = scanned(client)["id"]
    assert client.post(f"/phone/scans/{first}/region", json={}, headers=OWN).status_code == 200
    scanned(client)
    assert client.post(f"/phone/scans/{first}/region", json={}, headers=OWN).status_code == 404
    assert client.post(f"/phone/scans/{last}/region", json={}, headers=OWN).status_code == 200


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b'{"extinfo":"' + b"x" * 17000 + b'"}', "application/json", 413),
    ],
)
def test_a_body_that_is_no_question_is_refused(client: FlaskClient, body: bytes, kind: str, status: int) -> None:
    response = client.post("/phone/scans", data=body, content_type=kind, headers=OWN)
    assert response.status_code == status
    assert response.get_json()["error"]


# Values


def test_two_accounts_of_one_name_are_refused(stage: Stage) -> None:
    twice = Stage(scanner=stage.scanner, ask_posts=lambda: (stage.posts[0], stage.posts[0]))
    with pytest.raises(Refused, match="a name of its own"):
        twice.post("main")


def test_an_account_that_comes_later_can_be_scanned_for(keys: Keyring, network: Network) -> None:
    posts: list[Post] = []
    app = flask.Flask("sandbox")
    app.register_blueprint(create_phone(Stage(scanner=scanning(network), ask_posts=lambda: tuple(posts))))
    client = app.test_client()
    assert client.get("/phone").status_code == 200
    asked = ASKED | {"account": ""}
    assert client.post("/phone/scans", json=asked).get_json() == {
        "error": "nobody can be scanned for yet: no account has a callback URL, token and key"
    }
    posts.append(Post(name="late", line=Line(url="http://127.0.0.1:8000/wechat/callback", keys=keys)))
    assert 'value="late"' in client.get("/phone").text
    assert client.post("/phone/scans", json=asked).get_json()["shown"] == "no_answer"


def test_a_landing_page_needs_tickets(stage: Stage) -> None:
    with pytest.raises(Refused, match="nobody issues tickets"):
        Post(name="main", line=stage.posts[0].line, landing="http://127.0.0.1/landing")
