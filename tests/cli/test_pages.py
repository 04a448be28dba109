from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from scanhook.cli import main
from scanhook.cli.common import operator
from scanhook.sandbox.page_shelf import PageShelf, Status
from scanhook.sandbox.policy import MerchantShape, Policy
from scanhook.sandbox.route import Right
from scanhook.sandbox.sample_pages import stock_pages
from scanhook.sandbox.server import serve_sandbox
from scanhook.sandbox.tenant import Tenant
from scanhook.sandbox.world import World
from scanhook.settings import House
from tests.cli.conftest import AT, run, run_json
from tests.conftest import APP_ID
from tests.wechat.pages_samples import GET, UPDATE, answer

SECRET = "a" * 32
FRAME = "qrcode/moment-frame"
JUICE = "ean13/6390000000000"
TEA = "ean13/6390000000002"


class WechatsSide:
    """What WeChat knows of the shop's account."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.shelf = world.tenants[0].shelf(PageShelf)

    def page(self, name: str) -> Any:
        """Return a page by its name."""
        key_standard, _, key_str = name.partition("/")
        return self.shelf.pages[key_standard, key_str]


@pytest.fixture
def wechat(shop: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[WechatsSide]:
    """Serve a WeChat that knows the shop's account and some pages of it."""
    monkeypatch.setenv("SCANHOOK_ACCOUNTS__MAIN__APP_SECRET", SECRET)
    tenant = Tenant(APP_ID, secret=SECRET, rights=frozenset({Right.SCAN}), name="main")
    with serve_sandbox(World([tenant], policy=Policy(review_s=3600))) as served:
        monkeypatch.setenv("SCANHOOK_WECHAT__API_BASE", served.url)
        stock_pages(served.world, tenant)
        yield WechatsSide(served.world)


def file_of(folder: Path, document: Any) -> Path:
    path = folder / "page.json"
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return path


def example_of(folder: Path) -> Path:
    """Return the example that the command prints, for a name that WeChat does not know yet."""
    path = folder / "page.toml"
    path.write_text(run("pages", "create", "--example").stdout.replace("walnut-frame", "moment-2"), encoding="utf-8")
    return path


def test_the_pages_are_listed(wechat: WechatsSide) -> None:
    found = run_json("pages", "list")
    assert found["total"] == 5
    assert [(page["keystandard"], page["keystr"], page["status"]) for page in found["pages"]][:3] == [
        ("qrcode", "moment-frame", "on"),
        ("ean13", "6900873042720", "on"),
        ("ean13", "6390000000000", "off"),
    ]
    assert found["pages"][2]["category_name"] == "果泥/菜泥/肉泥"
    shown = run("pages", "list").stdout
    assert "5 pages" in shown
    assert "6390000000002" in shown


@pytest.mark.parametrize(
    ("given", "total", "keys"),
    [
        (("--status", "on"), 2, ["moment-frame", "6900873042720"]),
        (("--status", "reject"), 1, ["6390000000002"]),
        (("--status", "check"), 0, []),
        (("--containing", "639"), 2, ["6390000000000", "6390000000002"]),
        (("--offset", "1", "--limit", "2"), 5, ["6900873042720", "6390000000000"]),
        (("--offset", "5"), 5, []),
    ],
)
def test_the_list_is_cut_to_what_is_wanted(
    wechat: WechatsSide, given: tuple[str, ...], total: int, keys: list[str]
) -> None:
    found = run_json("pages", "list", *given)
    assert (found["total"], [page["keystr"] for page in found["pages"]]) == (total, keys)


def test_an_empty_list_says_so(wechat: WechatsSide) -> None:
    assert run("pages", "list", "--status", "check").stdout == "There is no such page.\n"
    assert run("pages", "list", "--offset", "9").stdout == "There are 5 pages, and none from there on.\n"


def test_a_page_is_shown_to_people(wechat: WechatsSide) -> None:
    shown = run("pages", "get", FRAME).stdout
    for part in ("on (published)", "微信相框", "anti_fake", "native_show: true", "retail_price: 12.00", "paragraph"):
        assert part in shown


def test_a_page_without_the_module_is_remarked(wechat: WechatsSide) -> None:
    wechat.page(FRAME).parts["module_info"] = {"module_list": []}
    assert "WeChat asks for no verdict of its codes" in run("pages", "get", FRAME).stderr


