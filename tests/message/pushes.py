"""The six events of the scan product family: as facts.md section 2 and the seed print them, as JSON, and as values."""

from __future__ import annotations

from scanhook.message import (
    EnterSession,
    PageSubscribe,
    PageVisit,
    ProductEvent,
    ReviewResult,
    ScanProductCallback,
    ScanRegion,
)

XML: dict[str, bytes] = {
    "scan_product_callback": b""" <xml>
<ToUserName><![CDATA[gh_fbe8a958756e]]></ToUserName>
<FromUserName><![CDATA[otAzGjrJVN21mpDF4ZWQiYZwdK0Y]]></FromUserName>
<CreateTime>1447848568</CreateTime>
<MsgType><![CDATA[event]]></MsgType>
<Event><![CDATA[scan_product_callback]]></Event>
<KeyStandard><![CDATA[qrcode]]></KeyStandard>
<KeyStr><![CDATA[weixin_antifake]]></KeyStr>
<ExtInfo><![CDATA[hyhy]]></ExtInfo>
<NeedAntiFake>true</NeedAntiFake>
</xml>""",
    "user_scan_product": """<xml>
<ToUserName><![CDATA[gh_4e47c9c9ecad]]></ToUserName>
<FromUserName><![CDATA[okkeXs1nI-xU4ql8-5BXkv1f0gDo]]></FromUserName>
<CreateTime>1438250110</CreateTime>
<MsgType><![CDATA[event]]></MsgType>
<Event><![CDATA[user_scan_product]]></Event>
<KeyStandard><![CDATA[ean13]]></KeyStandard>
<KeyStr><![CDATA[6901481811083]]></KeyStr>
<Country><![CDATA[中国]]></Country>
<Province><![CDATA[广东]]></Province>
<City><![CDATA[揭阳]]></City>
<Sex>1</Sex>
<Scene>2</Scene>
<ExtInfo><![CDATA[123]]></ExtInfo>
</xml>""".encode(),
    "subscribe": b"""<xml>
<ToUserName><![CDATA[gh_fbe8a958756e]]></ToUserName>
<FromUserName><![CDATA[otAzGjrS4AYCmeJM1GhEOcHXXTAo]]></FromUserName>
<CreateTime>1433259128</CreateTime>
<MsgType><![CDATA[event]]></MsgType>
<Event><![CDATA[subscribe]]></Event>
<EventKey><![CDATA[scanbarcode|keystandard|keystr]]></EventKey>
</xml>""",
    "user_scan_product_enter_session": b"""<xml>
<ToUserName><![CDATA[gh_fbe8a958756e]]></ToUserName>
<FromUserName><![CDATA[otAzGjrS4AYCmeJM1GhEOcHXXTAo]]></FromUserName>
<CreateTime>1433259128</CreateTime>
<MsgType><![CDATA[event]]></MsgType>
<Event><![CDATA[user_scan_product_enter_session]]></Event>
<KeyStandard><![CDATA[ena13]]></KeyStandard>
<KeyStr><![CDATA[6954767461373]]></KeyStr>
<ExtInfo><![CDATA[]]></ExtInfo>
</xml>""",
    "user_scan_product_async": b"""<xml>
<ToUserName><![CDATA[gh_fbe8a958756e]]></ToUserName>
<FromUserName><![CDATA[otAzGjrS4AYCmeJM1GhEOcHXXTAo]]></FromUserName>
<CreateTime>1434541327</CreateTime>
<MsgType><![CDATA[event]]></MsgType>
<Event><![CDATA[user_scan_product_async]]></Event>
<KeyStandard><![CDATA[qrcode]]></KeyStandard>
<KeyStr><![CDATA[lincolntest2]]></KeyStr>
<ExtInfo><![CDATA[123]]></ExtInfo>
<RegionCode><![CDATA[440105]]></RegionCode>
</xml>""",
    "user_scan_product_verify_action": b"""<xml>
<ToUserName><![CDATA[gh_404e58ec528e]]></ToUserName>
<FromUserName><![CDATA[od_ikt8qi21-hVTtYgm8xSfTLH5w]]></FromUserName>
<CreateTime>1450429257</CreateTime>
<MsgType><![CDATA[event]]></MsgType>
<Event><![CDATA[user_scan_product_verify_action]]></Event>
<KeyStandard><![CDATA[ean13]]></KeyStandard>
<KeyStr><![CDATA[6901481811083]]></KeyStr>
<Result><![CDATA[verify_ok]]></Result>
<ReasonMsg><![CDATA[]]></ReasonMsg>
</xml>""",
}

