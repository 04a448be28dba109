from __future__ import annotations

import pytest

from scanhook.office import Listed
from scanhook.office.calling import office_of
from scanhook.settings import House
from scanhook.wechat import System
from tests.cli.conftest import run, run_json

DEFAULTS = {
    "active": "real",
    "not_active": "not_active",
    "suspended": "not_active",
    "recalled": "real",
    "expired": "real",
    "void": "fake",
    "stolen": "fake",
    "unknown_code": "fake",
    "unreadable": "fake",
    "not_loaded": "not_active",
    "no_code": "success",
}
FRAME = ("qrcode", "moment-frame")


def test_a_house_begins_without_products() -> None:
    assert run_json("products", "list") == []
    assert run("products", "list").stdout.startswith("There is no product yet: import codes with `scanhook codes")


def test_a_product_is_added_and_shown_with_the_defaults() -> None:
    assert run("products", "add", "ean13", "6901481811083").stdout == "main: ean13/6901481811083 is added.\n"
    assert run_json("products", "show", "ean13", "6901481811083") == {
        "account": "main",
        "keystandard": "ean13",
        "keystr": "6901481811083",
        "state": "active",
        "activates_at": None,
        "expires_at": None,
        "normalisation": "trim,width",
        "loading": False,
        "qr_prefix": "",
        "verdicts": DEFAULTS,
        "name": None,
        "image": None,
        "batches": [],
    }


def test_a_product_is_added_with_what_is_given() -> None:
    given = ("--normalise", "trim,upper,look-alikes,check", "--verdict", "recalled=not_active")
    run("products", "add", *FRAME, *given, "--verdict", "unknown_code=success", "--loading", "--qr-prefix", "http://x/")
    shown = run_json("products", "show", *FRAME)
    assert shown["normalisation"] == "trim,upper,look-alikes,check"
    assert (shown["loading"], shown["qr_prefix"]) == (True, "http://x/")
    assert shown["verdicts"] == {**DEFAULTS, "recalled": "not_active", "unknown_code": "success"}


def test_products_are_listed_by_account_and_name() -> None:
    for name in ("b", "a"):
        run("products", "add", "qrcode", name)
    assert [product["keystr"] for product in run_json("products", "list")] == ["a", "b"]
    table = run("products", "list").stdout
    assert "keystandard" in table
    assert "trim,width" in table


def test_people_see_each_reason_with_its_answer() -> None:
    run("products", "add", *FRAME)
    shown = run("products", "show", *FRAME).stdout
    assert shown.startswith("qrcode/moment-frame ")
    cells = [line.replace("│", " ").split() for line in shown.splitlines()]
    assert ["unknown_code", "fake"] in cells
    assert ["no_code", "success"] in cells
    assert ["account", "main"] in cells


def test_a_product_is_shown_with_name_and_picture_from_the_catalog(stocked: House) -> None:
    name_of_none = run("products", "show", *FRAME).stdout
    with office_of(stocked) as office:
        catalog = office.store.catalog
        owner = stocked.settings.accounts["main"].app_id
        page = Listed(id="qrcode/moment-frame", name="微信相框", image="https://shop.example/frame.png")
        catalog.keep(catalog.begin_sync(System.PAGES, owner, now=1, newer_than=0), [page], place="", now=1)

    shown = run_json("products", "show", *FRAME)

    assert (shown["name"], shown["image"]) == ("微信相框", "https://shop.example/frame.png")
    table = run("products", "show", *FRAME).stdout
    assert "微信相框" in table
    assert "https://shop.example/frame.png" in table
    assert "image" not in name_of_none


def test_only_what_is_given_changes() -> None:
    run("products", "add", *FRAME, "--verdict", "void=not_active", "--loading")
    said = run("products", "set", *FRAME, "--verdict", "stolen=real", "--qr-prefix", "p").stdout
    assert said == "main: qrcode/moment-frame is changed. It counts from the next scan on.\n"
    shown = run_json("products", "show", *FRAME)
    assert (shown["loading"], shown["qr_prefix"]) == (True, "p")
    assert shown["verdicts"] == {**DEFAULTS, "void": "not_active", "stolen": "real"}
    run("products", "set", *FRAME, "--not-loading", "--normalise", "none")
    shown = run_json("products", "show", *FRAME)
    assert (shown["loading"], shown["normalisation"]) == (False, "none")


