"""The error codes of window, live goods, union and one-code-per-item (their pages; facts.md 5 and 6.2). No I/O."""

from __future__ import annotations

from scanhook.wechat.code import listed

__all__ = ["SYSTEM_CODES"]

_NO_WORD = "The page says no more: ask WeChat with the rid"

_WINDOW = listed(
    "getwindowproductlist, error codes",
    (10022001, "not_a_window", "the caller is not known as a Channels account", "Call with the window's own account"),
    (
        10022002,
        "window_banned",
        "the window may not be used, because of an offence",
        "See 带货中心 → 个人中心 → 带货权限 in the Channels assistant",
    ),
    (10022006, "invalid_parameter", "a parameter is not right", "Compare it with the limits of the page"),
)
_WINDOW_SIBLINGS = listed(
    "the window's sibling calls (facts.md 5.2)",
    (10022003, "product_not_found", "there is no such product in the window", "See `scanhook window list`"),
    (10022007, "not_for_commission_products", "it does not go for products of the 带货中心", "Leave that product out"),
    (10022008, "appid_not_bound", "the shop's appid is not bound to the window", "Bind it in the Channels assistant"),
)
_LIVE = listed(
    "addGoods, error codes",
    (200002, "invalid_parameter", "a parameter is not right", "Compare it with the page"),
    (
        300002,
        "invalid_name_length",
        "the name is too long or too short",
        "14 Chinese characters; two narrow ones are one",
    ),
    (300003, "invalid_price", "a price is not right", "Yuan with two decimals; the current one not above the original"),
    (300004, "illegal_name", "the name holds something that is not allowed", "Word it anew"),
    (300006, "image_upload_failed", "the picture could not be taken", "Its material lives 3 days: upload it anew"),
    (300007, "no_such_page", "the released mini program has no such page", "Look at the url, and at what is released"),
    (300018, "image_too_large", "the picture is too large", "300 by 300 pixels at most"),
    (300021, "added_but_audit_failed", "the goods were added, and could not be submitted", "Resubmit them by goodsId"),
)
_LIVE_SIBLINGS = listed(
    "直播商品管理接口, error codes",
    (1003, "goods_not_exist", "there are no goods of that goodsId", "See them with `scanhook live status`"),
    (300001, "goods_forbidden", "the mini program may not add or change goods", "See why in the console (小程序直播)"),
    (300005, "illegal_image", "the picture shows something that is not allowed", "Take another picture"),
    (300008, "add_goods_failed", "the goods could not be added", "Ask again in a while"),
    (300009, "reset_audit_failed", "the review could not be withdrawn", "See their state with `scanhook live status`"),
    (300010, "wrong_audit_status", "in their state of review that does not go", "Wait until the review is over"),
    (300011, "not_added_by_api", "the goods were added by hand", "Change them where they were added, in the console"),
    (300012, "no_audit_quota", "the day's 500 submissions are used up", "Submit tomorrow"),
    (300013, "submit_audit_failed", "the goods could not be submitted", "Ask again in a while"),
    (300014, "goods_in_audit", "goods in review cannot be deleted", "Withdraw the review first"),
    (300017, "goods_not_submitted", "the goods were not submitted", "Submit them first"),
    passing=(300008, 300013),
)
_UNION = listed(
    "getUnionProduct, error codes",
    (200020, "invalid_kid_list", "the list of keywords is not right", "Look at kidList"),
    (201000, "promotion_material_failed", "the material could not be fetched", _NO_WORD),
    (201001, "too_many_materials", "there are too many materials in one call", "Ask for fewer"),
)
_MARKETCODE = listed(
    "一物一码, WxJava's list (facts.md 6.2)",
    (40097, "invalid_code_ticket", "the code_ticket is not valid, or not of this openid", "Scan the code once more"),
    (80300, "application_not_exist", "there is no such application", "Compare the application_id"),
    (
        80301,
        "application_not_yours",
        "the application belongs to another account",
        "Call with the account that applied",
    ),
    (80302, "active_range_overlaps", "a part of the range is active already", "Take the part that is not"),
    (80303, "invalid_code_format", "the code is not one of WeChat's", "A raw code has 9 characters, a printed one 28"),
    (80304, "code_not_active", "the code is not active", "Activate its range first"),
    (80305, "activation_failed", "the range could not be activated", "Ask again in a while"),
    (
        80306,
        "code_index_out_of_range",
        "the index lies outside the application",
        "Compare it with code_start, code_end",
    ),
    (80307, "application_exists", "there is such an application already", "It is the same order: query it"),
    (80308, "subtask_not_finished", "a part of the codes is not made yet", "Ask again in a while"),
    (80309, "subtask_file_expired", "the file of the codes has expired", "Query the application again, then download"),
    passing=(80305, 80308, 80309),
)
_CRYPTO_SOURCE = "the crypto library of the platform; local values, no answers (facts.md 3)"
_CRYPTO = listed(
    _CRYPTO_SOURCE,
    (-40001, "validate_signature_error", "the signature is wrong", "Compare the token with the console"),
    (-40002, "parse_xml_error", "the XML cannot be read", "Look at what was sent"),
    (-40003, "compute_signature_error", "the signature could not be made", "Look at what was sent"),
    (-40004, "illegal_aes_key", "the EncodingAESKey is not right", "It has 43 letters and digits"),
    (-40005, "validate_appid_error", "the appid or corpid is another one", "Compare receive_id with the console"),
    (-40006, "encrypt_aes_error", "it could not be encrypted", "Compare the EncodingAESKey with the console"),
    (-40007, "decrypt_aes_error", "it could not be decrypted", "Compare the EncodingAESKey with the console"),
    (-40008, "illegal_buffer", "what was decrypted is no message", "Compare the EncodingAESKey with the console"),
    (-40009, "encode_base64_error", "Base64 could not be written", "Look at what was sent"),
    (-40010, "decode_base64_error", "Base64 cannot be read", "Look at what was sent"),
    (-40011, "gen_return_xml_error", "the XML could not be written", "Look at what was sent"),
)

SYSTEM_CODES = _WINDOW | _WINDOW_SIBLINGS | _LIVE | _LIVE_SIBLINGS | _UNION | _MARKETCODE | _CRYPTO
