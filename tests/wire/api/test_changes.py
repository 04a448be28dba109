from __future__ import annotations

from typing import Any

import pytest

from scanhook import create_app
from scanhook.settings import load_settings
from tests.wire.api.conftest import GENUINE, Api

AUTUMN = {"keystandard": "qrcode", "keystr": "moment-frame", "batch": "autumn"}
PRODUCT_TARGET = {"keystandard": "qrcode", "keystr": "moment-frame"}


def order(action: str, target: dict[str, Any] | None = None, *, level: str = "batch", **more: Any) -> dict[str, Any]:
    return {"action": action, "level": level, "targets": [target or AUTUMN], "why": "because", **more}


def reason(api: Api, extinfo: str = "GENUINE0001") -> str:
    return str(api.post("/codes/check", GENUINE | {"extinfo": extinfo})["reason"])


def confirm_above(api: Api, codes: int) -> Api:
    """Return an application over the same storage with another limit."""
    text = api.house.path.read_text()
    api.house.path.write_text(f"{text}\n[registry]\nconfirm_above = {codes}\n")
    house = load_settings(api.house.path)
    return Api(house=house, client=create_app(house).test_client(), keys=api.keys)


def test_a_batch_is_recalled_and_the_recall_is_taken_back(api: Api) -> None:
    made = api("POST", "/changes", order("recall", why="a glass shard"), scope="operate")
    assert made.json is not None
    change = made.json
    assert made.headers["Location"] == f"/api/v1/changes/{change['id']}"
    assert {name: change[name] for name in ("who", "why", "action", "level", "batch", "codes", "undoes")} == {
        "who": "api:operate-key",
        "why": "a glass shard",
        "action": "recall",
        "level": "batch",
        "batch": "autumn",
        "codes": 2,
        "undoes": None,
    }
    assert reason(api) == "recalled"
    undone = api.post(f"/changes/{change['id']}/undo", {"why": "it was another batch"}, scope="operate")
    assert (undone["action"], undone["undoes"], undone["who"]) == ("undo", change["id"], "api:operate-key")
    assert reason(api) == "active"
    assert api.get(f"/changes/{change['id']}")["undone_by"] == undone["id"]


def test_a_product_a_range_and_an_issued_batch_change_their_state(api: Api) -> None:
    api.post("/changes", order("suspend", PRODUCT_TARGET, level="product"))
    assert [reason(api, code) for code in ("GENUINE0001", "GENUINE0002")] == ["suspended", "suspended"]
    api.post("/changes", order("activate", PRODUCT_TARGET, level="product"))
    api.post("/changes", order("void", AUTUMN | {"first": 2, "last": 2}, level="range"))
    assert [reason(api, code) for code in ("GENUINE0001", "GENUINE0002")] == ["active", "void"]
    api.post("/changes", order("activate", PRODUCT_TARGET | {"batch": "winter"}))
    assert reason(api, "PRINTED0003") == "active"


@pytest.mark.parametrize("batch", [{}, {"batch": "autumn"}])
def test_a_range_can_go_from_code_to_code(api: Api, batch: dict[str, str]) -> None:
    target = PRODUCT_TARGET | batch | {"first_code": "GENUINE0001", "last_code": "GENUINE0002"}
    assert api.post("/changes", order("stolen", target, level="range"))["codes"] == 2
    assert [reason(api, code) for code in ("GENUINE0001", "GENUINE0002")] == ["stolen", "stolen"]


def test_an_activation_can_be_set_for_a_time(api: Api) -> None:
    target = PRODUCT_TARGET | {"batch": "winter"}
    change = api.post("/changes", order("activate", target, at="2100-01-01T08:00:00+08:00"))
    assert change["takes_effect_at"] == "2100-01-01T00:00:00Z"
    assert reason(api, "PRINTED0003") == "not_active"


def test_single_codes_change_together(api: Api) -> None:
    codes = [GENUINE, GENUINE | {"extinfo": "PRINTED0003"}]
    change = api.post("/codes/changes", {"action": "stolen", "codes": codes, "why": "a van"}, scope="operate")
    assert (change["level"], change["codes"]) == ("code", 2)
    assert [reason(api, code) for code in ("GENUINE0001", "GENUINE0002", "PRINTED0003")] == [
        "stolen",
        "active",
        "stolen",
    ]
    checked = api.post("/codes/check", GENUINE)
    assert [change["action"] for change in checked["changes"]] == ["stolen"]
    assert [change["action"] for change in api.get(f"/changes?code={checked['code']}")["items"]] == ["stolen"]


def test_a_list_with_an_unknown_code_changes_nothing_and_names_its_place(api: Api) -> None:
    body = {"action": "void", "codes": [GENUINE, GENUINE | {"extinfo": "COPIED99999"}], "why": "x"}
    response = api("POST", "/codes/changes", body)
    assert response.json is not None
    assert response.json["errors"] == [{"field": "codes.1", "message": "this code is not registered"}]
    assert response.json["detail"] == "1 of the codes are not registered; nothing was changed"
    assert b"COPIED99999" not in response.data
    assert reason(api) == "active"


