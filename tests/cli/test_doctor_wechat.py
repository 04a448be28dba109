from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain, repeat

import pytest

from scanhook.cli import doctor_wechat
from scanhook.cli.doctor_wechat import wechat_checks
from scanhook.errors import StorageError
from scanhook.office.sql_catalog import SqlCatalog
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.sandbox.page_shelf import PageShelf, Status
from scanhook.sandbox.sandbox import Sandbox
from scanhook.settings import House, load_settings
from scanhook.wechat.pages import ScanPages
from scanhook.wire.service import Service, open_service
from tests.cli.conftest import run, run_json
from tests.cli.directory import send_to

FRAME = ("qrcode", "moment-frame")


@pytest.fixture
def service(stocked: House, wechat_sandbox: Sandbox) -> Iterator[Service]:
    opened = open_service(send_to(stocked, wechat_sandbox, tables=False))
    yield opened
    opened.close()


def found(service: Service) -> dict[str, str | None]:
    return {check.name: check.fault for check in wechat_checks(service)}


def test_an_account_with_its_right_and_its_pages_is_good(service: Service) -> None:
    assert found(service) == {"scan right of main": None, "product pages of main (1 of 1)": None, "catalog": None}


def test_a_right_that_is_not_granted_says_so_and_what_to_do(service: Service, wechat_sandbox: Sandbox) -> None:
    wechat_sandbox.main.rights = frozenset()
    told = found(service)
    assert list(told) == ["scan right of main", "catalog"]
    assert str(told["scan right of main"]).startswith(
        "WeChat has not granted the scan right (微信扫一扫) to the account main (48001): apply for it in the "
    )


@pytest.mark.parametrize(("status", "word"), [(Status.OFF, "off"), (Status.REJECT, "reject")])
def test_a_page_that_nobody_sees_is_named(service: Service, wechat_sandbox: Sandbox, status: Status, word: str) -> None:
    wechat_sandbox.main.shelf(PageShelf).pages[FRAME].status = status
    assert found(service)["product pages of main (1 of 1)"] == (
        f"not published (on), so that consumers do not see it: qrcode/moment-frame ({word}): `scanhook pages publish`"
    )


def test_a_page_without_the_module_is_named(service: Service, wechat_sandbox: Sandbox) -> None:
    del wechat_sandbox.main.shelf(PageShelf).pages[FRAME].parts["module_info"]
    assert found(service)["product pages of main (1 of 1)"] == (
        "without the module anti_fake, so that WeChat asks for no verdict: qrcode/moment-frame: add it to module_info"
    )


def test_products_without_a_page_are_named_and_the_others_counted(service: Service, stocked: House) -> None:
    assert stocked.path.exists()
    for number in range(7):
        run("products", "add", "qrcode", f"none-{number}")
    assert str(found(service)["product pages of main (8 of 8)"]).startswith(
        "no page: qrcode/none-0, qrcode/none-1, qrcode/none-2, qrcode/none-3, qrcode/none-4 and 2 more: make it with"
    )


def test_the_state_of_all_pages_is_looked_at_and_the_module_of_some(
    service: Service, wechat_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_wechat, "MODULES_MAX", 1)
    shelf = wechat_sandbox.main.shelf(PageShelf)
    for name in ("y", "z"):
        shelf.pages["qrcode", name] = replace(shelf.pages[FRAME], keystr=name, status=Status.OFF)
        run("products", "add", "qrcode", name)
    run("products", "add", "qrcode", "none")
    assert found(service)["product pages of main (4 of 4, the module anti_fake of 1)"] == (
        "no page: qrcode/none: make it with `scanhook pages create`, or correct keystandard and keystr; "
        "not published (on), so that consumers do not see it: qrcode/y (off), qrcode/z (off): `scanhook pages publish`"
    )


