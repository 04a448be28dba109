from __future__ import annotations

import re
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser.conftest import Demo, Watch

pytestmark = pytest.mark.browser

SAMPLES = [
    ("A genuine item", "Genuine"),
    ("A code that nobody printed", "Not genuine"),
    ("Printed, not on sale yet", "Not activated"),
    ("No code on it", "No result"),
]
BUTTONS = {"scan", "again", "repeat", "second-person", "other-province", "forged", "old", "verify-url"}
SIZES: list[dict[str, Any]] = [
    {"width": 320, "height": 640},
    {"width": 360, "height": 740},
    {"width": 768, "height": 1024},
]


def scan(phone: Page) -> None:
    phone.get_by_role("button", name="Scan", exact=True).click()


def shows(phone: Page, verdict: str) -> None:
    """Wait for a result: the same on the phone, in the announcement, and on the bench."""
    expect(phone.locator("#verdict")).to_have_text(verdict)
    expect(phone.locator("#verdict")).to_be_visible()
    expect(phone.get_by_role("status")).to_contain_text(verdict)


def panels(phone: Page, step: str) -> dict[str, str]:
    """Return what stands in the four panels of a step."""
    panes = phone.locator(f'details[data-name="{step}"] pre')
    expect(panes).to_have_count(4)
    return {str(pane.get_attribute("aria-label")): pane.text_content() or "" for pane in panes.all()}


def choose(phone: Page, name: str, value: str) -> None:
    chosen = phone.locator(f'input[name="{name}"][value="{value}"]')
    phone.locator("label", has=chosen).click()
    expect(chosen).to_be_checked()


def test_no_button_is_untested(phone: Page) -> None:
    assert {button.get_attribute("id") for button in phone.locator("button").all()} == BUTTONS
    assert phone.locator("a").count() == 2


def test_whoever_is_quicker_than_the_script_waits_for_it(phone: Page) -> None:
    late: list[Route] = []

    def keep(route: Route) -> None:
        late.append(route)

    phone.route("**/phone.js", keep)
    phone.reload(wait_until="commit")
    expect(phone.locator("button:disabled")).to_have_count(len(BUTTONS))
    phone.locator("#typed").check()
    expect(phone.get_by_label("KeyStr")).to_be_hidden()
    late.pop().continue_()
    expect(phone.get_by_label("KeyStr")).to_be_visible()
    expect(phone.locator("button:disabled")).to_have_count(0)
    phone.get_by_role("radio", name="A genuine item").check()
    scan(phone)
    shows(phone, "Genuine")


