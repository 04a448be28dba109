from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scanhook.errors import Refused
from scanhook.office.directory import check_meant, named_systems, owners
from scanhook.settings import House, load_settings
from scanhook.wechat import System


def settings_with(house: House, tables: str) -> Any:
    text = house.path.read_text()
    house.path.write_text(f"{text}\n{tables}\n")
    Path(house.base / "secrets" / "main.app_secret").write_text("secret")
    return load_settings(house.path).settings


def test_without_a_table_no_system_is_named(house: House) -> None:
    assert named_systems(house.settings) == ()


def test_the_systems_with_a_table_are_named(house: House) -> None:
    settings = settings_with(house, '[catalog.union]\nquery = "茶"\n[catalog.pages]\naccount = "main"')
    assert named_systems(settings) == (System.PAGES, System.UNION)


def test_each_account_owns_its_pages(house: House) -> None:
    assert owners(house.settings) == {"main": "wxba5fad812f8e6fb9"}


def test_the_union_is_not_meant_as_a_whole(house: House) -> None:
    settings = settings_with(house, '[catalog.union]\naccount = "main"')
    with pytest.raises(Refused, match=r"write shop_app_ids or query into \[catalog\.union\]"):
        check_meant(settings, System.UNION)


@pytest.mark.parametrize("choice", ['query = "茶"', 'shop_app_ids = ["wxee9f94a3360ad25f"]'])
def test_the_union_is_meant_by_shops_or_words(house: House, choice: str) -> None:
    check_meant(settings_with(house, f'[catalog.union]\naccount = "main"\n{choice}'), System.UNION)


@pytest.mark.parametrize("system", [System.ALBUMS, System.WINDOW, System.LIVE, System.UNION])
def test_a_system_that_the_settings_do_not_speak_of_is_not_meant(house: House, system: System) -> None:
    with pytest.raises(Refused, match=rf"\[catalog\.{system}\]"):
        check_meant(house.settings, system)
