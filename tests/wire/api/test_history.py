from __future__ import annotations

import pytest

from tests.wire.api.conftest import PRODUCT, Api
from tests.wire.api.test_changes import PRODUCT_TARGET, order


def test_the_history_comes_page_by_page_the_newest_first_and_new_changes_do_not_disturb(api: Api) -> None:
    made = [api.post("/changes", order(action))["id"] for action in ("suspend", "activate", "suspend")]
    first = api.get("/changes?limit=2", scope="read")
    assert [change["id"] for change in first["items"]] == [made[2], made[1]]
    api.post("/changes", order("activate"))
    second = api.get(f"/changes?limit=2&cursor={first['next_cursor']}")
    assert second["items"][0]["id"] == made[0]


def test_the_history_of_a_batch_holds_what_was_done_to_its_product(api: Api) -> None:
    (batch,) = api.get("/batches?name=winter")["items"]
    product = api.post("/changes", order("suspend", PRODUCT_TARGET, level="product"))["id"]
    other = api.post("/changes", order("suspend"))["id"]
    own = api.post("/changes", order("recall", PRODUCT_TARGET | {"batch": "winter"}))["id"]
    told = [change["id"] for change in api.get(f"/changes?batch={batch['id']}")["items"]]
    assert told[:2] == [own, product]
    assert other not in told


def test_the_history_of_a_product_holds_its_settings(api: Api) -> None:
    api("PATCH", PRODUCT, {"loading": True, "why": "the file is late"})
    (change,) = api.get("/changes?keystandard=qrcode&keystr=moment-frame&limit=1")["items"]
    assert (change["action"], change["why"], change["details"]) == ("set", "the file is late", {"loading": True})
    assert change["product"] == {"account": "main", "keystandard": "qrcode", "keystr": "moment-frame"}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("batch=99", 404),
        ("batch=x", 422),
        ("batch=99999999999999999999", 422),
        ("code=zz", 422),
        ("code=" + "z" * 20, 422),
        ("keystandard=qrcode", 422),
        ("account=main", 422),
        ("batch=1&keystandard=qrcode&keystr=moment-frame", 422),
        ("keystandard=qrcode&keystr=nothing", 404),
        ("limit=0", 422),
        ("limit=1001", 422),
        ("limit=1&limit=2", 422),
        ("colour=red", 422),
    ],
)
def test_a_choice_that_cannot_be_made_is_a_problem(shared_api: Api, query: str, status: int) -> None:
    assert shared_api.problem("GET", f"/changes?{query}")["status"] == status


def test_a_change_that_never_was_is_not_there(shared_api: Api) -> None:
    assert shared_api.problem("GET", "/changes/999")["status"] == 404
