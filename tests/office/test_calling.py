from __future__ import annotations

import pytest

from scanhook.errors import Refused, StorageError
from scanhook.office.calling import open_wechat
from scanhook.settings import House, load_settings
from scanhook.wechat import System
from tests.wechat.loopback import Asked, Peer, answer, peer


def house_at(house: House, wechat: Peer) -> House:
    (house.base / "secrets" / "main.app_secret").write_text("s3cret")
    house.path.write_text(
        house.path.read_text() + f'\n[wechat]\napi_base = "{wechat.base}"\nwecom_base = "{wechat.base}"\n'
        '[catalog.albums]\ncorp_id = "ww1"\ncorp_secret = "c0rp"\n'
    )
    return load_settings(house.path)


def script(asked: Asked) -> bytes:
    if asked.path in ("/cgi-bin/stable_token", "/cgi-bin/gettoken"):
        return answer({"errcode": 0, "access_token": f"of {asked.path}".replace(" ", "-"), "expires_in": 7200})
    return answer({"errcode": 0, "token": asked.token})


def test_two_commands_share_one_token(house: House) -> None:
    with peer(script) as wechat:
        settings = house_at(house, wechat)
        for _ in range(2):
            with open_wechat(settings, System.PAGES) as api:
                assert api.read("/scan/product/get", {})["token"] == "of-/cgi-bin/stable_token"

    assert wechat.paths == ["/cgi-bin/stable_token", "/scan/product/get", "/scan/product/get"]


def test_albums_go_to_wecom_with_a_token_of_their_own(house: House) -> None:
    with peer(script) as wechat, open_wechat(house_at(house, wechat), System.ALBUMS) as api:
        assert api.read("/cgi-bin/externalcontact/get_product_album", {})["token"] == "of-/cgi-bin/gettoken"

    assert wechat.asked[0].query == {"corpid": "ww1", "corpsecret": "c0rp"}


def test_settings_that_do_not_say_who_calls_are_refused(house: House) -> None:
    with pytest.raises(Refused, match=r"write \[catalog\.window\]"), open_wechat(house, System.WINDOW):
        pass


def test_without_a_storage_there_is_nowhere_to_keep_a_token(house: House) -> None:
    (house.base / "data" / "office.db").unlink()
    with pytest.raises(StorageError, match="office"), open_wechat(house, System.PAGES):
        pass
