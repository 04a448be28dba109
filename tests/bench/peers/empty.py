"""A Flask route that reads the body and says `ok`: what server and framework cost before any work is done."""

from __future__ import annotations

from flask import Flask, request

app = Flask(__name__)


@app.post("/wechat/callback")
def callback() -> str:
    """Answer anything."""
    request.get_data()
    return "ok"
