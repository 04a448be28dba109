"""The receiver that one would make with wechatpy and Flask: one durable row for each scan. Set by the environment."""

from __future__ import annotations

import os
import sqlite3
import threading
import time

from flask import Flask, abort, request
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidSignatureException

_REPLY = (
    "<xml><ToUserName><![CDATA[{to}]]></ToUserName><FromUserName><![CDATA[{by}]]></FromUserName>"
    "<CreateTime>{now}</CreateTime><MsgType><![CDATA[scanproduct]]></MsgType><ScanProduct>"
    "<KeyStandard><![CDATA[{standard}]]></KeyStandard><KeyStr><![CDATA[{product}]]></KeyStr>"
    "<ExtInfo><![CDATA[{code}]]></ExtInfo><AntiFake><CodeResult><![CDATA[{result}]]></CodeResult></AntiFake>"
    "</ScanProduct></xml>"
)

app = Flask(__name__)
crypto = WeChatCrypto(*(os.environ[name] for name in ("PEER_TOKEN", "PEER_KEY", "PEER_APP_ID")))
local = threading.local()


def database() -> sqlite3.Connection:
    """Return this thread's connection."""
    if not hasattr(local, "database"):
        local.database = sqlite3.connect(os.environ["PEER_DATABASE"], timeout=30)
        local.database.execute("PRAGMA journal_mode=WAL")
        local.database.execute("PRAGMA synchronous=FULL")
    found: sqlite3.Connection = local.database
    return found


@app.post("/wechat/callback")
def callback() -> str:
    """Answer a push."""
    asked = request.args
    try:
        xml = crypto.decrypt_message(request.data, asked["msg_signature"], asked["timestamp"], asked["nonce"])
    except InvalidSignatureException:
        abort(403)
    said = parse_message(xml)._data
    code = said["KeyStandard"], said["KeyStr"], said["ExtInfo"]
    row = database().execute("SELECT status FROM codes WHERE standard = ? AND product = ? AND code = ?", code)
    result = {None: "fake", ("active",): "real"}.get(row.fetchone(), "not_active")
    database().execute(
        "INSERT INTO scans (openid, at, standard, product, code, result) VALUES (?, ?, ?, ?, ?, ?)",
        (said["FromUserName"], said["CreateTime"], *code, result),
    )
    database().commit()
    names = dict(zip(("standard", "product", "code"), code, strict=True))
    reply = _REPLY.format(to=said["FromUserName"], by=said["ToUserName"], now=int(time.time()), result=result, **names)
    sealed: str = crypto.encrypt_message(reply, asked["nonce"], asked["timestamp"])
    return sealed