JSON: dict[str, bytes] = {
    "scan_product_callback": b"""{"ToUserName": "gh_fbe8a958756e", "FromUserName": "otAzGjrJVN21mpDF4ZWQiYZwdK0Y",
"CreateTime": 1447848568, "MsgType": "event", "Event": "scan_product_callback", "KeyStandard": "qrcode",
"KeyStr": "weixin_antifake", "ExtInfo": "hyhy", "NeedAntiFake": true}""",
    "user_scan_product": """{"ToUserName": "gh_4e47c9c9ecad", "FromUserName": "okkeXs1nI-xU4ql8-5BXkv1f0gDo",
"CreateTime": 1438250110, "MsgType": "event", "Event": "user_scan_product", "KeyStandard": "ean13",
"KeyStr": "6901481811083", "Country": "中国", "Province": "\\u5e7f\\u4e1c", "City": "揭阳", "Sex": 1, "Scene": 2,
"ExtInfo": "123"}""".encode(),
    "subscribe": b"""{"ToUserName": "gh_fbe8a958756e", "FromUserName": "otAzGjrS4AYCmeJM1GhEOcHXXTAo",
"CreateTime": 1433259128, "MsgType": "event", "Event": "subscribe",
"EventKey": "scanbarcode|keystandard|keystr"}""",
    "user_scan_product_enter_session": b"""{"ToUserName": "gh_fbe8a958756e",
"FromUserName": "otAzGjrS4AYCmeJM1GhEOcHXXTAo", "CreateTime": 1433259128, "MsgType": "event",
"Event": "user_scan_product_enter_session", "KeyStandard": "ena13", "KeyStr": "6954767461373",
"ExtInfo": ""}""",
    "user_scan_product_async": b"""{"ToUserName": "gh_fbe8a958756e", "FromUserName": "otAzGjrS4AYCmeJM1GhEOcHXXTAo",
"CreateTime": 1434541327, "MsgType": "event", "Event": "user_scan_product_async", "KeyStandard": "qrcode",
"KeyStr": "lincolntest2", "ExtInfo": "123", "RegionCode": 440105}""",
    "user_scan_product_verify_action": b"""{"ToUserName": "gh_404e58ec528e",
"FromUserName": "od_ikt8qi21-hVTtYgm8xSfTLH5w", "CreateTime": 1450429257, "MsgType": "event",
"Event": "user_scan_product_verify_action", "KeyStandard": "ean13", "KeyStr": 6901481811083,
"Result": "verify_ok", "ReasonMsg": null}""",
}

VALUES: dict[str, ProductEvent] = {
    "scan_product_callback": ScanProductCallback(
        to_user_name="gh_fbe8a958756e",
        from_user_name="otAzGjrJVN21mpDF4ZWQiYZwdK0Y",
        create_time=1447848568,
        msg_id=None,
        key_standard="qrcode",
        key_str="weixin_antifake",
        ext_info="hyhy",
        need_anti_fake=True,
    ),
    "user_scan_product": PageVisit(
        to_user_name="gh_4e47c9c9ecad",
        from_user_name="okkeXs1nI-xU4ql8-5BXkv1f0gDo",
        create_time=1438250110,
        msg_id=None,
        key_standard="ean13",
        key_str="6901481811083",
        ext_info="123",
        country="中国",
        province="广东",
        city="揭阳",
        sex="1",
        scene="2",
    ),
    "subscribe": PageSubscribe(
        to_user_name="gh_fbe8a958756e",
        from_user_name="otAzGjrS4AYCmeJM1GhEOcHXXTAo",
        create_time=1433259128,
        msg_id=None,
        key_standard="keystandard",
        key_str="keystr",
        ext_info="",
        scene="scanbarcode",
    ),
    "user_scan_product_enter_session": EnterSession(
        to_user_name="gh_fbe8a958756e",
        from_user_name="otAzGjrS4AYCmeJM1GhEOcHXXTAo",
        create_time=1433259128,
        msg_id=None,
        key_standard="ena13",
        key_str="6954767461373",
        ext_info="",
    ),
    "user_scan_product_async": ScanRegion(
        to_user_name="gh_fbe8a958756e",
        from_user_name="otAzGjrS4AYCmeJM1GhEOcHXXTAo",
        create_time=1434541327,
        msg_id=None,
        key_standard="qrcode",
        key_str="lincolntest2",
        ext_info="123",
        region_code="440105",
    ),
    "user_scan_product_verify_action": ReviewResult(
        to_user_name="gh_404e58ec528e",
        from_user_name="od_ikt8qi21-hVTtYgm8xSfTLH5w",
        create_time=1450429257,
        msg_id=None,
        key_standard="ean13",
        key_str="6901481811083",
        ext_info="",
        result="verify_ok",
        reason_msg="",
    ),
}

FIELDS: dict[str, object] = {
    "ToUserName": "gh_fbe8a958756e",
    "FromUserName": "otAzGjrJVN21mpDF4ZWQiYZwdK0Y",
    "CreateTime": "1447848568",
    "MsgType": "event",
    "Event": "scan_product_callback",
    "KeyStandard": "qrcode",
    "KeyStr": "weixin_antifake",
    "ExtInfo": "hyhy",
    "NeedAntiFake": "true",
}
"""The seed's event as a document, to be changed."""
