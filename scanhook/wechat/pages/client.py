"""The client of WeChat's scan product pages: every call of 微信商品管理 and of facts.md section 1 but the ticket's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from scanhook.errors import Refused, WechatRefused, WechatUnreachable
from scanhook.settings.wechat import CLEAR_PATH
from scanhook.wechat.answer import Answer
from scanhook.wechat.api import Api
from scanhook.wechat.pages.key import PageKey
from scanhook.wechat.pages.listing import Listed, PageSummary, StatusFilter, every_summary, read_listed
from scanhook.wechat.pages.merchant import MerchantInfo, read_merchant
from scanhook.wechat.pages.page import Page, PageStatus, Part, read_parts
from scanhook.wechat.pages.qrcode import QrCode
from scanhook.wechat.pages.reading import Misfit
from scanhook.wechat.pages.rules import check_creation, check_update
from scanhook.wechat.pages.whitelist import Whitelist
from scanhook.wechat.ticket import TICKET_INVALID

__all__ = ["CLEAR_PATH", "LISTED_AT_ONCE", "NO_SUCH_PAGE", "ScanPages", "Updated"]

LISTED_AT_ONCE = 50
"""How many pages are asked for at once; no page gives a limit."""

NO_SUCH_PAGE = frozenset({61303, 61304, 61308, 61334})
"""What WeChat answers where there is no page of that name."""

_MERCHANT = "/scan/merchantinfo/get"
_CREATE = "/scan/product/create"
_GET = "/scan/product/get"
_GET_LIST = "/scan/product/getlist"
_UPDATE = "/scan/product/update"
_CLEAR = "/scan/product/clear"
_MOD_STATUS = "/scan/product/modstatus"
_GET_QRCODE = "/scan/product/getqrcode"
_WHITE_LIST = "/scan/testwhitelist/set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """What became of an update.

    :param pid: the product's id in the content of its QR codes.
    :param was: the page's state before.
    """

    pid: str
    was: str | None

    @property
    def goes_into_review(self) -> bool:
        """Whether the page was published, so that the new one goes into WeChat's review by itself."""
        return self.was == PageStatus.ON


