from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from scanhook.clock import FixedClock
from scanhook.errors import Refused, StorageError, WechatRefused, WechatUnreachable
from scanhook.wechat import Upload
from scanhook.wechat.live_goods import GoodsChange, GoodsDraft
from scanhook.wechat.live_keeper import LiveGoodsKeeper
from scanhook.wechat.live_ledger import KeptGoods
from scanhook.wechat.live_price import GoodsPrice, PriceType
from tests.wechat.scripted import Call, ScriptedApi

AT = 1795312800
"""2026-11-22 10:00 in China."""
APP_ID = "wxee9f94a3360ad25f"
DAY = "2026-11-22"
ADDED = {"goodsId": 51, "auditId": 525022786, "errcode": 0}
"""The answer of live-goods-add.md."""
CUP = GoodsDraft(
    media_id="ZuYVNKk9sMP1X4m7FXdcDCKra251KDZTjS502UTV7gwalgLZXcrOhG6oNYX6c7AR",
    name="TIT茶杯",
    price=GoodsPrice(type=PriceType.FIXED, price=Decimal("99.5")),
    path="pages/index/index",
)
KEPT = KeptGoods(app_id=APP_ID, goods_id="51", audit_id="525022786", name="TIT茶杯", errcode=0, added_at=AT)


class Ledger:
    """Keeps in memory, writes down what happens, and fails when it is told to."""

    def __init__(self, log: list[str] | None = None) -> None:
        self.log = [] if log is None else log
        self.goods: dict[str, KeptGoods] = {}
        self.counted: dict[tuple[str, str, str], int] = {}
        self.fails_at = ""

    def keep(self, goods: KeptGoods) -> None:
        self._do("keep")
        self.goods[goods.goods_id] = goods

    def find(self, app_id: str, goods_id: str) -> KeptGoods | None:
        found = self.goods.get(goods_id)
        return found if found and found.app_id == app_id else None

    def mark_deleted(self, app_id: str, goods_id: str, *, at: int) -> None:
        self._do(f"deleted {goods_id} at {at}")

    def count_call(self, app_id: str, api: str, day: str) -> int:
        self._do("count")
        key = (app_id, api, day)
        self.counted[key] = self.counted.get(key, 0) + 1
        return self.counted[key]

    def calls(self, app_id: str, api: str, day: str) -> int:
        return self.counted.get((app_id, api, day), 0)

    def _do(self, what: str) -> None:
        if self.fails_at == what:
            raise StorageError("the disk is full: make room on it")
        self.log.append(what)


