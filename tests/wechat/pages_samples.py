"""The literal JSON of WeChat's page 微信商品管理, without its trailing commas, and of facts.md section 1."""

from __future__ import annotations

import copy
import json
from typing import Any

from scanhook.wechat.pages import Page, PageKey, read_page

KEY = PageKey(key_standard="ean13", key_str="6900873042720")

GET = """
{
 "errcode": 0,
 "errmsg": "ok",
 "brand_info":{
  "base_info":{
   "title": "扫一扫动态主页demo",
"thumb_url":"http://mmbiz.qpic.cn/mmbiz/AhrnkhhK7rWevHib2pmq1phtply6JicADNrX6Yrvd7LzKERyic3kn3VdSsmFr5F5ibXzj9Al65yWFudmjqcWic1Qe9g/0",
   "brand_tag": "小耿哥8",
   "category_id": 0,
   "retail_price": "0.00",
   "store_mgr_type": "auto",
   "store_vendorid_list":[],
   "color": "auto",
   "status": "on"
  },
  "detail_info":{
   "banner_list":[
{"link":"http://mmbiz.qpic.cn/mmbiz/AhrnkhhK7rWevHib2pmq1phtply6JicADNic0LvlkCw7s6mZpicib7ict5MhoiaL3gPrYXpibnibOpViaYJFpic12nx4bNZcQ/0"},
{"link":"http://mmbiz.qpic.cn/mmbiz/AhrnkhhK7rWevHib2pmq1phtply6JicADNbTfwJmlVXp9k1A80UCFL1a9icwdthmSLh0RuJ5iaKcZBwdXbOicktkwPQ/0"},
{"link":"http://mmbiz.qpic.cn/mmbiz/AhrnkhhK7rWevHib2pmq1phtply6JicADNW4FD74oXjEyqHicE9U3H0nTCdLHibo7rRia2TFBQ6tx2Pvic92ica8Wns4Q/0"}
   ],
   "detail_list":[
    {
     "title": "产品名称",
     "desc": "微信相框moment"
    },
    {
     "title": "设计团队",
     "desc": "微信团队"
    },
    {
     "title": "设计初衷",
     "desc": "做一个简单纯粹的电子相框"
    },
    {
     "title": "产品诉求",
     "desc": "以相框为纽带,增加子女与父母长辈的沟通,用照片通过微信传递感情交流"
    }
   ]
  },
  "action_info":{
   "action_list":[
    {
     "type": "link",
     "name": "banner",
     "link": "http://mp.weixin.qq.com",
"image":"http://mmbiz.qpic.cn/mmbiz/AhrnkhhK7rWevHib2pmq1phtply6JicADNgjXTKn0j4TlfXjUOPYBDicVOmG0sdNfUOg9Lzia2g9cbjyTXmOiaB6L1g/0",
     "showtype": "banner"
    },
    {
     "type": "link",
     "name": "自定义活动1",
     "link": "http://p.url.cn/wxscan.php"
    },
    {
     "type": "link",
     "name": "自定义活动2",
     "link": "http://p.url.cn/wxscan.php"
    },
    {
     "type": "user",
     "appid": "wx307e399609946068"
    },
    {
     "type": "text",
     "text": "此处可根据品牌商需要,用于简单描述商品或活动。"
    }
   ]
  },
  "module_info":{
   "module_list":[
    {
     "type": "anti_fake",
     "native_show": "true"
    }
   ]
  }
 }
}
"""

UPDATE = """
{
 "keystandard": "ean13",
 "keystr": "6390000000000",
 "brand_info": {
  "action_info": {
   "action_list": [
    {
     "type": "link",
     "name": "banner",
     "link":"http://mp.weixin.qq.com",
"image":"http://mmbiz.qpic.cn/mmbiz/AhrnkhhK7rWevHib2pmq1phtply6JicADNgjXTKn0j4TlfXjUOPYBDicVOmG0sdNfUOg9Lzia2g9cbjyTXmOiaB6L1g/0",
     "showtype": "banner"
    },
    {
     "type": "link",
     "name": "更新的自定义活动1",
     "link": "http://p.url.cn/wxscan.php"
    },
    {
     "type": "link",
     "name": "更新的自定义活动2",
     "link": "http://p.url.cn/wxscan.php"
    },
    {
     "type": "user",
     "appid": "wx307e399609946068"
    },
    {
     "type": "text",
     "text": "此处可根据品牌商需要,用于简单描述商品或活动。"
    }
   ]
  }
 }
}
"""