class ScanPages:
    """The scan product pages of one account. Every method raises what :class:`~scanhook.wechat.api.Api` raises.

    :param clear_path: where the scan record of a code is cleared.
    """

    def __init__(self, api: Api, *, clear_path: str = CLEAR_PATH) -> None:
        self._api = api
        self._clear_path = clear_path

    def merchant(self) -> MerchantInfo:
        """Return which categories and barcodes the account may make pages of (facts.md 1.1)."""
        return read_merchant(self._api.read(_MERCHANT), path=_MERCHANT)

    def get(self, key: PageKey) -> Page:
        """Return a page as it is (seed, 查询商品信息); what no page names is kept."""
        found = self._api.read(_GET, key.body)
        try:
            return read_parts(key, found.get("brand_info"), lenient=True)
        except Misfit as misfit:
            raise WechatUnreachable(
                f"{_GET}: the answer is not what the page says: {misfit.place} {misfit.fault}", acted=None
            ) from None

    def list(
        self,
        *,
        offset: int = 0,
        limit: int = LISTED_AT_ONCE,
        status: StatusFilter = StatusFilter.ALL,
        containing: str = "",
    ) -> Listed:
        """Return one stretch of the list of pages (seed, 批量查询商品信息).

        :param offset: of the first page that is wanted, from 0.
        :param limit: how many at most.
        :param containing: what the wanted pages' keystr contains.
        :raises Refused: when offset or limit is out of its range.
        """
        if offset < 0 or limit < 1:
            raise Refused("an offset is 0 or more, and a limit 1 or more")
        # Numbers, as every client sends them; the page's sample has them in quotes (facts.md section 0, 5).
        body: dict[str, object] = {"offset": offset, "limit": limit, "status": status.value}
        if containing:
            body["keystr"] = containing
        return read_listed(self._api.read(_GET_LIST, body), path=_GET_LIST)

    def every(
        self,
        *,
        status: StatusFilter = StatusFilter.ALL,
        containing: str = "",
        at_once: int = LISTED_AT_ONCE,
        tell: Callable[[int, int], None] = lambda _seen, _total: None,
    ) -> Iterator[PageSummary]:
        """Yield every page of the list once, also when pages come, go and change meanwhile.

        :param at_once: how many are asked for at once.
        :param tell: is told how many there were so far, and of how many.
        """
        return every_summary(
            lambda offset: self.list(offset=offset, limit=at_once, status=status, containing=containing), tell=tell
        )

    def create(self, page: Page) -> str:
        """Create a page; it is not published yet (facts.md 1.2).

        :returns: the pid: the product's id in the content of its QR codes.
        :raises Refused: when the page is not as WeChat takes it: one line for each fault.
        """
        check_creation(page)
        return Answer(self._api.write(_CREATE, page.request()), path=_CREATE).id("pid")

    def update(self, page: Page, *, parts: Iterable[Part] | None = None) -> Updated:
        """Update parts of a page, each as a whole (seed, 更新商品信息).

        :param parts: which of the page's parts; else all that it has.
        :raises Refused: when the page is in review, or a part is not as WeChat takes it.
        """
        sent = page if parts is None else page.only(parts)
        there = self.get(page.key)
        _check_not_in_review(there, "update")
        check_update(sent, there=there)
        answer = Answer(self._api.write(_UPDATE, sent.request()), path=_UPDATE)
        return Updated(pid=answer.id("pid"), was=there.status)

    def clear(self, key: PageKey) -> None:
        """Clear a page: WeChat forgets it (seed, 清除商品信息)."""
        self._api.write(_CLEAR, key.body)

    def publish(self, key: PageKey) -> None:
        """Submit a page for review; WeChat publishes it when it passes, and tells by a push (facts.md 1.3)."""
        self._api.write(_MOD_STATUS, {**key.body, "status": PageStatus.ON.value})

    def unpublish(self, key: PageKey) -> None:
        """Take a page off line (facts.md 1.3).

        :raises Refused: when it is in review.
        """
        _check_not_in_review(self.get(key), "withdrawal")
        self._api.write(_MOD_STATUS, {**key.body, "status": PageStatus.OFF.value})

    def qrcode(self, key: PageKey, *, ext_info: str = "", size: int | None = None) -> QrCode:
        """Return the QR code of a page (facts.md 1.5).

        :param ext_info: of one item; empty for the code of the product itself.
        :param size: the picture's edge in pixels; else WeChat's own, 100.
        :raises Refused: when the size is below 1.
        """
        if size is not None and size < 1:
            raise Refused("a QR code's size is 1 pixel or more")
        body: dict[str, object] = {**key.body, **({"extinfo": ext_info} if ext_info else {})}
        if size is not None:
            body["qrcode_size"] = size
        answer = Answer(self._api.read(_GET_QRCODE, body), path=_GET_QRCODE)
        return QrCode(pic_url=answer.text("pic_url", ""), qrcode_url=answer.text("qrcode_url"), ext_info=ext_info)

    def set_testers(self, testers: Whitelist) -> None:
        """Replace the whole list of those who see pages that are not published (facts.md 1.4)."""
        self._api.write(_WHITE_LIST, {"openid": [*testers.openids], "username": [*testers.usernames]})

    def request_clearing(self, key: PageKey, *, ext_info: str) -> None:
        """Ask WeChat to clear its scan record of a code (seed, 清除扫码记录).

        WeChat's answer proves nothing: the page gives the ticket check's URL for it (facts.md section 0, 1).

        :raises Refused: when WeChat took it for a ticket check.
        """
        try:
            self._api.write(self._clear_path, {**key.body, "extinfo": ext_info})
        except WechatRefused as error:
            if error.code != TICKET_INVALID:
                raise
            raise Refused(
                f"WeChat took the request at {self._clear_path} for a ticket check, and cleared nothing: its page "
                "gives one URL for both. Ask WeChat for the right one, and set it as clear_path in [wechat]"
            ) from None


def _check_not_in_review(page: Page, what: str) -> None:
    if page.status == PageStatus.CHECK:
        raise Refused(
            f"{page.key} is in review (status check), and WeChat takes no {what} until that is over: "
            "wait for its push user_scan_product_verify_action, or ask with `scanhook pages get`"
        )