class LoggedApi(ScriptedApi):
    """Writes down, in the same log, when it is called."""

    def __init__(self, log: list[str], *answers: Any) -> None:
        super().__init__(*answers)
        self._log = log

    def write(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        self._log.append("call")
        return super().write(*arguments, **named)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def _keeper(ledger: Ledger, *answers: Any) -> tuple[LiveGoodsKeeper, ScriptedApi]:
    api = LoggedApi(ledger.log, *answers)
    return LiveGoodsKeeper(api, app_id=APP_ID, ledger=ledger, clock=FixedClock(AT)), api


def _refused(code: int) -> WechatRefused:
    return WechatRefused(
        "WeChat refuses", code=code, name="x", meaning="x", remedy="x", permanent=True, rid="65a1b2c3-1"
    )


def test_goods_are_added_as_the_page_shows_and_their_ids_are_kept(ledger: Ledger) -> None:
    keeper, api = _keeper(ledger, ADDED)
    assert keeper.add(CUP) == KEPT
    assert ledger.goods == {"51": KEPT}
    assert api.calls == [Call(verb="write", path="/wxaapi/broadcast/goods/add", body={"goodsInfo": CUP.as_json()})]


def test_nothing_happens_between_the_answer_and_the_keeping(ledger: Ledger) -> None:
    _keeper(ledger, ADDED)[0].add(CUP)
    assert ledger.log == ["count", "call", "keep"]


def test_goods_whose_review_failed_are_kept_too(ledger: Ledger) -> None:
    keeper, _ = _keeper(ledger, {**ADDED, "errcode": 300021, "errmsg": "submit audit fail"})
    assert keeper.add(CUP).errcode == 300021
    assert ledger.goods["51"].audit_id == "525022786"


def test_a_failed_review_without_an_audit_id_is_kept(ledger: Ledger) -> None:
    keeper, _ = _keeper(ledger, {"goodsId": 51, "errcode": 300021})
    keeper.add(CUP)
    assert ledger.goods["51"].audit_id is None


def test_a_failed_review_without_ids_is_an_error(ledger: Ledger) -> None:
    keeper, _ = _keeper(ledger, {"errcode": 300021, "errmsg": "submit audit fail, rid: 65a1b2c3-4d5e"})
    with pytest.raises(WechatRefused) as caught:
        keeper.add(CUP)
    assert (caught.value.code, caught.value.rid, ledger.goods) == (300021, "65a1b2c3-4d5e", {})


def test_ids_that_cannot_be_kept_are_said(ledger: Ledger) -> None:
    ledger.fails_at = "keep"
    keeper, _ = _keeper(ledger, ADDED)
    with pytest.raises(StorageError, match=r"write down goodsId 51 and auditId 525022786.*the disk is full"):
        keeper.add(CUP)


def test_nothing_is_sent_when_nothing_can_be_kept(ledger: Ledger) -> None:
    ledger.fails_at = "count"
    keeper, api = _keeper(ledger, ADDED)
    with pytest.raises(StorageError, match="the disk is full"):
        keeper.add(CUP)
    assert api.calls == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [(2**63 + 5, "9223372036854775813"), ("9223372036854775813", "9223372036854775813"), ("g-51_x", "g-51_x")],
)
@pytest.mark.parametrize("errcode", [0, 300013, 300021, -1, "0"])
def test_ids_are_kept_whatever_they_are_made_of(ledger: Ledger, given: object, kept: str, errcode: object) -> None:
    keeper, _ = _keeper(ledger, {"goodsId": given, "auditId": given, "errcode": errcode, "errmsg": "submit audit fail"})
    added = keeper.add(CUP)
    assert ledger.goods == {kept: added}
    assert (added.goods_id, added.audit_id, added.errcode) == (kept, kept, int(str(errcode)))


@pytest.mark.parametrize("audit_id", [None, [], True, 0, "", "x" * 65, "a\x00b"])
def test_an_audit_id_that_cannot_be_read_does_not_cost_the_goods(ledger: Ledger, audit_id: object) -> None:
    keeper, _ = _keeper(ledger, {**ADDED, "auditId": audit_id})
    assert keeper.add(CUP) == replace(KEPT, audit_id=None)
    assert ledger.goods["51"].audit_id is None


@pytest.mark.parametrize(
    ("answer", "gave"),
    [
        ({"errcode": 0}, "gave none"),
        ({"goodsId": 0, "errcode": 0}, "gave goodsId 0"),
        ({"goodsId": [7], "auditId": 525022786, "errcode": 300013}, r"gave goodsId \[7\], auditId 525022786"),
        ({"goodsId": 9.5e18, "auditId": "x"}, r'gave goodsId 9\.5e\+18, auditId "x"'),
        ({"goodsId": "a\x00b"}, r'gave goodsId "a\\u0000b"'),
    ],
    ids=range(5),
)
def test_ids_that_cannot_be_kept_stand_in_the_error(ledger: Ledger, answer: dict[str, Any], gave: str) -> None:
    keeper, _ = _keeper(ledger, answer)
    with pytest.raises(WechatUnreachable, match=rf"goods/add: .*goodsId is not an id; WeChat {gave}") as caught:
        keeper.add(CUP)
    assert caught.value.acted is None