def test_what_is_got_can_be_edited_and_sent_back(wechat: WechatsSide, tmp_path: Path) -> None:
    page = run_json("pages", "get", JUICE)
    before = json.loads(json.dumps(wechat.page(JUICE).parts))
    page["brand_info"]["action_info"]["action_list"].append({"type": "text", "text": "新鲜"})
    said = run_json("pages", "update", file_of(tmp_path, page))
    assert (said["was"], said["goes_into_review"]) == ("off", False)
    assert said["parts"] == ["base_info", "detail_info", "action_info", "module_info"]
    after = wechat.page(JUICE).parts
    assert after["action_info"]["action_list"][-1] == {"type": "text", "text": "新鲜"}
    assert {name: after[name] for name in ("detail_info", "module_info")} == {
        name: before[name] for name in ("detail_info", "module_info")
    }


def test_one_part_is_updated_alone(wechat: WechatsSide, tmp_path: Path) -> None:
    page = run_json("pages", "get", JUICE)
    page["brand_info"]["base_info"]["title"] = "别的"
    page["brand_info"]["detail_info"]["detail_list"] = [{"title": "产地", "desc": "海南"}]
    said = run("pages", "update", file_of(tmp_path, page), "--part", "detail_info")
    assert "detail_info updated" in said.stdout
    assert "review" not in said.stdout
    assert wechat.page(JUICE).parts["detail_info"]["detail_list"] == [{"title": "产地", "desc": "海南"}]
    assert wechat.page(JUICE).parts["base_info"]["title"] == "苹果香蕉泥"


def test_the_pages_own_sample_updates_a_page(wechat: WechatsSide, tmp_path: Path) -> None:
    run("pages", "update", file_of(tmp_path, answer(UPDATE)))
    assert wechat.page(JUICE).parts["action_info"] == answer(UPDATE)["brand_info"]["action_info"]


def test_an_update_of_a_published_page_says_that_it_goes_into_review(wechat: WechatsSide, tmp_path: Path) -> None:
    page = file_of(tmp_path, run_json("pages", "get", FRAME))
    assert "goes into WeChat's review by itself" in run("pages", "update", page).stdout
    assert wechat.page(FRAME).status is Status.CHECK
    assert "is in review (status check)" in run("pages", "update", page, code=1).stderr
    assert "is in review (status check)" in run("pages", "unpublish", FRAME, code=1).stderr


def test_the_example_is_created_as_it_stands(wechat: WechatsSide, tmp_path: Path) -> None:
    example = example_of(tmp_path)
    assert run("pages", "create", example, "--check").stdout == "qrcode/moment-2: it can be sent.\n"
    said = run("pages", "create", example)
    assert said.stdout.startswith("qrcode/moment-2 is created (pid ")
    assert said.stderr == ""
    assert wechat.page("qrcode/moment-2").status is Status.OFF
    assert "already" in run("pages", "create", example, code=1).stderr


def test_a_page_that_cannot_be_sent_names_every_place(wechat: WechatsSide, tmp_path: Path) -> None:
    page = answer(GET)["brand_info"]
    page["base_info"]["color"] = "#FFF"
    page["action_info"]["action_list"][4]["text"] = ""
    file = file_of(tmp_path, {"keystandard": "qrcode", "keystr": "x", "brand_info": page})
    said = run("pages", "create", file, code=1).stderr
    places = ["brand_info.base_info.color", "brand_info.action_info.action_list[4].text"]
    assert [line.partition(": is ")[0] for line in said.splitlines()] == [f"error: {file}: {place}" for place in places]
    assert len(wechat.shelf.pages) == 5


@pytest.mark.parametrize("command", ["create", "update"])
def test_what_no_page_names_is_remarked_before_it_is_sent(wechat: WechatsSide, tmp_path: Path, command: str) -> None:
    page = run_json("pages", "get", JUICE)
    page["brand_info"]["base_info"]["tittle"] = "?"
    said = run("pages", command, file_of(tmp_path, page), code=1 if command == "create" else 0).stderr
    assert "note: brand_info.base_info.tittle: no page names this field; it is sent as it is" in said


def test_a_page_is_published_after_a_review_and_withdrawn(wechat: WechatsSide) -> None:
    assert "is submitted for review" in run("pages", "publish", JUICE).stdout
    assert wechat.page(JUICE).status is Status.CHECK
    assert run_json("pages", "publish", TEA)["submitted"] is True
    assert run("pages", "unpublish", FRAME).stdout == f"{FRAME} is not published any more.\n"
    assert run_json("pages", "unpublish", "ean13/6900873042720")["status"] == "off"
    assert wechat.page(FRAME).status is Status.OFF


