from __future__ import annotations

from dataclasses import fields

import pytest

from scanhook.registry import DEFAULT_VERDICTS, Normalisation
from scanhook.wire.api.products import Rule
from tests.wire.api.conftest import PRODUCT, Api

SHOWN = {
    "account": "main",
    "keystandard": "qrcode",
    "keystr": "moment-frame",
    "mark": {"state": "active", "activates_at": None, "expires_at": None, "change": None},
    "loading": False,
    "normalisation": ["trim", "width"],
    "verdicts": {
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
    },
    "qr_prefix": "",
    "name": None,
    "image": None,
}


def test_a_product_is_shown_with_what_it_answers(shared_api: Api) -> None:
    assert shared_api.get(PRODUCT, scope="read") == SHOWN
    assert shared_api.get("/products", scope="read") == {"items": [SHOWN], "next_cursor": None}


def test_a_product_that_is_not_there_is_a_problem(shared_api: Api) -> None:
    told = shared_api.problem("GET", "/products/main/qrcode/nothing")
    assert told["detail"] == "there is no such product: see GET products, or add it with POST products"


def test_an_account_that_is_not_there_is_a_problem_with_its_field(shared_api: Api) -> None:
    told = shared_api.problem("GET", "/products/nobody/qrcode/moment-frame")
    assert (told["status"], told["errors"][0]["field"]) == (422, "account")


def test_a_product_is_added_and_stands_at_its_location(api: Api) -> None:
    body = {
        "keystandard": "ean13",
        "keystr": "6901234567892",
        "loading": True,
        "normalisation": ["trim", "upper", "look-alikes", "check"],
        "verdicts": {"recalled": "fake", "void": "success"},
        "qr_prefix": "https://x.example/",
        "why": "new on the market",
    }
    response = api("POST", "/products", body)
    assert (response.status_code, response.headers["Location"]) == (201, "/api/v1/products/main/ean13/6901234567892")
    shown = api.get("/products/main/ean13/6901234567892")
    assert shown == response.json
    assert shown["normalisation"] == ["trim", "upper", "look-alikes", "check"]
    assert (shown["verdicts"]["recalled"], shown["verdicts"]["void"], shown["loading"]) == ("fake", "success", True)
    (change,) = api.get("/changes?keystandard=ean13&keystr=6901234567892")["items"]
    assert (change["who"], change["why"], change["action"]) == ("api:admin-key", "new on the market", "set")


def test_only_what_is_given_is_changed_and_a_verdict_goes_back_to_its_default(api: Api) -> None:
    set_ = api("PATCH", PRODUCT, {"verdicts": {"recalled": "fake", "void": "not_active"}, "qr_prefix": "https://q/"})
    assert set_.json is not None
    assert set_.json["verdicts"] == SHOWN["verdicts"] | {"recalled": "fake", "void": "not_active"}  # type: ignore[operator]
    again = api("PATCH", PRODUCT, {"verdicts": {"recalled": "default"}, "loading": True})
    assert again.json is not None
    assert again.json["verdicts"] == SHOWN["verdicts"] | {"void": "not_active"}  # type: ignore[operator]
    assert (again.json["qr_prefix"], again.json["loading"]) == ("https://q/", True)


def test_the_normalisation_is_fixed_by_the_first_code(api: Api) -> None:
    told = api.problem("PATCH", PRODUCT, {"normalisation": ["upper"]})
    assert told["status"] == 400
    assert "make another product with the new rules" in told["detail"]


def test_a_product_is_not_added_twice(api: Api) -> None:
    told = api.problem("POST", "/products", {"keystandard": "qrcode", "keystr": "moment-frame"})
    assert (told["status"], "is there already" in told["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"keystandard": "qrcode"}, "keystr"),
        ({"keystandard": "qrcode", "keystr": "", "qr_prefix": "x"}, "keystr"),
        ({"keystandard": "qrcode", "keystr": "x" * 65}, "keystr"),
        ({"keystandard": "qrcode", "keystr": "x", "colour": "red"}, "colour"),
        ({"keystandard": "qrcode", "keystr": "x", "loading": "yes"}, "loading"),
        ({"keystandard": "qrcode", "keystr": "x", "normalisation": ["shout"]}, "normalisation.0"),
        ({"keystandard": "qrcode", "keystr": "x", "verdicts": {"void": "perhaps"}}, "verdicts.void"),
        ({"keystandard": "qrcode", "keystr": "x", "account": "nobody"}, "account"),
        ({"keystandard": "qrcode", "keystr": "x", "why": ""}, "why"),
        ({"keystandard": 7, "keystr": "x"}, "keystandard"),
    ],
)
def test_a_field_that_cannot_be_taken_is_named(shared_api: Api, body: object, field: str) -> None:
    told = shared_api.problem("POST", "/products", body)
    assert (told["status"], [fault["field"] for fault in told["errors"]]) == (422, [field])


def test_no_product_can_set_what_arises_without_one(shared_api: Api) -> None:
    told = shared_api.problem("PATCH", PRODUCT, {"verdicts": {"unknown_product": "fake"}})
    assert told["status"] == 422
    assert told["errors"][0]["message"] == "it arises where there is no product, so no product can set it"


@pytest.mark.parametrize("keystr", ["a/b", " a", "a\u0007"])
def test_a_name_that_no_product_can_have_is_refused(shared_api: Api, keystr: str) -> None:
    assert shared_api.problem("POST", "/products", {"keystandard": "qrcode", "keystr": keystr})["status"] == 422


def test_the_rules_and_reasons_are_the_registrys() -> None:
    assert list(Rule) == [field.name.replace("_", "-") for field in fields(Normalisation)]
    assert set(SHOWN["verdicts"]) == {*DEFAULT_VERDICTS} - {"unknown_product"}  # type: ignore[call-overload]


def test_products_come_page_by_page_and_new_ones_do_not_disturb(api: Api) -> None:
    for keystr in ("b", "d", "f"):
        api.post("/products", {"keystandard": "ean8", "keystr": keystr})
    first = api.get("/products?limit=2")
    assert [item["keystr"] for item in first["items"]] == ["b", "d"]
    for keystr in ("a", "e"):
        api.post("/products", {"keystandard": "ean8", "keystr": keystr})
    second = api.get(f"/products?limit=2&cursor={first['next_cursor']}")
    assert [item["keystr"] for item in second["items"]] == ["e", "f"]
    third = api.get(f"/products?limit=2&cursor={second['next_cursor']}")
    assert [item["keystr"] for item in third["items"]] == ["moment-frame"]
    assert third["next_cursor"] is None
