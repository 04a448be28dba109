"""A Flask route that reads the body and says `ok`: what server and framework cost before any work is done.

gunicorn's own kind of worker answers one request on a connection and closes it, here and under the peer made with
wechatpy.
"""

from __future__ import annotations

from flask import Flask, request

app = Flask(__name__)


@app.post("/wechat/callback")
def callback() -> str:
    """Answer anything."""
    request.get_data()
    return "ok"