@pytest.mark.parametrize(
    ("ticks", "name"),
    [
        ((0, 1, 1), "product pages of main (not asked: WeChat takes too long)"),
        ((0, 1, 1, 2, 11), "product pages of main (1 of 2, the module anti_fake of 0)"),
        ((0, 1, 1, 11, 12), "product pages of main (1 of 2)"),
    ],
)
def test_what_there_is_no_time_for_is_not_called_good(service: Service, ticks: tuple[int, ...], name: str) -> None:
    run("products", "add", "qrcode", "none")
    times = chain(ticks, repeat(30))
    assert name in [check.name for check in wechat_checks(service, monotonic=lambda: float(next(times)))]


def test_an_account_without_products_is_not_called_good(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqliteRegistry, "products", lambda _registry: iter(()))
    assert found(service)["product pages of main (not asked: the registry has no product of it)"] is None


def test_a_list_that_changes_meanwhile_is_no_reason_to_call_a_page_missing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScanPages, "every", lambda _pages: iter(()))
    assert found(service)["product pages of main (1 of 1)"] is None


def test_a_slow_wechat_is_not_waited_for(service: Service) -> None:
    ticks = iter((0.0, *(30.0 for _ in range(9))))
    told = [check.name for check in wechat_checks(service, monotonic=lambda: next(ticks))]
    assert told == ["scan right of main (not asked: WeChat takes too long)", "catalog"]


def test_a_wechat_that_answers_nothing_is_told_and_stops_nothing(service: Service, wechat_sandbox: Sandbox) -> None:
    wechat_sandbox.break_calls("html", calls=None, path="/scan/")
    told = found(service)
    assert list(told) == ["scan right of main", "catalog"]
    assert str(told["scan right of main"]).endswith("Pushes are answered all the same; tickets cannot be checked")


def test_a_house_without_a_secret_is_not_asked_about(shop: House) -> None:
    assert shop.path.exists()
    checks = {check["check"]: check["fault"] for check in run_json("doctor")}
    [told] = [name for name in checks if name.startswith("scan right of main (not asked: ")]
    assert told.startswith("scan right of main (not asked: [accounts.main] has no app_secret, and WeChat gives no")
    assert checks[told] is None


def test_a_sync_that_failed_is_told(service: Service, wechat_sandbox: Sandbox) -> None:
    wechat_sandbox.main.rights = frozenset()
    run("catalog", "sync", "--system", "pages", code=1)
    told = str(found(service)["catalog"])
    assert told.startswith("its last sync failed: pages: /scan/product/getlist: WeChat answers 48001")
    assert told.endswith("`scanhook catalog sync` tries again")


def test_a_sync_of_an_owner_who_calls_no_more_is_not_told(
    service: Service, stocked: House, wechat_sandbox: Sandbox
) -> None:
    wechat_sandbox.main.rights = frozenset()
    run("catalog", "sync", "--system", "pages", code=1)
    text = stocked.path.read_text()
    stocked.path.write_text(text.replace(wechat_sandbox.main.app_id, "wx0000000000000009"))
    later = open_service(load_settings(stocked.path))
    with closing(later):
        assert found(service)["catalog"] is not None
        assert found(later)["catalog"] is None


def test_pages_that_cannot_be_had_are_told(service: Service, wechat_sandbox: Sandbox) -> None:
    wechat_sandbox.break_calls("html", calls=None, path="/scan/product/get")
    told = found(service)
    assert told["scan right of main"] is None
    assert str(told["product pages of main"]).startswith("/scan/product/getlist: ")


def test_a_page_call_that_is_refused_is_told(service: Service, wechat_sandbox: Sandbox) -> None:
    wechat_sandbox.break_calls("quota", calls=None, path="/scan/product/get")
    assert str(found(service)["product pages of main"]).startswith("/scan/product/getlist: WeChat answers 45009")


def test_a_catalog_that_cannot_be_read_is_told(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_catalog: SqlCatalog) -> None:
        raise StorageError("the disk gave an error")

    monkeypatch.setattr(SqlCatalog, "syncs", broken)
    assert found(service)["catalog"] == "the disk gave an error"