def test_a_page_is_cleared_only_when_that_is_confirmed(wechat: WechatsSide) -> None:
    refused = run("pages", "clear", JUICE, code=1).stderr
    assert "every code printed for it then leads nowhere" in refused
    assert "say --yes if that is what you want" in refused
    assert len(wechat.shelf.pages) == 5
    assert run("pages", "clear", JUICE, "--yes").stdout.startswith(f"{JUICE} is cleared.")
    assert len(wechat.shelf.pages) == 4
    assert run_json("pages", "clear", TEA, "--yes")["cleared"] is True
    assert "61334" in run("pages", "get", JUICE, code=1).stderr


@pytest.mark.parametrize(("answer_", "left"), [("y\n", 4), ("n\n", 5)])
def test_whoever_sits_at_a_terminal_is_asked(
    wechat: WechatsSide, monkeypatch: pytest.MonkeyPatch, answer_: str, left: int
) -> None:
    monkeypatch.setattr("scanhook.cli.common.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    result = CliRunner().invoke(main, ["pages", "clear", JUICE], input=answer_, catch_exceptions=False)
    assert "Go on?" in result.stderr
    assert result.exit_code == (5 - left == 0)
    assert len(wechat.shelf.pages) == left


def test_testers_are_replaced_and_that_is_said_before(wechat: WechatsSide) -> None:
    said = run("pages", "testers", "--openid", "o1Pj9jmZvwSyyyyyyBa4aULW2mA", "--username", "afdvvf")
    assert said.stderr == "This replaces the whole list of testers at WeChat; nobody can read the one before it.\n"
    assert said.stdout == "The list of testers is replaced: 2 of 10.\n"
    assert wechat.shelf.tester_openids == ("o1Pj9jmZvwSyyyyyyBa4aULW2mA",)
    assert wechat.shelf.tester_usernames == ("afdvvf",)
    assert run_json("pages", "testers", "--nobody") == {"testers": 0}
    assert not wechat.shelf.tester_openids


def test_testers_are_read_from_standard_input_so_that_no_shell_remembers_them(wechat: WechatsSide) -> None:
    given = ["pages", "testers", "--openid", "-", "--openid", "o3", "--json"]
    result = CliRunner().invoke(main, given, input="o1\n\n o2 \n", catch_exceptions=False)
    assert json.loads(result.stdout) == {"testers": 3}
    assert wechat.shelf.tester_openids == ("o3", "o1", "o2")


def test_testers_are_at_most_ten_and_at_least_meant(wechat: WechatsSide) -> None:
    eleven = [part for number in range(11) for part in ("--username", f"user{number}")]
    assert "openids and usernames together are at most 10" in run("pages", "testers", *eleven, code=1).stderr
    assert "--nobody to empty the list" in run("pages", "testers", code=2).stderr
    assert "--nobody to empty the list" in run("pages", "testers", "--nobody", "--username", "a", code=2).stderr


def test_the_merchant_is_shown_in_both_shapes(wechat: WechatsSide) -> None:
    assert "食品/茶叶/特产/滋补品" in run("pages", "merchant").stdout
    newer = run_json("pages", "merchant")
    wechat.world.policy = Policy(merchant_shape=MerchantShape.OLDER)
    older = run_json("pages", "merchant")
    assert newer["brand_tags"] == older["brand_tags"] == ["小耿哥8", "testtag"]
    assert newer["firm_codes"] == older["firm_codes"] == [6900873, 6390000, 69014818, 69300570, 69544767]
    assert [right["firm_code"] for right in older["rights"]] == [None]
    assert "6900873, 6390000" in run("pages", "merchant").stdout.replace("\n", " ")


def test_an_account_without_the_right_is_told_what_to_apply_for(wechat: WechatsSide) -> None:
    wechat.world.tenants[0].rights = frozenset()
    said = run("pages", "merchant", code=1).stderr
    assert "48001" in said
    assert "apply" in said


def test_the_prefix_of_a_products_codes_is_kept(wechat: WechatsSide, stocked: House) -> None:
    pid = wechat.page(FRAME).pid
    said = run("pages", "qrcode", FRAME)
    assert said.stdout == f"http://p.url.cn/{pid}\n"
    assert f"the QR prefix is kept in the registry: http://p.url.cn/{pid}" in said.stderr
    assert run_json("products", "show", "qrcode", "moment-frame")["qr_prefix"] == f"http://p.url.cn/{pid}"


def test_the_code_of_one_item_gives_the_same_prefix_and_a_picture(
    wechat: WechatsSide, stocked: House, tmp_path: Path
) -> None:
    pid, picture = wechat.page(FRAME).pid, tmp_path / "code.png"
    said = run_json("pages", "qrcode", f"{FRAME}/GENUINE0001", "--size", "200", "--picture", picture)
    assert said["qrcode_url"] == f"http://p.url.cn/{pid}GENUINE0001"
    assert (said["qr_prefix"], said["kept"]) == (f"http://p.url.cn/{pid}", True)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert run_json("products", "show", "qrcode", "moment-frame")["qr_prefix"] == f"http://p.url.cn/{pid}"
    again = run("pages", "qrcode", FRAME, "--picture", picture, code=1).stderr
    assert "is there already: name another file" in again


def test_a_prefix_without_a_product_is_shown_and_not_kept(wechat: WechatsSide) -> None:
    said = run("pages", "qrcode", FRAME)
    assert "the registry has no such product: `scanhook products add qrcode moment-frame --account main`" in (
        said.stderr.replace("\n", " ")
    )
    assert run_json("pages", "qrcode", FRAME)["kept"] is False


def test_a_picture_that_cannot_be_written_is_refused(wechat: WechatsSide, tmp_path: Path) -> None:
    picture = tmp_path / "no folder" / "code.png"
    assert f"{picture} cannot be written: No such file" in run(
        "pages", "qrcode", FRAME, "--picture", picture, code=1
    ).stderr.replace("\n", "")


def test_a_picture_that_is_gone_says_so(wechat: WechatsSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wechat.world.pictures, "find", lambda _name: None)
    picture = tmp_path / "code.png"
    said = run("pages", "qrcode", FRAME, "--picture", picture, code=1)
    assert "picture cannot be fetched" in said.stderr
    assert said.stdout == f"http://p.url.cn/{wechat.page(FRAME).pid}\n"
    told = json.loads(run("pages", "qrcode", FRAME, "--picture", picture, "--json", code=1).stdout)
    assert (told["qrcode_url"], told["picture"]) == (f"http://p.url.cn/{wechat.page(FRAME).pid}", None)
    assert not picture.exists()


@pytest.mark.parametrize("command", ["qrcode", "clear-scans"])
def test_a_code_of_an_impossible_page_is_refused(command: str) -> None:
    assert "a keystr is 1 to 64 printable characters" in run("pages", command, "qrcode/ a", code=1).stderr


def test_an_ext_info_that_wechat_advises_against_is_remarked(wechat: WechatsSide) -> None:
    said = run("pages", "qrcode", f"{FRAME}/a+b", code=1).stderr
    assert "note: the ExtInfo has other characters" in said
    assert "61314" in said


def test_clearing_the_scan_record_is_requested_and_leaves_our_counts(wechat: WechatsSide, stocked: House) -> None:
    code = f"{FRAME}/GENUINE0001"
    assert "say --yes if that is what you want" in run("pages", "clear-scans", code, code=1).stderr
    said = run("pages", "clear-scans", code, "--yes").stdout
    assert said.startswith("Requested. WeChat's answer proves nothing")
    assert said.endswith("Our own counts are untouched.\n")


@pytest.mark.parametrize("more", [(), ("--own-counts",)])
def test_a_code_that_the_registry_does_not_know_is_remarked(
    wechat: WechatsSide, stocked: House, more: tuple[str, ...]
) -> None:
    said = run("pages", "clear-scans", f"{FRAME}/UNKNOWN", "--yes", *more)
    assert "warning: the registry of the account main has no such code of qrcode/moment-frame" in said.stderr
    assert "UNKNOWN" not in said.stderr
    assert said.stdout.startswith("Requested.")
    assert run("pages", "clear-scans", f"{FRAME}/GENUINE0001", "--yes", *more).stderr == ""


def test_our_own_counts_begin_anew_when_that_is_asked(wechat: WechatsSide, scanner: Any) -> None:
    scanner.scan("GENUINE0001", "GENUINE0001")
    code = f"{FRAME}/GENUINE0001"
    refused = run("pages", "clear-scans", code, "--own-counts", code=1).stderr
    assert "and lets our own counts of it begin anew: say --yes if that is what you want" in refused.replace("\n", " ")
    assert run_json("codes", "check", code)["scans"] == 2

    said = run_json("pages", "clear-scans", code, "--yes", "--own-counts", "--why", "sold again")

    assert said == {
        "keystandard": "qrcode",
        "keystr": "moment-frame",
        "requested": True,
        "own_counts_reset": True,
        "own_counts": {"scans": 2, "persons": 1},
    }
    checked = run_json("codes", "check", code)
    reset = checked["counts_reset"]
    assert (checked["scans"], checked["persons"], checked["first_scan"]) == (0, 0, None)
    assert (reset["who"], reset["why"], reset["scans"], reset["persons"]) == (operator(), "sold again", 2, 1)
    shown = " ".join(run("codes", "check", code).stdout.split())
    assert f"by {operator()} (sold again)" in shown
    assert len(run("scans", "tail", "--json").stdout.splitlines()) == 2
    assert run("storage", "check").exit_code == 0


def test_our_own_counts_go_on_after_a_reset(wechat: WechatsSide, scanner: Any) -> None:
    scanner.scan("GENUINE0001", "GENUINE0001", "GENUINE0001")
    code = f"{FRAME}/GENUINE0001"
    said = run("pages", "clear-scans", code, "--yes", "--own-counts").stdout
    assert said.startswith("Requested. WeChat's answer proves nothing")
    assert said.endswith("begin anew; scans until now: 3 (persons: 1). The scans stay in the journal.\n")
    scanner.scan("GENUINE0001", at=AT + 60)
    assert run_json("codes", "check", code)["scans"] == 1
    assert run("storage", "check").exit_code == 0


def test_the_counts_of_a_code_that_was_never_scanned_begin_anew_too(wechat: WechatsSide, stocked: House) -> None:
    said = run("pages", "clear-scans", f"{FRAME}/GENUINE0001", "--yes", "--own-counts").stdout
    assert said.endswith("Our own counts begin anew; scans until now: none. The scans stay in the journal.\n")


def test_our_own_counts_are_kept_when_wechat_refuses(
    wechat: WechatsSide, scanner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner.scan("GENUINE0001")
    monkeypatch.setenv("SCANHOOK_ACCOUNTS__MAIN__APP_SECRET", "b" * 32)
    code = f"{FRAME}/GENUINE0001"
    run("pages", "clear-scans", code, "--yes", "--own-counts", code=1)
    assert run_json("codes", "check", code)["scans"] == 1


def test_a_reason_belongs_to_our_own_counts(wechat: WechatsSide) -> None:
    said = run("pages", "clear-scans", f"{FRAME}/1", "--yes", "--why", "sold again", code=2).stderr
    assert "--why belongs to --own-counts" in said


def test_pages_of_somebody_elses_account_have_no_counts_of_ours(
    wechat: WechatsSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = Tenant("wx5a0db0c0000000a1", secret=SECRET, rights=frozenset({Right.SCAN}))
    stock_pages(wechat.world, wechat.world.admit(tenant))
    monkeypatch.setenv("SCANHOOK_CATALOG__PAGES__APP_ID", tenant.app_id)
    monkeypatch.setenv("SCANHOOK_CATALOG__PAGES__APP_SECRET", SECRET)
    refused = run("pages", "clear-scans", f"{FRAME}/1", "--yes", "--own-counts", code=1).stderr
    assert "belong to no account of the settings" in refused
    said = run("pages", "qrcode", FRAME)
    assert said.stdout == f"http://p.url.cn/{tenant.shelf(PageShelf).pages['qrcode', 'moment-frame'].pid}\n"
    assert "no QR prefix is kept, as these pages belong to no account of the settings" in said.stderr


def test_the_clearing_goes_where_the_settings_say(wechat: WechatsSide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANHOOK_WECHAT__CLEAR_PATH", "/scan/product/clear")
    run("pages", "clear-scans", f"{JUICE}/1", "--yes")
    assert len(wechat.shelf.pages) == 4


def test_an_account_that_the_settings_do_not_have_is_refused(wechat: WechatsSide) -> None:
    assert "the settings have no account `other`" in run("pages", "list", "--account", "other", code=1).stderr


@pytest.mark.parametrize("key", ["moment-frame", "qrcode/", "a/b/c"])
def test_a_key_that_is_none_is_a_slip_of_usage(key: str) -> None:
    assert "KEYSTANDARD/KEYSTR" in run("pages", "get", key, code=2).stderr.replace("\n", " ")