def test_an_audit_id_of_a_later_submission_is_never_lost(ledger: Ledger) -> None:
    keeper, _ = _keeper(ledger, {"auditId": "a-7"}, {"auditId": {"id": 7}})
    assert keeper.submit_again("51") == "a-7"
    with pytest.raises(WechatUnreachable, match=r'goods/audit: .*auditId is not an id; WeChat gave auditId {"id": 7}'):
        keeper.submit_again("51")


def test_ids_go_out_as_they_came_in(ledger: Ledger) -> None:
    keeper, api = _keeper(ledger, {}, {})
    keeper.delete("9223372036854775813")
    keeper.delete("007")
    assert api.bodies == [{"goodsId": 2**63 + 5}, {"goodsId": "007"}]


def test_every_call_is_counted_by_the_day_in_china(ledger: Ledger) -> None:
    keeper, _ = _keeper(ledger, ADDED, _refused(300004), {"auditId": 7, "errcode": 0})
    keeper.add(CUP)
    with pytest.raises(WechatRefused):
        keeper.add(CUP)
    keeper.submit_again("51")
    assert keeper.submissions_today() == 3
    assert ledger.counted == {(APP_ID, "live goods submission", DAY): 3}


def test_submitting_again_keeps_the_new_audit_id(ledger: Ledger) -> None:
    ledger.goods["51"] = KEPT
    keeper, api = _keeper(ledger, {"errcode": 0, "auditId": 525022184})
    assert keeper.submit_again("51") == "525022184"
    assert ledger.goods["51"] == KeptGoods(
        app_id=APP_ID, goods_id="51", audit_id="525022184", name="TIT茶杯", errcode=0, added_at=AT
    )
    assert api.calls == [Call(verb="write", path="/wxaapi/broadcast/goods/audit", body={"goodsId": 51})]


def test_a_review_is_withdrawn_by_the_kept_audit_id_or_a_given_one(ledger: Ledger) -> None:
    ledger.goods["51"] = KEPT
    keeper, api = _keeper(ledger, {"errcode": 0}, {"errcode": 0})
    keeper.withdraw("51")
    keeper.withdraw("9", "525022184")
    assert api.bodies == [{"auditId": 525022786, "goodsId": 51}, {"auditId": 525022184, "goodsId": 9}]


def test_a_review_whose_audit_id_is_lost_cannot_be_withdrawn(ledger: Ledger) -> None:
    keeper, api = _keeper(ledger)
    with pytest.raises(Refused, match="no audit id of the goods 51 is kept here"):
        keeper.withdraw("51")
    assert api.calls == []


def test_a_change_and_a_deletion_name_the_goods(ledger: Ledger) -> None:
    keeper, api = _keeper(ledger, {"errcode": 0}, {"errcode": 0})
    keeper.update("51", GoodsChange(name="茶壶"))
    keeper.delete("51")
    assert [(call.path, call.body) for call in api.calls] == [
        ("/wxaapi/broadcast/goods/update", {"goodsInfo": {"goodsId": 51, "name": "茶壶"}}),
        ("/wxaapi/broadcast/goods/delete", {"goodsId": 51}),
    ]
    assert ledger.log[-1] == f"deleted 51 at {AT}"


def test_goods_that_wechat_did_not_delete_stay(ledger: Ledger) -> None:
    keeper, _ = _keeper(ledger, _refused(300014))
    with pytest.raises(WechatRefused):
        keeper.delete("51")
    assert ledger.log == ["call"]


@pytest.mark.parametrize(("created", "valid_until"), [({"created_at": 1795312000}, 1795571200), ({}, AT + 259200)])
def test_a_picture_is_valid_for_three_days(ledger: Ledger, created: dict[str, int], valid_until: int) -> None:
    keeper, api = _keeper(ledger, {"type": "image", "media_id": "MEDIA_ID", **created})
    picture = Upload(filename="goods.png", content=b"png", content_type="image/png")
    uploaded = keeper.upload_picture(picture)
    assert (uploaded.media_id, uploaded.valid_until) == ("MEDIA_ID", valid_until)
    assert api.calls == [Call(verb="upload", path="/cgi-bin/media/upload", body=picture, query={"type": "image"})]
