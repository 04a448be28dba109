"""What the commands on live goods work with: the API, the kept ids, and the day's count."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from scanhook.cli.common import utc
from scanhook.clock import SystemClock
from scanhook.errors import WechatError, WechatUnreachable
from scanhook.office import LiveStore
from scanhook.office.calling import office_of
from scanhook.settings import House
from scanhook.wechat import Api, System, Upload
from scanhook.wechat.live_keeper import LiveGoodsKeeper
from scanhook.wechat.live_ledger import SUBMISSIONS_A_DAY, KeptGoods, next_china_day
from scanhook.wechat.opening import caller_of

__all__ = ["LiveDesk", "open_desk", "picture_is_up", "warn_of_quota"]

_SAID_FROM = SUBMISSIONS_A_DAY - 50


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveDesk:
    """What a command works with.

    :param app_id: of the mini program that calls.
    """

    api: Api
    keeper: LiveGoodsKeeper
    store: LiveStore
    app_id: str

    def kept(self) -> Iterator[KeptGoods]:
        """Yield the goods that were added here, page by page."""
        after = ""
        while page := self.store.kept(self.app_id, after=after):
            yield from page
            after = page[-1].goods_id


@contextmanager
def open_desk(house: House, account: str | None) -> Iterator[LiveDesk]:
    """Open what a command works with.

    :raises Refused: when the settings do not say who calls.
    """
    app_id = caller_of(house.settings, System.LIVE, account=account).app_id
    with office_of(house) as office, office.api(System.LIVE, account=account) as api:
        keeper = LiveGoodsKeeper(api, app_id=app_id, ledger=office.store.live, clock=office.keep.clock)
        yield LiveDesk(api=api, keeper=keeper, store=office.store.live, app_id=app_id)


@contextmanager
def picture_is_up(keeper: LiveGoodsKeeper, picture: Upload | str | None) -> Iterator[str]:
    """Give the media id of a picture, which goes up first when it is a file; without one, an empty text.

    When what is done with it fails, it is said what went up, so that it need not go up again.
    """
    up, media_id = (keeper.upload_picture(picture), "") if isinstance(picture, Upload) else (None, picture or "")
    try:
        yield up.media_id if up else media_id
    except WechatError as error:
        if up:
            _note(
                f"the picture is up, and can be used until {utc(up.valid_until)}: --media-id {shlex.quote(up.media_id)}"
            )
        if isinstance(error, WechatUnreachable) and error.acted is None:
            _note("nobody knows whether it was done: look with `scanhook live list`")
        raise


def warn_of_quota(keeper: LiveGoodsKeeper) -> None:
    """Say so when few of the day's submissions are left by our own count."""
    used = keeper.submissions_today()
    if used >= _SAID_FROM:
        left = max(SUBMISSIONS_A_DAY - used, 0)
        _note(
            f"{used} of today's {SUBMISSIONS_A_DAY} submissions went out from here, {left} are left; by China's clock "
            f"the next day begins at {utc(next_china_day(SystemClock().now()))}"
        )


def _note(text: str) -> None:
    click.secho(f"note: {text}", fg="yellow", err=True)
