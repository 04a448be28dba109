"""The demo's house: an account in each mode, sample codes, and a sandbox WeChat that knows the same accounts."""

from __future__ import annotations

import secrets
from contextlib import closing
from pathlib import Path

from scanhook.cli.common import storage_of
from scanhook.cli.init import NewHouse, make_house
from scanhook.cli.sandbox_house import house_tenants, missing_lines
from scanhook.office.calling import office_of
from scanhook.office.directory import open_source
from scanhook.office.syncing import sync_system
from scanhook.registry import import_codes
from scanhook.sandbox.phone import Sample
from scanhook.sandbox.scan import Item
from scanhook.sandbox.stocking import stock
from scanhook.sandbox.world import World
from scanhook.settings import House, load_settings
from scanhook.wechat import System

__all__ = ["KEY", "SAMPLES", "callback_url", "furnish", "item", "read_pages"]

KEY = "qrcode/moment-frame"
_CODES = """\
keystandard,keystr,extinfo,status,batch
qrcode,moment-frame,GENUINE0001,active,autumn
qrcode,moment-frame,GENUINE0002,active,autumn
qrcode,moment-frame,PRINTED0003,inactive,winter
"""
_APP_ID, _ORIGINAL_ID = "wxba5fad812f8e6fb9", "gh_fbe8a958756e"
_OTHERS = {"compat": ("wxba5fad812f8e6fba", "gh_fbe8a958756f"), "plain": ("wxba5fad812f8e6fbb", "gh_fbe8a9587570")}
"""An account's mode is pinned in the service, so each mode has an account of its own."""


def item(ext_info: str) -> Item:
    """Return an item of the sample product."""
    key_standard, _, key_str = KEY.partition("/")
    return Item(key_standard=key_standard, key_str=key_str, ext_info=ext_info)


SAMPLES = (
    Sample(item=item("GENUINE0001"), english="A genuine item", chinese="正品"),
    Sample(item=item("COPIED99999"), english="A code that nobody printed", chinese="仿冒码"),
    Sample(item=item("PRINTED0003"), english="Printed, not on sale yet", chinese="已印刷，未激活"),  # noqa: RUF001  (Chinese)
    Sample(item=item(""), english="No code on it", chinese="没有防伪码"),
)


def furnish(folder: Path, *, port: int, sandbox_port: int) -> tuple[House, World]:
    """Make the house, and the world that its accounts live in.

    :param port: where the service will listen, and ``sandbox_port`` the sandbox.
    """
    new = NewHouse(app_id=_APP_ID, original_id=_ORIGINAL_ID, app_secret=secrets.token_hex(16), bind=f"127.0.0.1:{port}")
    path = make_house(folder, new)
    _append(path, _more_accounts(load_settings(path)))
    house = load_settings(path)
    world = World(house_tenants(house))
    world.base_url = f"http://127.0.0.1:{sandbox_port}"
    _append(path, "\n".join(missing_lines(house, world)))
    house = load_settings(path)
    stock(world)
    file = folder / "codes.csv"
    file.write_text(_CODES, encoding="utf-8")
    with storage_of(house) as storage:
        for name in house.settings.accounts:
            import_codes(storage.registry, file, pepper=storage.pepper, account=name)
    return house, world


def read_pages(house: House) -> None:
    """Read every account's pages into the directory, so that its landing page names the product from the first scan.

    The housekeeper reads those of ``[catalog.pages]`` only, which names one account.

    :raises WechatError: when the sandbox, which must run, does not answer.
    """
    with office_of(house) as office:
        for name in house.settings.accounts:
            clock = office.keep.clock
            api, source = open_source(house.settings, System.PAGES, keep=office.keep, clock=clock, account=name)
            with closing(api):
                sync_system(office.store.catalog, source, clock=clock)


def callback_url(house: House) -> str:
    """Return the callback URL of the first account."""
    return f"http://{house.settings.service.bind}/wechat/callback"


def _more_accounts(house: House) -> str:
    main = house.settings.accounts["main"]
    return "".join(
        f"""
[accounts.{mode}]
app_id = "{app_id}"
original_id = "{original_id}"
token = "{main.token.get_secret_value()}"
encoding_aes_key = "{main.encoding_aes_key.get_secret_value()}"
app_secret = "{secrets.token_hex(16)}"
mode = "{mode}"
"""
        for mode, (app_id, original_id) in _OTHERS.items()
    )


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{text}")
