from __future__ import annotations

from pathlib import Path

from scanhook.cli.demo_house import furnish, read_pages
from scanhook.office.calling import office_of
from scanhook.office.catalog import page_id
from scanhook.office.directory import named_systems, owners
from scanhook.sandbox.server import serve_sandbox
from scanhook.wechat import System
from tests.serving import free_port


def test_every_accounts_product_has_its_name_from_the_start(tmp_path: Path) -> None:
    port, id_ = free_port(), page_id("qrcode", "moment-frame")
    house, world = furnish(tmp_path / "demo", port=free_port(), sandbox_port=port)
    with serve_sandbox(world, port):
        read_pages(house)
    with office_of(house) as office:
        catalog = office.store.catalog
        names = {
            account: catalog.known(System.PAGES, owner, [id_])[id_].listed.name
            for account, owner in owners(house.settings).items()
        }
    assert names == {"main": "微信相框", "compat": "微信相框", "plain": "微信相框"}


def test_its_housekeeper_reads_the_pages_too(tmp_path: Path) -> None:
    house, _ = furnish(tmp_path / "demo", port=free_port(), sandbox_port=free_port())
    assert System.PAGES in named_systems(house.settings)
    assert house.settings.catalog.pages.account == "main"
