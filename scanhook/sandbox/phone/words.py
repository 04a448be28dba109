"""What the page says, in both languages."""

# ruff: noqa: RUF001  (the Chinese half has Chinese punctuation)

from __future__ import annotations

import re

__all__ = ["LANGUAGES", "PAGE_WORDS", "sentence_in", "words_in"]

LANGUAGES = ("en", "zh")

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Sandbox phone", "沙箱手机"),
    "tagline": (
        "A phone of the sandbox: its scans are real, encrypted pushes to the real service.",
        "沙箱中的手机：每次扫码都会向真实服务发送真实的加密推送。",
    ),
    "no_script": ("This page needs JavaScript: allow it here.", "本页面需要 JavaScript，请在浏览器中启用。"),
    "phone": ("Phone", "手机"),
    "scan_title": ("Scan", "扫一扫"),
    "choose": ("Choose a code", "选择一个码"),
    "typed": ("Type a code", "输入一个码"),
    "typed_hint": ("any product, any ExtInfo", "任意商品与 ExtInfo"),
    "no_ext_info": ("no ExtInfo", "无 ExtInfo"),
    "scan": ("Scan", "扫码"),
    "again": ("Scan another", "再扫一个"),
    "landing": ("Open the brand's page", "打开品牌页面"),
    "window": ("Anti-fake check", "防伪查询"),
    "genuine": ("Genuine", "正品"),
    "genuine_text": ("The brand confirms this code.", "品牌方已确认此防伪码。"),
    "fake": ("Not genuine", "假冒"),
    "fake_text": ("The brand does not confirm this code.", "品牌方未认可此防伪码。"),
    "not_active": ("Not activated", "未激活"),
    "not_active_text": ("The brand has not activated this code.", "品牌方尚未激活此防伪码。"),
    "no_answer": ("No result", "暂无结果"),
    "no_answer_text": ("The brand's server gave no verdict.", "品牌方服务器未返回结果。"),
    "no_window": ("No window", "不弹窗"),
    "no_window_text": (
        "The product page does not use WeChat's own window.",
        "商品主页未使用微信原生防伪组件。",
    ),
    "no_page": ("No product page", "未找到商品主页"),
    "no_page_text": (
        "It is not published, and this person is no tester: WeChat pushes nothing.",
        "商品未发布，且该用户不在测试白名单中：微信不会推送。",
    ),
    "window_note": ("Drawn by the sandbox; WeChat's own looks different.", "沙箱绘制，与微信实际样式不同。"),
    "bench": ("Engineer's bench", "工程师面板"),
    "sends": ("How WeChat sends it", "微信如何推送"),
    "account": ("The account's mode", "账号模式"),
    "account_hint": ("pinned in the service", "在服务端固定"),
    "push_mode": ("The push", "推送"),
    "as_account": ("as pinned", "与账号一致"),
    "push_hint": ("plain and sealed do not mix", "明文与加密不能混用"),
    "format": ("Format", "格式"),
    "variations": ("Scan once more, but …", "换一种方式再扫"),
    "forged": ("Wrong signature", "错误签名"),
    "old": ("Old timestamp", "过期时间戳"),
    "repeat": ("Exact repeat", "原样重复"),
    "second_person": ("Second person", "另一个人"),
    "other_province": ("Another province", "另一个省份"),
    "setup": ("Set-up", "接入"),
    "setup_hint": ("as the console does", "与控制台相同"),
    "verify_url": ("Verify the URL", "验证 URL"),
    "happened": ("What happened", "发生了什么"),
    "nothing_yet": ("Nothing yet. Scan a code to see every byte of it.", "还没有记录。扫码后可查看全部报文。"),
    "asking": ("Asking the server …", "正在询问服务器…"),
    "as_sent": ("Push, as sent", "推送（原文）"),
    "as_message": ("Push, decrypted", "推送（解密后）"),
    "as_received": ("Reply, as received", "回复（原文）"),
    "as_reply": ("Reply, decrypted", "回复（解密后）"),
    "nothing": ("nothing", "无"),
    "not_sealed": ("nothing sealed in it", "没有加密内容"),
    "attempts": ("attempts", "次尝试"),
    "took": ("took", "用时"),
    "same": ("the same verdict as before", "与上次结果一致"),
    "person": ("person", "用户"),
    "scanned_in": ("scanned in", "扫码地"),
    "later": ("where it was comes later …", "位置信息稍后推送…"),
    "verified": ("URL verified", "URL 验证成功"),
    "not_verified": ("URL not verified", "URL 验证失败"),
    "gone": ("The sandbox gives no answer: is it still running?", "沙箱没有响应：是否仍在运行？"),
    "log": ("The service's log says more:", "服务日志中有更多信息："),
    "other_language": ("中文", "English"),
}