def test_who_allows_no_script_is_told_that_it_is_needed(browser: Browser, demo: Demo) -> None:
    with browser.new_context(locale="en-US", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{demo.url}/phone")
        expect(page.locator(".no-script")).to_be_visible()
        expect(page.get_by_role("button", name="Scan", exact=True)).to_be_disabled()


@pytest.mark.parametrize(("sample", "verdict"), SAMPLES)
def test_a_sample_code_shows_what_wechat_would(phone: Page, sample: str, verdict: str) -> None:
    phone.get_by_role("radio", name=sample).check()
    scan(phone)
    shows(phone, verdict)
    lines = panels(phone, "scan_product_callback")
    assert "<Encrypt>" in lines["Push, as sent"]
    assert "<Event>scan_product_callback</Event>" in lines["Push, decrypted"]
    assert lines["Reply, as received"].startswith("HTTP 200")
    if verdict == "No result":
        assert lines["Reply, as received"].endswith("success")
        assert lines["Reply, decrypted"] == "nothing sealed in it"
    else:
        assert "Encrypt" in lines["Reply, as received"]
        assert "<CodeResult>" in lines["Reply, decrypted"]
    times = phone.locator(".times").all_inner_texts()
    assert len(times) == 2
    assert all(re.fullmatch(r"\+\d+ ms · took \d+ ms", time) for time in times)
    phone.get_by_role("button", name="Scan another").click()
    expect(phone.get_by_role("button", name="Scan", exact=True)).to_be_focused()


def test_any_code_can_be_typed(phone: Page) -> None:
    phone.get_by_role("radio", name="Type a code").check()
    phone.get_by_label("KeyStandard").fill("qrcode")
    phone.get_by_label("KeyStr", exact=True).fill("moment-frame")
    phone.get_by_label("ExtInfo", exact=True).fill("GENUINE0002")
    phone.get_by_label("ExtInfo", exact=True).press("Enter")
    shows(phone, "Genuine")
    expect(phone.locator("#fact-extinfo")).to_have_text("GENUINE0002")


def test_a_page_that_is_not_published_is_not_found(phone: Page) -> None:
    phone.get_by_role("radio", name="Type a code").check()
    phone.get_by_label("KeyStandard").fill("ean13")
    phone.get_by_label("KeyStr", exact=True).fill("6390000000000")
    scan(phone)
    shows(phone, "No product page")
    expect(phone.get_by_role("status")).to_contain_text("is not published, and whoever scans is no tester")
    expect(phone.locator("#steps li")).to_have_count(0)
    expect(phone.get_by_role("link", name="Open the brand's page")).to_be_hidden()
    assert phone.evaluate(CONTRASTS) == []


def test_markup_in_a_code_is_text(phone: Page) -> None:
    phone.get_by_role("radio", name="Type a code").check()
    phone.get_by_label("ExtInfo", exact=True).fill("<img src=x onerror=alert(1)>")
    scan(phone)
    shows(phone, "Not genuine")
    expect(phone.locator("#fact-extinfo")).to_have_text("<img src=x onerror=alert(1)>")
    assert phone.locator("img").count() == 0


def test_what_cannot_be_scanned_says_why(context: BrowserContext, demo: Demo, watch: Watch) -> None:
    phone = context.new_page()
    phone.goto(f"{demo.url}/phone")
    phone.get_by_role("radio", name="Type a code").check()
    phone.get_by_label("KeyStr", exact=True).fill(" ")
    scan(phone)
    expect(phone.get_by_role("status")).to_have_text(
        "KeyStandard and KeyStr must not be empty, such as qrcode and moment-frame"
    )
    expect(phone.get_by_role("button", name="Scan", exact=True)).to_be_visible()


@pytest.mark.parametrize("format_", ["XML", "JSON"])
@pytest.mark.parametrize("mode", ["safe", "compat", "plain"])
def test_every_mode_and_format_works_for_real(phone: Page, mode: str, format_: str) -> None:
    choose(phone, "account", "main" if mode == "safe" else mode)
    choose(phone, "format", format_.lower())
    scan(phone)
    shows(phone, "Genuine")
    lines = panels(phone, "scan_product_callback")
    assert ("Encrypt" in lines["Push, as sent"]) is (mode != "plain")
    assert ("GENUINE0001" in lines["Push, as sent"]) is (mode != "safe")
    assert lines["Push, decrypted"].startswith("<xml>" if format_ == "XML" else "{")
    assert ("Encrypt" in lines["Reply, as received"]) is (mode != "plain")
    assert lines["Reply, decrypted"].startswith("<xml>" if format_ == "XML" else "{")


@pytest.mark.parametrize(
    ("account", "push", "status"), [("main", "plain", 403), ("compat", "plain", 403), ("plain", "safe", 400)]
)
def test_another_mode_than_the_pinned_one_is_refused(phone: Page, account: str, push: str, status: int) -> None:
    choose(phone, "account", account)
    choose(phone, "mode", push)
    scan(phone)
    shows(phone, "No result")
    assert panels(phone, "scan_product_callback")["Reply, as received"].startswith(f"HTTP {status}")


@pytest.mark.parametrize("button", ["Wrong signature", "Old timestamp"])
def test_a_push_that_is_wrong_on_purpose_is_refused_three_times(phone: Page, button: str) -> None:
    phone.get_by_role("button", name=button).click()
    shows(phone, "No result")
    assert panels(phone, "scan_product_callback")["Reply, as received"] == "HTTP 403\n\nnot authentic"
    expect(phone.locator('details[data-name="scan_product_callback"] .tries li')).to_have_count(3)
    assert "3 attempts" in phone.locator(".times").last.inner_text()


def test_a_repeat_is_answered_with_the_same_verdict(phone: Page) -> None:
    repeat = phone.get_by_role("button", name="Exact repeat")
    expect(repeat).to_have_attribute("aria-disabled", "true")
    repeat.click(force=True)
    expect(phone.get_by_role("status")).to_have_text("Nothing yet. Scan a code to see every byte of it.")
    scan(phone)
    shows(phone, "Genuine")
    first = panels(phone, "scan_product_callback")
    repeat.click()
    expect(phone.get_by_role("status")).to_contain_text("the same verdict as before")
    again = panels(phone, "scan_product_callback")
    assert again["Push, as sent"] == first["Push, as sent"]
    assert again["Reply, decrypted"] == first["Reply, decrypted"]


def test_a_second_person_is_another_one(phone: Page) -> None:
    scan(phone)
    shows(phone, "Genuine")
    first = re.findall(r"<FromUserName>(\w+)<", panels(phone, "scan_product_callback")["Push, decrypted"])
    phone.get_by_role("button", name="Second person").click()
    expect(phone.get_by_role("status")).to_contain_text("person: ")
    second = re.findall(r"<FromUserName>(\w+)<", panels(phone, "scan_product_callback")["Push, decrypted"])
    assert len({*first, *second}) == 2


def test_where_it_was_comes_later_and_another_province_is_another(phone: Page) -> None:
    regions = []
    for button in ("Scan", "Another province", "Another province"):
        phone.get_by_role("button", name=button, exact=True).click()
        shows(phone, "Genuine")
        expect(phone.locator(".coming")).to_be_visible()
        late = panels(phone, "user_scan_product_async")
        regions += re.findall(r"<RegionCode>(\d{6})</RegionCode>", late["Push, decrypted"])
        expect(phone.locator(".coming")).to_have_count(0)
        if button == "Scan":
            phone.get_by_role("button", name="Scan another").click()
    assert len(set(regions)) == 3


def test_the_url_is_verified_as_the_console_does(phone: Page) -> None:
    phone.get_by_role("button", name="Verify the URL").click()
    expect(phone.get_by_role("status")).to_have_text("URL verified: the echostr came back")
    lines = panels(phone, "verify_url")
    assert lines["Push, as sent"].startswith("GET http://127.0.0.1:")
    assert re.fullmatch(r"HTTP 200\n\n\d+", lines["Reply, as received"])


def test_the_link_leads_to_the_brands_page_with_a_verdict_of_this_item(
    phone: Page, context: BrowserContext, demo: Demo, watch: Watch
) -> None:
    scan(phone)
    shows(phone, "Genuine")
    with context.expect_page() as opened:
        phone.get_by_role("link", name="Open the brand's page").click()
    landing = opened.value
    landing.wait_for_load_state()
    assert landing.url.startswith(f"{demo.service}/landing?wxkeystandard=qrcode&wxkeystr=moment-frame&wxticket=")
    expect(landing.get_by_role("heading", level=1)).to_have_text("Genuine")
    expect(landing.get_by_text("Your scan", exact=False).first).to_be_visible()
    assert landing.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_link_of_a_forged_item_never_says_genuine(phone: Page, context: BrowserContext) -> None:
    phone.get_by_role("radio", name="A code that nobody printed").check()
    scan(phone)
    shows(phone, "Not genuine")
    with context.expect_page() as opened:
        phone.get_by_role("link", name="Open the brand's page").click()
    expect(opened.value.get_by_role("heading", level=1)).to_be_visible()
    assert opened.value.get_by_text("Genuine", exact=True).count() == 0


# For everybody


def test_everything_can_be_done_by_keyboard(phone: Page) -> None:
    reached = []
    for _ in range(40):
        phone.keyboard.press("Tab")
        found = phone.evaluate(
            "() => { const on = document.activeElement; const box = on.closest('.code') ?? on.nextElementSibling ?? on;"
            " const seen = [on, box].some((one) => getComputedStyle(one).outlineStyle !== 'none');"
            " return [on.id || on.name || on.className || on.tagName, seen]; }"
        )
        if found[0] == "BODY":
            break
        reached.append(found)
    names = [name for name, _ in reached]
    assert names == [
        *("language", "code", "scan"),
        *("account", "mode", "format", "verify-url"),
        *("repeat", "second-person", "other-province", "forged", "old"),
    ]
    assert [name for name, seen in reached if not seen] == []

    phone.get_by_role("radio", name="A genuine item").focus()
    phone.keyboard.press("ArrowDown")
    phone.keyboard.press("ArrowDown")
    phone.keyboard.press("Tab")
    phone.keyboard.press("Enter")
    shows(phone, "Not activated")
    expect(phone.locator("#product")).to_be_focused()
    phone.keyboard.press("Tab")
    expect(phone.get_by_role("link", name="Open the brand's page")).to_be_focused()
    phone.keyboard.press("Tab")
    phone.keyboard.press("Enter")
    expect(phone.get_by_role("button", name="Scan", exact=True)).to_be_focused()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size["width"]))
