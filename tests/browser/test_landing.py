"""The landing page in a real browser, at the width of a phone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from scanhook import create_app
from tests.browser.conftest import Watch
from tests.conftest import copy_house
from tests.tickets import TICKET, Wechat, put_in_place, scanned
from tests.wire.landing.conftest import LINK, branded

pytestmark = pytest.mark.browser

LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8" fill="#fff"/></svg>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A phone that opens links of the page."""

    page: Page
    url: str

    def opens(self, **changed: str) -> None:
        self.page.goto(f"{self.url}/landing?{urlencode(LINK | changed)}")


@pytest.fixture(scope="module")
def landing_url(_stocked_house: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a branded house whose WeChat knows one ticket, and whose first item was just scanned."""
    folder = tmp_path_factory.mktemp("landing")
    logo = folder / "logo.svg"
    logo.write_text(LOGO)
    house = branded(
        copy_house(_stocked_house, folder / "house"),
        brand="一刻影像 Moment",
        color="#0b5d4e",
        logo_file=str(logo),
        privacy_url="https://brand.example.com/privacy",
    )
    with pytest.MonkeyPatch.context() as patched:
        put_in_place(Wechat(), patched)
        scanned(house)
        scanned(house, "COPIED99999")
        server = make_server("127.0.0.1", 0, create_app(house), threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def lang(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "en"))


@pytest.fixture
def phone(browser: Browser, landing_url: str, lang: str, watch: Watch) -> Iterator[Phone]:
    context = browser.new_context(viewport={"width": 360, "height": 720}, locale=lang, is_mobile=True)
    found = Phone(page=context.new_page(), url=landing_url)
    watch.over(found.page)
    yield found
    context.close()


SAYS = {
    "genuine": ({}, {"zh-CN": "正品", "en": "Genuine"}),
    "counterfeit": ({"wxextinfo": "COPIED99999"}, {"zh-CN": "谨防假冒", "en": "Beware of a counterfeit"}),
    "not scanned": ({"wxextinfo": "GENUINE0002"}, {"zh-CN": "请先扫码", "en": "Scan the item first"}),
    "shared": ({"wxticket": ""}, {"zh-CN": "请自己扫一扫", "en": "Scan the item yourself"}),
    "old": ({"wxticket": "Older"}, {"zh-CN": "链接已失效", "en": "This link has expired"}),
    "another's": ({"wxkeystr": "other"}, {"zh-CN": "链接与商品不符", "en": "Link and product do not match"}),
}


@pytest.mark.parametrize("lang", ["zh-CN", "en"], indirect=True)
def test_every_page_fits_a_phone_and_says_it_in_its_language(
    phone: Phone, watch: Watch, lang: str, tmp_path: Path
) -> None:
    for case, (changed, says) in SAYS.items():
        phone.opens(**changed)
        expect(phone.page.get_by_role("heading", level=1)).to_have_text(says[lang])
        expect(phone.page.get_by_role("main")).to_be_visible()
        # The style came through its own policy, and so did the logo.
        style = "getComputedStyle(document.querySelector('.brand')).backgroundColor"
        assert phone.page.evaluate(style) == "rgb(11, 93, 78)"
        assert phone.page.evaluate("document.querySelector('.logo').naturalWidth") > 0
        assert phone.page.evaluate("document.documentElement.scrollWidth") <= 360
        phone.page.screenshot(path=tmp_path / f"{case}.png", full_page=True)
    assert phone.page.evaluate("document.documentElement.lang") == lang
    assert watch.complaints == []
    assert watch.hosts == {urlsplit(phone.url).netloc}


def test_what_a_visitor_sees_holds_neither_ticket_nor_code(phone: Phone) -> None:
    phone.opens()
    seen = phone.page.content()
    assert [word for word in (TICKET, "GENUINE0001") if word in seen] == []


def test_the_only_link_can_be_reached_by_keyboard_and_tells_nobody_where_it_was(phone: Phone) -> None:
    phone.opens()
    phone.page.keyboard.press("Tab")
    link = phone.page.get_by_role("link")
    expect(link).to_be_focused()
    expect(link).to_have_attribute("href", "https://brand.example.com/privacy")
    box = link.bounding_box()
    assert box
    assert box["height"] >= 44  # a thumb's width
    assert phone.page.evaluate("document.referrer") == ""


def test_nothing_can_run_in_it(phone: Phone, watch: Watch) -> None:
    phone.opens()
    phone.page.evaluate(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)"
    )
    assert phone.page.evaluate("window.ran") is None
    assert any("Content Security Policy" in said for said in watch.complaints)


def test_the_narrowest_phone_is_wide_enough(phone: Phone) -> None:
    phone.page.set_viewport_size({"width": 280, "height": 600})
    phone.opens()
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 280
