"""WeChat's scan product pages (微信商品管理): what a consumer who scans a product's code sees, as typed values."""

from scanhook.wechat.pages.actions import (
    Action,
    ActionInfo,
    AntiFake,
    CardAction,
    LinkAction,
    MediaAction,
    Module,
    ModuleInfo,
    PriceAction,
    ProductAction,
    RecommendAction,
    Recommendation,
    Recommended,
    StoreAction,
    TextAction,
    UserAction,
)
from scanhook.wechat.pages.client import CLEAR_PATH, LISTED_AT_ONCE, NO_SUCH_PAGE, ScanPages, Updated
from scanhook.wechat.pages.key import PageKey
from scanhook.wechat.pages.listing import Listed, PageSummary, StatusFilter, walk_of
from scanhook.wechat.pages.merchant import Category, MerchantInfo, Right
from scanhook.wechat.pages.page import Banner, BaseInfo, Detail, DetailInfo, Page, PageStatus, Part, read_page
from scanhook.wechat.pages.qrcode import QrCode, ext_info_advice
from scanhook.wechat.pages.reading import Misfit, Other
from scanhook.wechat.pages.rules import Remark, advice_on, check_creation, check_update
from scanhook.wechat.pages.whitelist import TESTERS_MAX, Whitelist

__all__ = [
    "CLEAR_PATH",
    "LISTED_AT_ONCE",
    "NO_SUCH_PAGE",
    "TESTERS_MAX",
    "Action",
    "ActionInfo",
    "AntiFake",
    "Banner",
    "BaseInfo",
    "CardAction",
    "Category",
    "Detail",
    "DetailInfo",
    "LinkAction",
    "Listed",
    "MediaAction",
    "MerchantInfo",
    "Misfit",
    "Module",
    "ModuleInfo",
    "Other",
    "Page",
    "PageKey",
    "PageStatus",
    "PageSummary",
    "Part",
    "PriceAction",
    "ProductAction",
    "QrCode",
    "RecommendAction",
    "Recommendation",
    "Recommended",
    "Remark",
    "Right",
    "ScanPages",
    "StatusFilter",
    "StoreAction",
    "TextAction",
    "Updated",
    "UserAction",
    "Whitelist",
    "advice_on",
    "check_creation",
    "check_update",
    "ext_info_advice",
    "read_page",
    "walk_of",
]
