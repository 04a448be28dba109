"""The wxticket: who came from which product page (``scan-product-management.md``, 检查wxticket参数).

WeChat hangs it on a link of a product page. It says which product and which person, but not which item.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from scanhook.errors import Refused
from scanhook.wechat.answer import Answer
from scanhook.wechat.api import Api

__all__ = ["TICKET_INVALID", "TICKET_MAX_CHARS", "TICKET_PATH", "Ticket", "check_ticket", "proper_ticket"]

TICKET_PATH = "/scan/scanticket/check"
TICKET_MAX_CHARS = 512
"""The page's own has 17; nothing says how long one may be."""
TICKET_INVALID = 61317
"""WeChat's code for one that is too old, or none of the account's (facts.md 1.6)."""

_TICKET = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What WeChat says of a wxticket.

    :param key_standard: the product that the person came from, like ``key_str``; which item of it, nobody says.
    :param openid: of the person. Personal data.
    :param scene: how the product page was opened: ``scan``, or ``others`` (a chat, favourites, Moments).
    :param is_check: whether the barcode or QR code was scanned.
    :param is_contact: whether the person follows the account.
    """

    key_standard: str
    key_str: str
    openid: str = field(repr=False)
    scene: str
    is_check: bool
    is_contact: bool


def proper_ticket(ticket: str) -> str:
    """Return a ticket without blanks at its ends.

    :raises Refused: when it is empty, too long, or cannot be a ticket.
    """
    ticket = ticket.strip()
    if not ticket:
        raise Refused("the ticket is empty: WeChat empties it when somebody shares the link; scan the item again")
    if len(ticket) > TICKET_MAX_CHARS:
        raise Refused(f"a ticket has {TICKET_MAX_CHARS} characters at most: give the link's wxticket alone")
    if not _TICKET.fullmatch(ticket):
        raise Refused("a ticket has neither blanks nor signs that are not ASCII: give the link's wxticket alone")
    return ticket


def check_ticket(api: Api, ticket: str) -> Ticket:
    """Ask WeChat what a wxticket stands for; it answers for 20 minutes.

    :param api: of the official account whose product page it is.
    :param ticket: as it stands in the link.
    :raises Refused: when nothing can be asked, see :func:`proper_ticket`.
    :raises WechatRefused: when WeChat does; with ``TICKET_INVALID`` it is too old, or of another account.
    :raises WechatUnreachable: when there is no answer that can be used.
    """
    found = Answer(api.read(TICKET_PATH, {"ticket": proper_ticket(ticket)}), path=TICKET_PATH)
    return Ticket(
        key_standard=found.id("keystandard"),
        key_str=found.id("keystr"),
        openid=found.id("openid"),
        scene=found.text("scene", ""),
        is_check=found.truth("is_check"),
        is_contact=found.truth("is_contact"),
    )