_SENTENCES = (
    ("acknowledged", "服务器已确认收到"),
    ("answered with a message of its own", "服务器回复了自己的消息"),
    (r"the server answered with CodeResult (\w+)", r"服务器返回 CodeResult \1"),
    (
        r"the server answered with CodeResult (\w+), and the page does not show WeChat's window",
        r"服务器返回 CodeResult \1，但商品主页不显示微信的窗口",
    ),
    ("the server answered `success`: it has nothing to say of this item", "服务器返回 success：对该商品没有结果"),
    ("CodeResult is none of real, fake and not_active", "CodeResult 不是 real、fake 或 not_active"),
    (r"status (\d+): the server's log says why", r"服务器返回状态码 \1：原因见服务器日志"),
    (r"no answer within ([\d.]+) s", r"服务器在 \1 秒内没有响应"),
    (r"no answer \((\w+)\)", r"服务器没有响应（\1）"),
    (r"the answer cannot be opened: (.*)", r"无法解开服务器的回复：\1"),
    ("the answer is no message", "服务器的回复不是消息"),
    ("the reply came in the clear, and the account's mode is safe", "回复未加密，而账号为安全模式"),
    ("the reply came sealed, and the account's mode is plain", "回复已加密，而账号为明文模式"),
    (r"the reply's (.*) is not what the push asked for", r"回复中的 \1 与推送不一致"),
    ("the echostr came back", "服务器原样返回了 echostr"),
    ("the answer is not the echostr, byte for byte", "服务器返回的不是原样的 echostr"),
    (
        "the item's page is not published, and whoever scans is no tester: nothing is pushed",
        "商品主页未发布，且扫码者不在测试白名单中：不会推送",
    ),
    (
        "the item's page has no module anti_fake: WeChat asks for no verdict",
        "商品主页没有 anti_fake 模块：微信不会查询防伪",
    ),
)
"""What the sandbox says of an answer, as patterns; what is not among them stays English."""

PAGE_WORDS = (
    "genuine",
    "genuine_text",
    "fake",
    "fake_text",
    "not_active",
    "not_active_text",
    "no_answer",
    "no_answer_text",
    "no_window",
    "no_window_text",
    "no_page",
    "no_page_text",
    "no_ext_info",
    "asking",
    "as_sent",
    "as_message",
    "as_received",
    "as_reply",
    "nothing",
    "not_sealed",
    "attempts",
    "took",
    "same",
    "person",
    "scanned_in",
    "later",
    "verified",
    "not_verified",
    "gone",
)
"""What the script of the page says."""


def words_in(language: str) -> dict[str, str]:
    """Return everything the page says in one of ``LANGUAGES``."""
    index = LANGUAGES.index(language)
    return {name: both[index] for name, both in _WORDS.items()}


def sentence_in(language: str, sentence: str) -> str:
    """Return a sentence of the sandbox's in one of ``LANGUAGES``; one that nobody translated as it is."""
    if language == "zh":
        for english, chinese in _SENTENCES:
            if found := re.fullmatch(english, sentence):
                return found.expand(chinese)
    return sentence