def test_nothing_is_cut_off_on_a_small_screen(phone: Page, demo: Demo, size: Any, language: str) -> None:
    phone.set_viewport_size(size)
    phone.goto(f"{demo.url}/phone?lang={language}")
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert phone.evaluate(fits)
    phone.locator("#typed").check()
    phone.locator("#extinfo").fill("W" * 200)
    assert phone.evaluate(fits)
    phone.locator("#scan").click()
    expect(phone.locator("#verdict")).to_be_visible()
    assert phone.evaluate(fits)
    phone.locator("#forged").click()
    expect(phone.locator(".tries").first).to_be_attached()
    assert phone.evaluate(fits)


def test_the_page_speaks_chinese(phone: Page) -> None:
    phone.get_by_role("link", name="中文").click()
    phone.get_by_role("button", name="扫码", exact=True).click()
    expect(phone.locator("#verdict")).to_have_text("正品")
    expect(phone.get_by_role("status")).to_contain_text("正品")
    expect(phone.get_by_role("status")).to_contain_text("服务器返回 CodeResult real")
    expect(phone.locator(".because").first).to_have_text("服务器已确认收到")
    phone.get_by_role("link", name="English").click()
    expect(phone.get_by_role("button", name="Scan", exact=True)).to_be_visible()


CONTRASTS = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const over = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((part) => part / 255)
    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const poor = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const left = one.closest("#finder > .bar, script, .status-bar, [aria-disabled=true]");
    if (!own || left || !one.checkVisibility()) continue;
    const behind = [];
    for (let up = one; up; up = up.parentElement) behind.unshift(getComputedStyle(up).backgroundColor);
    const back = over(behind), front = over([...behind, getComputedStyle(one).color]);
    const [dark, bright] = [light(back), light(front)].sort((a, b) => a - b);
    const ratio = (bright + 0.05) / (dark + 0.05);
    if (ratio < 4.5) poor.push([one.tagName, one.className, one.textContent.trim().slice(0, 30), ratio].join(" "));
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(phone: Page, scheme: Literal["light", "dark"]) -> None:
    phone.emulate_media(color_scheme=scheme)
    assert phone.evaluate(CONTRASTS) == []
    for sample, verdict in SAMPLES:
        phone.get_by_role("radio", name=sample).check()
        scan(phone)
        shows(phone, verdict)
        assert phone.evaluate(CONTRASTS) == []
        phone.get_by_role("button", name="Scan another").click()
    phone.get_by_role("button", name="Wrong signature").click()
    shows(phone, "No result")
    assert phone.evaluate(CONTRASTS) == []


def test_a_sandbox_that_is_gone_is_said(context: BrowserContext, demo: Demo) -> None:
    phone = context.new_page()
    phone.goto(f"{demo.url}/phone")
    phone.route("**/phone/scans?*", lambda route: route.abort())
    scan(phone)
    expect(phone.get_by_role("status")).to_have_text("The sandbox gives no answer: is it still running?")
    phone.unroute("**/phone/scans?*")
    scan(phone)
    shows(phone, "Genuine")
