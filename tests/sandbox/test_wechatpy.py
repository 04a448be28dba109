"""The sandbox under a client of other hands, which is not changed: only its requests are led to loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from wechatpy import WeChatClient, WeChatClientException
from wechatpy.enterprise import WeChatClient as WorkClient
from wechatpy.exceptions import APILimitedException

from scanhook.sandbox.album_shelf import AlbumShelf
from scanhook.sandbox.faults import FaultKind
from scanhook.sandbox.sandbox import Sandbox
from tests.sandbox.brandpage import BRAND, KEY
from tests.sandbox.pictures import png

# wechatpy's scan calls go through methods that wechatpy itself calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`_(get|post)` method of `WeChatClient`:DeprecationWarning")

FRAME = ("qrcode", "moment-frame")
PAGE: dict[str, Any] = {**KEY, "brand_info": BRAND}


class _ToSandbox(HTTPAdapter):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._to = urlsplit(url)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        asked = urlsplit(request.url or "")
        request.url = urlunsplit((self._to.scheme, self._to.netloc, asked.path, asked.query, ""))
        return super().send(request, *args, **kwargs)


def _lead(client: Any, sandbox: Sandbox) -> Any:
    client._http.trust_env = False
    client._http.mount("https://", _ToSandbox(sandbox.url))
    return client


@pytest.fixture
def client(wechat_sandbox: Sandbox) -> Iterator[WeChatClient]:
    main = wechat_sandbox.main
    client = _lead(WeChatClient(main.app_id, main.secret), wechat_sandbox)
    yield client
    client._http.close()


def test_it_fetches_a_token(client: WeChatClient) -> None:
    fetched = client.fetch_access_token()
    assert fetched["expires_in"] == 7200
    assert client.access_token == fetched["access_token"]


def test_a_wrong_secret_is_said_so(wechat_sandbox: Sandbox, client: WeChatClient) -> None:
    client.secret = "wrong"
    with pytest.raises(WeChatClientException) as caught:
        client.fetch_access_token()
    assert caught.value.errcode == 40001


def test_it_reads_the_merchants_rights(client: WeChatClient) -> None:
    merchant = client.scan.get_merchant_info()
    assert merchant["brand_tag_list"] == ["小耿哥8", "testtag"]
    assert merchant["verified_list"][3]["verified_firm_code"] == 69300570


def test_a_page_goes_through_its_whole_life(wechat_sandbox: Sandbox, client: WeChatClient) -> None:
    main, key = wechat_sandbox.main, ("qrcode", "wxscandemo")
    pid = client.scan.create_product(PAGE)["pid"]
    assert re.fullmatch(r"[A-Za-z0-9]{11,12}", pid)
    assert client.scan.get_product(*key)["brand_info"]["base_info"]["status"] == "off"
    client.scan.publish_product(*key)
    with pytest.raises(WeChatClientException, match="63166"):
        client.scan.update_product(PAGE)
    wechat_sandbox.world.end_review(main, *key, passed=True)
    assert client.scan.get_product(*key)["brand_info"]["base_info"]["status"] == "on"
    part = {"detail_info": {"detail_list": [{"title": "设计团队", "desc": "微信团队"}]}}
    assert client.scan.update_product({**PAGE, "brand_info": part})["pid"] == pid
    assert client.scan.get_product(*key)["brand_info"]["base_info"]["status"] == "check"
    wechat_sandbox.world.end_review(main, *key, passed=True)
    client.scan.unpublish_product(*key)
    client.scan.clear_product(*key)
    with pytest.raises(WeChatClientException, match="61334"):
        client.scan.get_product(*key)


def test_it_lists_pages(client: WeChatClient) -> None:
    listed = client.scan.list_product(offset=0, limit=10, status="on")
    assert listed["total"] == 2
    assert [page["keystr"] for page in listed["key_list"]] == ["moment-frame", "6900873042720"]
    assert [page["keystr"] for page in client.scan.list_product(key="639")["key_list"]] == [
        "6390000000000",
        "6390000000002",
    ]


def test_it_sets_testers(client: WeChatClient) -> None:
    assert client.scan.set_test_whitelist(userids=["o1Pj9jmZvwSyyyyyyBa4aULW2mA"], usernames=["abcd"])["errcode"] == 0
    with pytest.raises(WeChatClientException, match="61341"):
        client.scan.set_test_whitelist(userids=[f"o{number}" for number in range(11)])


def test_it_checks_a_ticket(wechat_sandbox: Sandbox, client: WeChatClient) -> None:
    ticket = wechat_sandbox.issue_ticket(*FRAME, openid="otAzGjrS4AYCmeJM1GhEOcHXXTAo")
    assert client.scan.check_ticket(ticket) == {
        "errcode": 0,
        "errmsg": "ok",
        "keystandard": "qrcode",
        "keystr": "moment-frame",
        "openid": "otAzGjrS4AYCmeJM1GhEOcHXXTAo",
        "scene": "scan",
        "is_check": False,
        "is_contact": False,
    }
    with pytest.raises(WeChatClientException, match="61317"):
        client.scan.check_ticket("x" * 10_000)


def test_it_fetches_another_token_when_its_own_is_good_no_more(wechat_sandbox: Sandbox, client: WeChatClient) -> None:
    former = client.access_token
    wechat_sandbox.world.tokens.invalidate()
    assert client.scan.get_merchant_info()["errcode"] == 0
    assert client.access_token != former


def test_it_says_that_the_quota_is_used_up(wechat_sandbox: Sandbox, client: WeChatClient) -> None:
    wechat_sandbox.break_calls(FaultKind.QUOTA, path="/scan/")
    with pytest.raises(APILimitedException):
        client.scan.get_merchant_info()


def test_it_reads_the_addresses_that_push(client: WeChatClient) -> None:
    assert client.misc.get_wechat_ips() == ["127.0.0.1"]


def test_it_sends_up_a_picture_and_fetches_it(client: WeChatClient) -> None:
    picture = png(300, 300)
    sent = client.media.upload("image", ("cover.png", picture, "image/png"))
    assert sent["type"] == "image"
    fetched = client.media.download(sent["media_id"])
    assert fetched.content == picture
    assert fetched.headers["content-type"] == "image/png"


def test_a_companys_application_has_a_media_shelf_of_its_own(wechat_sandbox: Sandbox, client: WeChatClient) -> None:
    goods = wechat_sandbox.tenants["goods"]
    work = _lead(WorkClient(goods.app_id, goods.secret), wechat_sandbox)
    assert work.fetch_access_token()["expires_in"] == 7200
    again = work.access_token
    assert work.fetch_access_token()["access_token"] == again
    [media_id] = next(iter(goods.shelf(AlbumShelf).albums.values())).media_ids
    fetched = work.get("media/get", params={"media_id": media_id})  # its own download goes around its session
    assert fetched.content.startswith(b"\x89PNG")
    work._http.close()
    with pytest.raises(WeChatClientException, match="40007"):
        client.media.download(media_id)
