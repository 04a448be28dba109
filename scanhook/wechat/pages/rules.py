"""What a page must be before it is sent (facts.md 1.2). Performs no I/O.

What the pages forbid is refused, since WeChat would refuse it, too; what they only advise against, or do not name, is
said and sent as it is: WeChat may know more by now than its documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from scanhook.errors import Refused
from scanhook.wechat.pages.actions import (
    ACTION_KINDS,
    MODULE_KINDS,
    Action,
    ActionInfo,
    AntiFake,
    CardAction,
    LinkAction,
    MediaAction,
    ModuleInfo,
    PriceAction,
    ProductAction,
    RecommendAction,
    Recommendation,
    StoreAction,
    TextAction,
    UserAction,
)
from scanhook.wechat.pages.key import creation_fault
from scanhook.wechat.pages.page import BaseInfo, Detail, DetailInfo, Page, Part
from scanhook.wechat.pages.reading import Misfit, Misfits, Other, read, unnamed, wire
from scanhook.wechat.width import text_width
from scanhook.wechat.yuan import read_yuan

__all__ = ["BANNERS_MAX", "DESC_MAX_HANZI", "Remark", "advice_on", "check_creation", "check_update", "hanzi"]

TITLE_ADVISED_CHARS = 15
DESC_MAX_HANZI = 80
DETAIL_TITLE_MAX_HANZI = 6
BANNERS_MAX = 6
SERVICES_MAX = 3
VENDORS = {2: "亚马逊", 3: "当当网", 4: "京东", 9: "一号店", 11: "聚美优品", 19: "酒仙网"}

_URL = re.compile(r"https?://\S+")
_COLOR = re.compile(r"(auto|[0-9A-Fa-f]{6})?")
_BASE, _DETAIL, _ACTION, _MODULE = (f"brand_info.{part}" for part in Part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something about a page.

    :param place: where it stands.
    :param why: what is wrong, and how to mend it.
    :param advice: it is sent all the same.
    """

    place: str
    why: str
    advice: bool = False

    def __str__(self) -> str:
        """Return place and reason."""
        return f"{self.place}: {self.why}"


def hanzi(text: str) -> float:
    """Return how many 汉字 a text is wide; a narrow character is half of one, as live goods have it [INF]."""
    return text_width(text) / 2


def check_creation(page: Page) -> None:
    """Refuse a page that cannot be created.

    :raises Misfit: with one line for each fault, each beginning with its place.
    """
    fault = creation_fault(page.key)
    found = [Remark(place=fault[0], why=fault[1])] if fault else []
    if page.base_info is None:
        found.append(Remark(place=_BASE, why="is missing: a page needs at least a title and a category_id (61308)"))
    if page.detail_info is None:
        found.append(Remark(place=_DETAIL, why="is missing: a page needs pictures or paragraphs (61309)"))
    _refuse([*found, *_remarks(page, whole=page)])


def check_update(page: Page, *, there: Page) -> None:
    """Refuse parts that cannot be sent.

    :param page: the parts that change.
    :param there: the page as it is now: some rules are about two parts.
    :raises Refused: as :func:`check_creation`; also when there is no part at all.
    """
    if not page.parts:
        raise Refused(f"nothing is given that could be changed: write at least one of {', '.join(Part)}")
    _refuse(_remarks(page, whole=there.with_parts_of(page)))


def advice_on(page: Page) -> list[Remark]:
    """Return what staff should know of a page, and what does not keep it from being sent."""
    found = [remark for remark in _remarks(page, whole=page) if remark.advice]
    found += [
        Remark(place=place, why="no page names this field; it is sent as it is", advice=True)
        for part in page.parts
        for place in unnamed(getattr(page, part), f"brand_info.{part}")
    ]
    return found


def _refuse(remarks: Iterable[Remark]) -> None:
    misfits = Misfits()
    for remark in remarks:
        if not remark.advice:
            misfits.add(remark.place, remark.why)
    misfits.tell()


def _remarks(page: Page, *, whole: Page) -> Iterator[Remark]:
    if page.base_info:
        yield from _of_base(page.base_info)
    if page.detail_info:
        yield from _of_detail(page.detail_info)
    if page.action_info:
        yield from _of_actions(page.action_info)
    if page.module_info:
        yield from _of_modules(page.module_info)
    if {Part.BASE, Part.ACTION} & set(page.parts) and not (_has_channel(whole) or _has_price(whole)):
        yield Remark(
            place=f"{_ACTION}.action_list",
            why='has no entry of type "price", which is needed as no shop is set '
            '(store_mgr_type is not "auto", store_vendorid_list is empty, and there is no product or store) (63159)',
        )