UPDATED = '{"errcode": 0, "errmsg": "ok", "pid": "5g0B4A90aqc"}'

GETLIST = """
{
 "errcode": 0,
 "errmsg": "ok",
 "total": 2,
 "key_list": [
  {
   "keystandard": "ean13",
   "keystr": "6390000000000",
   "category_id": 537117576,
   "category_name": "果泥/菜泥/肉泥",
   "update_time": 1413181580,
   "status": "on"
  },
  {
   "keystandard": "ean13",
   "keystr": "6390000000002",
   "category_id": 537117576,
   "category_name": "果泥/菜泥/肉泥",
   "update_time": 1412834605,
   "status": "on"
  }
 ]
}
"""

# facts.md 1.2; the picture addresses and the text that are cut there are written out.
CREATE = """
{"keystandard":"qrcode","keystr":"wxscandemo",
 "brand_info":{
  "base_info":{"title":"扫一扫动态主页demo","thumb_url":"http://mmbiz.qpic.cn/mmbiz/THUMB/0","brand_tag":"小耿哥8",
               "category_id":0,"store_mgr_type":"auto","store_vendorid_list":[],"color":"auto"},
  "detail_info":{"banner_list":[{"link":"http://mmbiz.qpic.cn/BANNER/0"}],
                 "detail_list":[{"title":"产品名称","desc":"微信相框moment"}]},
  "action_info":{"action_list":[
     {"type":"price","retail_price":"12.00"},
     {"type":"link","name":"banner","link":"http://mp.weixin.qq.com","image":"http://mmbiz.qpic.cn/IMAGE/0","showtype":"banner"},
     {"type":"link","name":"自定义活动1","link":"http://p.url.cn/wxscan.php"},
     {"type":"user","appid":"wx307e399609946068"},
     {"type":"text","text":"此处可根据品牌商需要"}]},
  "module_info":{"module_list":[{"type":"anti_fake","native_show":"true"}]}}}
"""

MERCHANT = """
{"errcode":0,"errmsg":"ok",
 "brand_tag_list":["小耿哥8","testtag"],
 "verified_list":[
  {"verified_firm_code":69300570,"verified_cate_list":[{"verified_cate_id":538071212,"verified_cate_name":"食品/茶叶/特产/滋补品"}]},
  {"verified_firm_code":123,"verified_cate_list":[{"verified_cate_id":538071212,"verified_cate_name":"食品/茶叶/特产/滋补品"}]}]}
"""

MERCHANT_OLDER = """
{"errcode":0,"errmsg":"ok","verified_cate_list":[{"verified_cate_id":200531967,"verified_cate_name":"调味品"}],
 "verified_firm_code_list":[8888],"brand_tag_list":["小耿哥8","testtag"]}
"""


def answer(text: str) -> dict[str, Any]:
    """Return what an API gives for a literal answer."""
    found: dict[str, Any] = json.loads(text)
    return found


def created(**changed: Any) -> dict[str, Any]:
    """Return the sample of create, with places in it changed: ``base_info__title="…"``; ``None`` takes one away."""
    document = copy.deepcopy(answer(CREATE))
    for place, value in changed.items():
        names = place.split("__")
        spot = document if names[0] in ("keystandard", "keystr") else document["brand_info"]
        for name in names[:-1]:
            spot = spot[name]
        if value is None:
            spot.pop(names[-1], None)
        else:
            spot[names[-1]] = value
    return document


def created_page(**changed: Any) -> Page:
    """Return the same as a page."""
    return read_page(created(**changed))


def answered(status: str = "on", **changed: Any) -> dict[str, Any]:
    """Return the sample of get, with a status and with parts changed."""
    found = answer(GET)
    found["brand_info"]["base_info"]["status"] = status
    found["brand_info"].update(changed)
    return found