def test_a_change_counts_for_the_next_scan(stocked: House) -> None:
    code = "qrcode/moment-frame/COPIED99999"
    assert run_json("codes", "check", code)["verdict"] == "fake"
    run("products", "set", *FRAME, "--loading")
    assert run_json("codes", "check", code)["verdict"] == "not_active"


def test_the_batches_of_a_product_are_shown(stocked: House) -> None:
    assert run_json("products", "show", *FRAME)["batches"] == [
        {"batch": "autumn", "states": {"active": 2}, "codes": 2},
        {"batch": "winter", "states": {"issued": 1}, "codes": 1},
    ]


@pytest.mark.parametrize("verb", ["add", "set"])
@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--verdict", "void", "`void` is not REASON=RESULT: the reasons are active, not_active, "),
        ("--verdict", "void=bad", "`void=bad` is not REASON=RESULT: "),
        ("--verdict", "worn=fake", "`worn=fake` is not REASON=RESULT: "),
        ("--verdict", "unknown_product=fake", "`unknown_product` arises where there is no product"),
        ("--normalise", "lower", "`lower` is no rule; the rules are trim, width, upper, look-alikes, check"),
    ],
)
def test_a_bad_setting_is_refused_with_the_good_ones(verb: str, option: str, value: str, sentence: str) -> None:
    if verb == "set":
        run("products", "add", *FRAME)
    before = run_json("products", "list")
    assert run("products", verb, *FRAME, option, value, code=1).stderr.startswith(f"error: {sentence}")
    assert run_json("products", "list") == before


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (("", "x"), "a keystandard is 1 to 64 printable characters"),
        (("qrcode", "x" * 65), "a keystr is 1 to 64 printable characters"),
        (("qrcode", " x"), "a keystr is 1 to 64 printable characters without blanks at its ends"),
        (("qrcode", "a/b"), "a keystr has no slash: scanhook writes a code as KEYSTANDARD/KEYSTR/EXTINFO"),
    ],
)
def test_a_bad_name_is_refused(name: tuple[str, str], sentence: str) -> None:
    assert run("products", "add", *name, code=1).stderr.startswith(f"error: {sentence}")


def test_a_product_is_added_once() -> None:
    run("products", "add", *FRAME)
    assert run("products", "add", *FRAME, code=1).stderr == (
        "error: the product qrcode/moment-frame is there already: change it with `scanhook products set`\n"
    )


@pytest.mark.parametrize("arguments", [("show", "qrcode", "nobody"), ("set", "qrcode", "nobody", "--loading")])
def test_a_product_that_is_not_there_is_refused(arguments: tuple[str, ...]) -> None:
    assert run("products", *arguments, code=1).stderr == (
        "error: the account main has no product qrcode/nobody: see `scanhook products list`, "
        "or add it with `scanhook products add`\n"
    )


def test_an_unknown_account_is_refused_with_the_known_ones() -> None:
    said = run("products", "add", *FRAME, "--account", "nobody", code=1).stderr
    assert said == "error: the settings have no account `nobody`; they have main\n"


def test_nothing_to_change_is_a_usage_error() -> None:
    run("products", "add", *FRAME)
    assert "nothing is given that could be changed" in run("products", "set", *FRAME, code=2).stderr


def test_the_normalisation_is_fixed_by_the_first_code(stocked: House) -> None:
    said = run("products", "set", *FRAME, "--normalise", "none", code=1).stderr
    assert said.startswith("error: the normalisation of qrcode/moment-frame is fixed (trim,width)")
    run("products", "set", *FRAME, "--normalise", "width,trim", "--loading")


@pytest.mark.parametrize("name", ["frame[a]", "[red]x", "x[bold]"])
def test_a_name_with_brackets_is_shown_whole(name: str) -> None:
    run("products", "add", "qrcode", name)
    assert name in run("products", "list").stdout
    assert name in run("products", "show", "qrcode", name).stdout