def _has_channel(page: Page) -> bool:
    # WeChat's own sample of a page on line has "auto", no vendor and no price: "auto" is a purchase channel.
    base = page.base_info
    if base is None or base.store_mgr_type == "auto" or base.store_vendorid_list:
        return True
    actions = page.action_info.action_list if page.action_info else ()
    return any(isinstance(action, ProductAction | StoreAction) for action in actions)


def _has_price(page: Page) -> bool:
    return any(isinstance(action, PriceAction) for action in (page.action_info or ActionInfo()).action_list)


def _of_base(base: BaseInfo) -> Iterator[Remark]:
    if not base.title:
        yield Remark(place=f"{_BASE}.title", why="is missing")
    elif len(base.title) > TITLE_ADVISED_CHARS:
        yield Remark(
            place=f"{_BASE}.title",
            why=f"is {len(base.title)} characters long; WeChat cuts it off after {TITLE_ADVISED_CHARS}",
            advice=True,
        )
    if base.category_id is None:
        yield Remark(
            place=f"{_BASE}.category_id",
            why="is missing: take a verified_cate_id of `scanhook pages merchant` (61319)",
        )
    for name, code in (("thumb_url", 61300), ("brand_tag", 63156)):
        if not getattr(base, name):
            yield Remark(
                place=f"{_BASE}.{name}",
                why=f"is missing; no page says whether WeChat takes that ({code} if it does not)",
                advice=True,
            )
    yield from _of_url(f"{_BASE}.thumb_url", base.thumb_url)
    yield from _of_shops(base)
    if base.color is not None and not _COLOR.fullmatch(base.color):
        yield Remark(place=f"{_BASE}.color", why='is neither "auto" nor six hexadecimal digits without # (63155)')


def _of_shops(base: BaseInfo) -> Iterator[Remark]:
    if base.store_mgr_type not in (None, "auto", "custom"):
        yield Remark(place=f"{_BASE}.store_mgr_type", why='is neither "auto" nor "custom" (61325)')
    for index, vendor in enumerate(base.store_vendorid_list or ()):
        place = f"{_BASE}.store_vendorid_list[{index}]"
        if isinstance(vendor, Other):
            yield Remark(place=place, why="must be a whole number")
        elif vendor not in VENDORS:
            known = ", ".join(f"{number} {name}" for number, name in VENDORS.items())
            yield Remark(place=place, why=f"no page names this shop; it names {known}", advice=True)


def _of_detail(detail: DetailInfo) -> Iterator[Remark]:
    banners, paragraphs = detail.banner_list or (), detail.detail_list or ()
    if not (banners or paragraphs):
        yield Remark(place=_DETAIL, why="needs a banner_list or a detail_list that is not empty (63175)")
    if len(banners) > BANNERS_MAX:
        yield Remark(
            place=f"{_DETAIL}.banner_list", why=f"has {len(banners)} pictures; {BANNERS_MAX} are the most (61301)"
        )
    for index, banner in enumerate(banners):
        place = f"{_DETAIL}.banner_list[{index}]"
        if isinstance(banner, Other):
            yield Remark(place=place, why="must be an object with link and desc")
            continue
        if not banner.link:
            yield Remark(place=f"{place}.link", why="is missing")
        yield from _of_url(f"{place}.link", banner.link)
        yield from _of_width(f"{place}.desc", banner.desc, DESC_MAX_HANZI)
    for index, paragraph in enumerate(paragraphs):
        yield from _of_paragraph(f"{_DETAIL}.detail_list[{index}]", paragraph)


def _of_paragraph(place: str, paragraph: Detail | Other) -> Iterator[Remark]:
    if isinstance(paragraph, Other):
        yield Remark(place=place, why="must be an object with title and desc")
        return
    if not paragraph.title:
        yield Remark(place=f"{place}.title", why="is missing")
    yield from _of_width(f"{place}.title", paragraph.title, DETAIL_TITLE_MAX_HANZI)
    yield from _of_width(f"{place}.desc", paragraph.desc, DESC_MAX_HANZI)


def _of_actions(actions: ActionInfo) -> Iterator[Remark]:
    listing = f"{_ACTION}.action_list"
    for index, action in enumerate(actions.action_list):
        yield from _of_action(f"{listing}[{index}]", action)
    yield from _of_sums(listing, actions.action_list)


