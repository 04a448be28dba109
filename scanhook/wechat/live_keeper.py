"""Adds live goods and submits them for review (``live-goods-add.md``, facts.md 5.3), and keeps what WeChat answers.

The caller is the mini program, or a third-party platform with permission set 52. The API works only on goods that were
added through it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scanhook.clock import Clock
from scanhook.errors import Refused, StorageError, WechatUnreachable
from scanhook.wechat.answer import Answer
from scanhook.wechat.api import Api, Upload
from scanhook.wechat.live_goods import GoodsChange, GoodsDraft, written_id
from scanhook.wechat.live_ledger import KeptGoods, LiveLedger, china_day
from scanhook.wechat.server import errcode_of

__all__ = ["MEDIA_VALID_S", "SUBMISSION", "LiveGoodsKeeper", "UploadedPicture"]

MEDIA_VALID_S = 3 * 86400
SUBMISSION = "live goods submission"
"""Under which name the calls that share a quota are counted."""

_FAMILY = "/wxaapi/broadcast/goods"
_UPLOAD = "/cgi-bin/media/upload"
_ID_MAX_CHARS = 64
_SHOWN_MAX_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedPicture:
    """A picture that went up as temporary material.

    :param valid_until: seconds since 1970; goods can be added with it before.
    """

    media_id: str
    valid_until: float


class LiveGoodsKeeper:
    """What can be ordered of live goods; what WeChat answers is kept before anything else happens.

    :param api: of ``api.weixin.qq.com``.
    :param app_id: of the mini program that calls.
    :param ledger: keeps the ids, and counts the day's calls.
    """

    def __init__(self, api: Api, *, app_id: str, ledger: LiveLedger, clock: Clock) -> None:
        self._api = api
        self._app_id = app_id
        self._ledger = ledger
        self._clock = clock

    def upload_picture(self, picture: Upload) -> UploadedPicture:
        """Send a picture up as temporary material, which is valid for three days.

        :param picture: from :func:`~scanhook.wechat.live_picture.live_picture`.
        :raises WechatError: when WeChat does not take it.
        """
        answer = Answer(self._api.upload(_UPLOAD, picture, query={"type": "image"}), path=_UPLOAD)
        made = answer.whole("created_at") if answer.has("created_at") else self._clock.now()
        return UploadedPicture(media_id=answer.id("media_id"), valid_until=made + MEDIA_VALID_S)

    def add(self, draft: GoodsDraft) -> KeptGoods:
        """Add goods, and submit them for review: one call of the day's 500. It is never made twice.

        :returns: the goods as they are kept. Their ``errcode`` is not 0 when they were added and their review failed.
        :raises StorageError: when nothing can be written, and then nothing was sent; or when what WeChat answered could
            not be kept, and then the sentence holds the ids.
        :raises WechatUnreachable: when nobody knows whether they were added, with ``acted`` ``None``: look among the
            goods in review. The sentence holds what came in the place of the ids.
        :raises WechatRefused: when WeChat did not add them.
        """
        path = f"{_FAMILY}/add"
        self._count()
        found = self._api.write(path, {"goodsInfo": draft.as_json()}, must_not_be_lost=_bears_goods)
        goods = KeptGoods(
            app_id=self._app_id,
            goods_id=_id_of(found, "goodsId", path=path),
            audit_id=_id_or_none(found, "auditId"),
            name=draft.name,
            errcode=errcode_of(found),
            added_at=int(self._clock.now()),
        )
        self._keep(goods)
        return goods

    def submit_again(self, goods_id: str) -> str:
        """Submit goods for review again whose review was withdrawn; it counts among the day's 500.

        :returns: the new audit id, which is kept for goods that this house added.
        :raises WechatError: when WeChat does not do it; as for :meth:`add`, like the errors of the storage.
        """
        path = f"{_FAMILY}/audit"
        self._count()
        audit_id = _id_of(self._api.write(path, {"goodsId": written_id(goods_id)}), "auditId", path=path)
        kept = self._ledger.find(self._app_id, goods_id)
        self._keep(
            KeptGoods(
                app_id=self._app_id,
                goods_id=goods_id,
                audit_id=audit_id,
                name=kept.name if kept else "",
                errcode=0,
                added_at=kept.added_at if kept else int(self._clock.now()),
            )
        )
        return audit_id

    def withdraw(self, goods_id: str, audit_id: str | None = None) -> None:
        """Take goods out of review. What their submission took of the day's 500 does not come back.

        :param audit_id: of the review; left out, the one that is kept.
        :raises Refused: when none is kept.
        :raises WechatError: when WeChat does not do it.
        """
        if audit_id is None:
            kept = self._ledger.find(self._app_id, goods_id)
            audit_id = kept.audit_id if kept else None
        if audit_id is None:
            raise Refused(
                f"no audit id of the goods {goods_id} is kept here, and without it no review can be withdrawn"
            )
        self._api.write(f"{_FAMILY}/resetaudit", {"auditId": written_id(audit_id), "goodsId": written_id(goods_id)})

    def update(self, goods_id: str, change: GoodsChange) -> None:
        """Change goods: of approved ones only the price, of those in review nothing (facts.md 5.3).

        :raises WechatError: when WeChat does not do it.
        """
        self._api.write(f"{_FAMILY}/update", {"goodsInfo": {"goodsId": written_id(goods_id), **change.as_json()}})

    def delete(self, goods_id: str) -> None:
        """Delete goods for good, out of every broadcast, too.

        :raises WechatError: when WeChat does not do it.
        """
        self._api.write(f"{_FAMILY}/delete", {"goodsId": written_id(goods_id)})
        self._ledger.mark_deleted(self._app_id, goods_id, at=int(self._clock.now()))

    def submissions_today(self) -> int:
        """Return how many of today's 500 submissions went out from here; what others sent nobody here knows."""
        return self._ledger.calls(self._app_id, SUBMISSION, china_day(self._clock.now()))

    def _count(self) -> None:
        # Before the call: whether the page counts refused ones it does not say, and it shows that there is a disk.
        self._ledger.count_call(self._app_id, SUBMISSION, china_day(self._clock.now()))

    def _keep(self, goods: KeptGoods) -> None:
        try:
            self._ledger.keep(goods)
        except StorageError as error:
            raise StorageError(
                f"WeChat has them, and they could not be kept here: write down goodsId {goods.goods_id} and auditId "
                f"{goods.audit_id}, for without these ids nothing can be done with the goods ({error.why})"
            ) from error


def _bears_goods(found: Mapping[str, Any]) -> bool:
    return found.get("goodsId") not in (None, 0, "0", "")


def _id_or_none(found: Mapping[str, Any], name: str) -> str | None:
    """Return an id, whatever it is made of; ``None`` when there is none that can be kept."""
    value = found.get(name)
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if 0 < len(text) <= _ID_MAX_CHARS and text.isprintable() and text != "0" else None


def _id_of(found: Mapping[str, Any], name: str, *, path: str) -> str:
    """Return the id that an order has made.

    :raises WechatUnreachable: when there is none, with what came in its place: nobody could find it out later.
    """
    if (id_ := _id_or_none(found, name)) is not None:
        return id_
    came = ", ".join(
        f"{each} {json.dumps(found.get(each))[:_SHOWN_MAX_CHARS]}" for each in ("goodsId", "auditId") if each in found
    )
    raise WechatUnreachable(
        f"{path}: the answer is not what the page says: {name} is not an id; WeChat gave {came or 'none'}. Nobody "
        "knows whether it acted: look before you order it again.",
        acted=None,
    )