def test_a_change_of_many_codes_must_be_confirmed(api: Api) -> None:
    api = confirm_above(api, 1)
    told = api.problem("POST", "/changes", order("recall"))
    assert (told["status"], told["type"], told["codes"]) == (409, "urn:scanhook:confirm", 2)
    assert (
        told["detail"]
        == "this changes 2 codes, more than 1: send it again with `confirm` true if that is what you want"
    )
    assert reason(api) == "active"
    change = api.post("/changes", order("recall", confirm=True))
    assert reason(api) == "recalled"
    assert api.problem("POST", f"/changes/{change['id']}/undo", {"why": "x"})["status"] == 409
    api.post(f"/changes/{change['id']}/undo", {"why": "x", "confirm": True})
    assert reason(api) == "active"
    body = {"action": "void", "codes": [GENUINE, GENUINE | {"extinfo": "GENUINE0002"}], "why": "x"}
    assert api.problem("POST", "/codes/changes", body)["codes"] == 2


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (order("destroy"), 422, "action"),
        (order("recall", level="code"), 422, "level"),
        (order("recall", PRODUCT_TARGET), 422, ""),
        (order("recall", AUTUMN, level="product"), 422, ""),
        (order("recall", why=""), 422, "why"),
        ({"action": "recall", "level": "batch", "targets": [], "why": "x"}, 422, "targets"),
        (order("recall", AUTUMN | {"first": 1}, level="range"), 422, "targets.0"),
        (order("recall", PRODUCT_TARGET | {"first": 1, "last": 2}, level="range"), 422, "targets.0"),
        (order("recall", AUTUMN | {"first": 0, "last": 2}, level="range"), 422, "targets.0.first"),
        (order("recall", AUTUMN | {"first_code": "A"}, level="range"), 422, "targets.0"),
        (
            order("recall", AUTUMN | {"first": 1, "last": 2, "first_code": "A", "last_code": "B"}, level="range"),
            422,
            "targets.0",
        ),
        (order("recall", AUTUMN | {"account": "nobody"}), 422, "targets.0.account"),
        (order("recall", AUTUMN | {"batch": "spring"}), 422, "targets.0.batch"),
        (order("recall", AUTUMN | {"batch": "a\x1bb"}), 422, "targets.0.batch"),
        (order("recall", why="a\x00b"), 422, "why"),
        (order("activate", at="9999-12-31T23:59:59-12:00"), 422, "at"),
        (order("activate", at="tomorrow"), 422, "at"),
        (order("activate", at="2100-01-01T08:00:00"), 422, "at"),
        (order("activate", at=4102444800), 422, "at"),
    ],
)
def test_an_order_that_cannot_be_read_names_its_field(shared_api: Api, body: object, status: int, field: str) -> None:
    told = shared_api.problem("POST", "/changes", body)
    assert (told["status"], [fault["field"] for fault in told["errors"]]) == (status, [field])


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (order("recall", AUTUMN | {"keystr": "nothing"}), 404, "there is no such product"),
        (order("recall", AUTUMN | {"first": 2, "last": 1}, level="range"), 400, "the first comes first"),
        (order("recall", AUTUMN | {"first": 1, "last": 3}, level="range"), 400, "goes beyond the batch"),
        (order("recall", at="2100-01-01T00:00:00Z"), 400, "only an activation or an expiry"),
        (order("activate", at="2001-01-01T00:00:00Z"), 400, "the time is in the past"),
        (
            order("recall", PRODUCT_TARGET | {"first_code": "GENUINE0001", "last_code": "PRINTED0003"}, level="range"),
            422,
            "some fields",
        ),
        (
            order("recall", PRODUCT_TARGET | {"first_code": "GENUINE0001", "last_code": "COPIED"}, level="range"),
            422,
            "not registered",
        ),
    ],
)
def test_an_order_that_cannot_be_carried_out_says_why(shared_api: Api, body: object, status: int, words: str) -> None:
    told = shared_api.problem("POST", "/changes", body)
    assert told["status"] == status
    assert words in told["detail"]


@pytest.mark.parametrize(
    "target",
    [
        AUTUMN | {"batch": "GENUINE0001"},
        AUTUMN | {"keystr": "GENUINE0001"},
        AUTUMN | {"batch": "GENUINE0001", "first": 1, "last": 2},
    ],
)
def test_a_code_put_where_a_name_belongs_stands_in_no_answer_and_no_log(
    shared_api: Api, caplog: pytest.LogCaptureFixture, target: dict[str, Any]
) -> None:
    caplog.set_level("INFO", logger="scanhook")
    level = "range" if "first" in target else "batch"
    response = shared_api("POST", "/changes", order("recall", target, level=level))
    assert response.status_code in (404, 422)
    assert "event=refused" in caplog.text
    assert "GENUINE0001" not in response.text + caplog.text


def test_what_the_registry_refuses_is_in_the_log_by_its_kind_only(
    shared_api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="scanhook")
    shared_api.problem("POST", "/changes", order("recall", AUTUMN | {"first": 1, "last": 3}, level="range"))
    assert "status=400 reason=request why=Refused" in caplog.text


@pytest.mark.parametrize("path", ["/changes/999/undo", "/changes/9223372036854775807/undo"])
def test_a_change_that_never_was_cannot_be_undone(shared_api: Api, path: str) -> None:
    assert shared_api.problem("POST", path, {"why": "x"})["status"] == 404


def test_a_step_that_is_not_allowed_is_refused_with_the_remedy(api: Api) -> None:
    api.post("/changes", order("void"))
    told = api.problem("POST", "/changes", order("activate"))
    assert "undo the change that made it void" in told["detail"]