def _of_action(place: str, action: Action) -> Iterator[Remark]:
    if isinstance(action, Other):
        yield from _of_other(place, action, ACTION_KINDS)
        return
    for each in fields(action):
        if getattr(action, each.name) == "" and each.name in ("link", "text", "appid", "cardid", "productid"):
            yield Remark(place=f"{place}.{each.name}", why="is empty")
    for name in ("link", "image"):
        yield from _of_url(f"{place}.{name}", getattr(action, name, None))
    for name in ("retail_price", "sale_price"):
        yield from _of_yuan(f"{place}.{name}", getattr(action, name, None))
    if isinstance(action, LinkAction):
        yield from _of_link(place, action)
    if isinstance(action, RecommendAction):
        yield from _of_recommendation(f"{place}.recommend", action.recommend)


def _of_link(place: str, link: LinkAction) -> Iterator[Remark]:
    if not link.name:
        yield Remark(place=f"{place}.name", why="is missing")
    if link.is_banner and not link.image:
        yield Remark(place=f"{place}.image", why="is missing: a banner is a picture")
    if link.showtype not in (None, "", "banner"):
        yield Remark(place=f"{place}.showtype", why='no page names another than "banner"', advice=True)


def _of_recommendation(place: str, found: Recommendation) -> Iterator[Remark]:
    if found.recommend_type != "appointed":
        yield Remark(place=f"{place}.recommend_type", why='no page names another than "appointed"', advice=True)
    if not found.recommend_list:
        yield Remark(place=f"{place}.recommend_list", why="is empty (63157)")
    for index, target in enumerate(found.recommend_list):
        if isinstance(target, Other):
            yield Remark(place=f"{place}.recommend_list[{index}]", why="must have a keystandard and a keystr (63157)")


def _of_other(place: str, other: Other, kinds: Iterable[type]) -> Iterator[Remark]:
    """Say why an entry is of no known kind; of a type that is known, what is wrong with it."""
    kind = {kind.type: kind for kind in kinds}.get(other.type)  # type: ignore[attr-defined]  # each has one
    if kind is None:
        yield Remark(place=place, why=f"no page names the type `{other.type}`; it is sent as it is", advice=True)
        return
    try:
        read(kind, wire(other), place, lenient=False)
    except Misfit as misfit:
        for each in (misfit, *misfit.more):
            yield Remark(place=each.place, why=each.fault)


def _of_sums(place: str, actions: tuple[Action, ...]) -> Iterator[Remark]:
    banners = [action for action in actions if isinstance(action, LinkAction) and action.is_banner]
    if banners and any(isinstance(action, MediaAction) for action in actions):
        yield Remark(place=place, why="has a video and a link with showtype banner: keep one of them (63170)")
    for kind, code in ((CardAction, 63171), (UserAction, 63172), (TextAction, 63173)):
        count = sum(isinstance(action, kind) for action in actions)
        if count > 1:
            yield Remark(place=place, why=f'has {count} entries of type "{kind.type}"; one is the most ({code})')
    # The page says "link + card + user at most 3", and both its own samples have three links and a user. They are
    # accepted when a banner, which is the picture on top and no line of the list, does not count.
    services = sum(isinstance(action, LinkAction | CardAction | UserAction) for action in actions) - len(banners)
    if services > SERVICES_MAX:
        yield Remark(
            place=place,
            why=f"has {services} links, cards and accounts (banners do not count); {SERVICES_MAX} are the most (63174)",
        )


def _of_modules(modules: ModuleInfo) -> Iterator[Remark]:
    listing, seen = f"{_MODULE}.module_list", set()
    for index, module in enumerate(modules.module_list):
        place = f"{listing}[{index}]"
        if module.type in seen:
            yield Remark(place=place, why=f"the module `{module.type}` is there already; once is the most (63161)")
        seen.add(module.type)
        if isinstance(module, Other):
            yield from _of_other(place, module, MODULE_KINDS)
        elif isinstance(module, AntiFake):
            if not (module.native_show or module.anti_fake_url):
                yield Remark(
                    place=f"{place}.anti_fake_url", why='is missing, and native_show = "false" needs it (63163)'
                )
            yield from _of_url(f"{place}.anti_fake_url", module.anti_fake_url)


def _of_url(place: str, url: str | None) -> Iterator[Remark]:
    if url and not _URL.fullmatch(url):
        yield Remark(place=place, why="must be an address that begins with http:// or https:// and has no blanks")


def _of_yuan(place: str, price: str | None) -> Iterator[Remark]:
    try:
        if price is not None:
            read_yuan(price)
    except Refused:
        yield Remark(place=place, why='is no price in yuan: write it like "12.00" (63160)')


def _of_width(place: str, text: str | None, width_max: int) -> Iterator[Remark]:
    if text and hanzi(text) > width_max:
        yield Remark(place=place, why=f"is {hanzi(text):g} Chinese characters wide; {width_max} are the most (61301)")
