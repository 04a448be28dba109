"""A page as staff write it: a JSON or TOML file, with errors that name the place in it."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scanhook.errors import Refused
from scanhook.wechat.pages import Misfit, Page, read_page

__all__ = ["EXAMPLE", "read_page_file", "told_of"]

_FILE_MAX_BYTES = 1024 * 1024
_TOML_PLACE = re.compile(
    r"(?P<why>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)

EXAMPLE = """\
# A scan product page: what consumers see who scan the product's code in WeChat.
#   scanhook pages create page.toml       makes it
#   scanhook pages publish KEY            submits it for WeChat's review
#   scanhook pages update page.toml --part action_info
# JSON with the same names is taken, too: scanhook pages get KEY --json > page.json

# ean13 or ean8: keystr is the barcode, in a segment of yours (scanhook pages merchant).
# qrcode: keystr is a name of your own, 1 to 20 letters, digits, underscores and hyphens.
keystandard = "qrcode"
keystr = "walnut-frame"

[brand_info.base_info]
title = "微信相框 moment"                            # WeChat cuts it off after 15 characters
thumb_url = "http://mmbiz.qpic.cn/mmbiz/THUMB/0"     # advised: 180 x 180, at most 50 KB, jpg, png or gif
brand_tag = "小耿哥8"                                # your brand, as consumers know it
category_id = 538071212                              # a verified_cate_id of `scanhook pages merchant`
store_mgr_type = "auto"                              # shops: auto, or custom with those of the next line
store_vendorid_list = []                             # 2 亚马逊, 3 当当网, 4 京东, 9 一号店, 11 聚美优品, 19 酒仙网
color = "auto"                                       # of the head; or six hexadecimal digits without #

# Pictures (6 at most, 640 x 320, 200 KB each) and paragraphs: at least one of either.
[[brand_info.detail_info.banner_list]]
link = "http://mmbiz.qpic.cn/mmbiz/BANNER/0"

[[brand_info.detail_info.detail_list]]
title = "产品名称"                                   # 6 Chinese characters at most
desc = "微信相框moment"                              # 80 Chinese characters at most

# The service area. Links, cards and accounts: 3 at most, without the banner; one text, one account, one card.
[[brand_info.action_info.action_list]]
type = "price"                                       # needed where no shop is set
retail_price = "12.00"                               # yuan, in quotes

[[brand_info.action_info.action_list]]
type = "link"                                        # with showtype = "banner" and an image it is a picture
name = "防伪说明"
link = "https://scan.example.com/landing"

[[brand_info.action_info.action_list]]
type = "text"
text = "此处可根据品牌商需要,用于简单描述商品或活动。"

# Others: media (link, image), user (appid), card (cardid), product (productid, name, digest),
# store (name, link, sale_price), recommend (recommend = {recommend_type = "appointed",
# recommend_list = [{keystandard = "qrcode", keystr = "another-page"}]}).

# Without this module WeChat never asks whether an item is genuine.
[[brand_info.module_info.module_list]]
type = "anti_fake"
native_show = "true"                                 # WeChat's own window; "false" needs an anti_fake_url
"""


def read_page_file(name: str) -> Page:
    """Read a page from a file: TOML when its name ends with ``.toml``, else JSON.

    :param name: ``-`` reads JSON from standard input.
    :raises Refused: when it cannot be read; the sentence names file and place.
    """
    text = _text_of(name)
    try:
        document = tomllib.loads(text) if name.lower().endswith(".toml") else json.loads(text)
        with told_of(name):
            page = read_page(document)
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
        return page
    except json.JSONDecodeError as error:
        raise Refused(f"{name}, line {error.lineno}, column {error.colno}: this is no JSON: {error.msg}") from None
    except tomllib.TOMLDecodeError as error:
        why, line, column = _in_toml(str(error), text)
        raise Refused(f"{name}, line {line}, column {column}: this is no TOML: {why}") from None
    except (TypeError, ValueError, RecursionError):
        raise Refused(f"{name}: it holds something that WeChat's JSON has no form for, such as a date") from None


@contextmanager
def told_of(name: str) -> Iterator[None]:
    """Tell what does not fit as faults of a file.

    :raises Refused: instead of a :class:`Misfit`: each line begins with the file's name.
    """
    try:
        yield
    except Misfit as misfit:
        raise Refused("\n".join(f"{name}: {line}" for line in str(misfit).splitlines())) from None


def _in_toml(told: str, text: str) -> tuple[str, int, int]:
    """Return a fault of TOML, and its line and column: the parser tells them only in its sentence."""
    found = _TOML_PLACE.fullmatch(told)
    if found is None:
        return told, *_end_of(text)
    return found["why"], *((int(found["line"]), int(found["column"])) if found["line"] else _end_of(text))


def _end_of(text: str) -> tuple[int, int]:
    lines = text.rstrip().split("\n")
    return len(lines), len(lines[-1]) + 1


def _text_of(name: str) -> str:
    try:
        if name == "-":
            content = sys.stdin.buffer.read(_FILE_MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(_FILE_MAX_BYTES + 1)
    except OSError as error:
        raise Refused(f"{name} cannot be read: {error.strerror}") from None
    if len(content) > _FILE_MAX_BYTES:
        raise Refused(f"{name} has more than {_FILE_MAX_BYTES:,} bytes: that is no page")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{name}: byte {error.start + 1} is not UTF-8: save the file as UTF-8") from None
