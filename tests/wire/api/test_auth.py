from __future__ import annotations

import pytest

from scanhook.clock import SystemClock
from scanhook.office import KeyScope, open_office
from scanhook.storage import Pepper
from scanhook.wire.api import OPERATIONS
from scanhook.wire.service import storage_url
from tests.wire.api.conftest import Api

NEEDED = {
    "list_products": "read",
    "add_product": "admin",
    "show_product": "read",
    "set_product": "admin",
    "list_batches": "read",
    "show_batch": "read",
    "list_changes": "read",
    "show_change": "read",
    "change": "operate",
    "undo_change": "operate",
    "change_codes": "operate",
    "check_code": "read",
    "upload_codes": "operate",
    "list_imports": "read",
    "show_import": "read",
    "list_rejects": "read",
    "resume_import": "operate",
    "list_scans": "read",
    "count_scans": "read",
    "judge_code": "operate",
    "list_catalog": "read",
    "list_catalog_syncs": "read",
    "list_ties": "read",
    "tie_product": "admin",
    "untie_product": "admin",
    "check_ticket": "read",
    "describe": None,
}
BELOW = {"operate": "read", "admin": "operate"}


def test_every_operation_needs_its_scope() -> None:
    assert {operation.id: operation.scope for operation in OPERATIONS} == NEEDED


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.scope], ids=lambda each: each.id)
def test_a_key_of_a_lower_scope_is_refused_before_anything_else(shared_api: Api, operation: object) -> None:
    path, method, scope = operation.path, operation.method, operation.scope  # type: ignore[attr-defined]
    path = path.replace("{id}", "1").replace("{", "").replace("}", "")
    assert shared_api.problem(method, path, scope=None)["status"] == 401
    if scope in BELOW:
        told = shared_api.problem(method, path, scope=BELOW[scope])
        assert told["status"] == 403
        assert told["detail"] == f"this needs a key of the scope `{scope}`, and yours has `{BELOW[scope]}`"


def test_a_refusal_says_how_to_ask(shared_api: Api) -> None:
    without = shared_api("GET", "/products", scope=None)
    assert without.headers["WWW-Authenticate"] == 'Bearer realm="scanhook"'
    lower = shared_api("POST", "/products", {}, scope="read")
    assert lower.headers["WWW-Authenticate"] == 'Bearer realm="scanhook", error="insufficient_scope", scope="admin"'


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic c2g6eA==",
        "Bearer sh_",
        "Bearer sh_AAAAAAAAAA_" + "B" * 43,
        "Bearer ключ",
        "sh_AAAAAAAAAA_" + "B" * 43,
    ],
)
def test_what_is_no_key_of_ours_lets_nobody_in(shared_api: Api, caplog: pytest.LogCaptureFixture, header: str) -> None:
    response = shared_api.client.get("/api/v1/products", headers={"Authorization": header.encode().decode("latin1")})
    assert (response.status_code, response.mimetype) == (401, "application/problem+json")
    (record,) = caplog.records
    assert "event=refused status=401 reason=key" in record.getMessage()
    assert "sh_" not in record.getMessage()


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_scheme_may_be_written_anyhow(shared_api: Api, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {shared_api.keys['read']}"}
    assert shared_api.client.get("/api/v1/products", headers=headers).status_code == 200


def test_a_revoked_key_is_refused_at_once(api: Api) -> None:
    api.get("/products", scope="read")
    pepper = Pepper.load(api.house.pepper_path)
    office = open_office(storage_url(api.house), pepper=pepper, clock=SystemClock())
    office.revoke_key(f"{KeyScope.READ}-key")
    office.close()
    response = api("GET", "/products", scope="read")
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
