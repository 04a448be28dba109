"""The error codes of the scan product pages (facts.md section 1.7). Performs no I/O."""

from __future__ import annotations

from scanhook.wechat.code import listed

__all__ = ["SCAN_CODES"]

_PAGE = "WeChat_Scan, error codes (facts.md 1.7)"
_SDK = "WxJava's list, not WeChat's page (facts.md 1.7)"

_COMPARE = "Compare its fields with the table of the page"
_SEGMENT = "Compare the first 7 or 8 digits of the barcode with the segments of `scanhook pages merchant`"
_LIST = "See what there is with `scanhook pages list`"
_STATUS = "See its status with `scanhook pages get`"
_COMMENT = "it is about a comment or its pictures"
_NO_WORD = "No page says more: ask WeChat with the rid"

_LISTED = listed(
    _PAGE,
    (61300, "invalid_base_info", "base_info is not as the page says", _COMPARE),
    (61301, "invalid_detail_info", "detail_info is not as the page says", _COMPARE),
    (61302, "invalid_action_info", "action_info is not as the page says", _COMPARE),
    (61303, "brand_info_not_exist", "there is no brand_info", "Send brand_info"),
    (61304, "invalid_product_id", "there is no such product", "Look at the productid of the action `product`"),
    (61305, "invalid_key_info", "the barcode does not lie in a segment of this account", _SEGMENT),
    (61306, "invalid_appid", "there is no such appid", "Look at the appid of the action `user`"),
    (61307, "invalid_card_id", "there is no such card", "Look at the cardid; a card with codes of its own does not go"),
    (61308, "base_info_not_exist", "there is no base_info", "Send base_info"),
    (61309, "detail_info_not_exist", "there is no detail_info", "Send detail_info"),
    (61310, "action_info_not_exist", "there is no action_info", "Send action_info"),
    (61311, "invalid_media_info", "the video of an action cannot be used", "Look at link and image of `media`"),
    (61312, "invalid_buffer_size", "the request is too large or too small", "Send less"),
    (61313, "invalid_buffer", "the request cannot be read", "Send JSON as the page shows it"),
    (61314, "invalid_qrcode_extinfo", "extinfo cannot stand in a QR code", "Take letters, digits and -_().* only"),
    (61316, "key_conflict", "another product has this keystr", "Take another keystr, or update that product"),
    (61317, "ticket_invalid", "the wxticket is not valid", "A ticket lives for 20 minutes: scan the code once more"),
    (61319, "category_invalid", "there is no such category", "See the categories with `scanhook pages merchant`"),
    (61320, "merchant_info_not_exist", "the account has no merchant info", "Apply for the right to scan first"),
    (61322, "category_id_no_permission", "the category is not granted", "Apply for it in the console (扫一扫)"),
    (61323, "barcode_no_permission", "the barcode's segment is not granted", _SEGMENT),
    (61324, "exceed_max_action_num", "the page has too many actions", "Take some of them out"),
    (61334, "product_not_exists", "there is no product of that keystandard and keystr", _LIST),
    (61337, "product_already_exists", "there is a product of that keystandard and keystr", "Update it"),
    (
        61341,
        "too_many_white_list_uin",
        "there are more than 10 testers",
        "Name 10 at most; every call replaces them all",
    ),
    (61342, "keystandard_not_match", "the keystr does not fit the keystandard", "ean13 has 13 digits, ean8 has 8"),
    (61343, "keystandard_error", "there is no such keystandard", "Write ean13, ean8 or qrcode"),
    (61345, "invalid_action_code", "an action cannot be used", _COMPARE),
    (61346, "invalid_actioninfo_store", "an action `store` cannot be used", "It needs link and sale_price"),
    (61347, "invalid_actioninfo_media", "an action `media` cannot be used", "It needs link and image"),
    (61348, "invalid_actioninfo_text", "an action `text` cannot be used", "It needs text"),
    (63154, "invalid_status", "there is no such status", "Write on or off"),
    (63155, "invalid_color", "the colour cannot be used", "Write auto, or six hex digits without #"),
    (63156, "invalid_tag", "the brand's tag cannot be used", "See the tags with `scanhook pages merchant`"),
    (63157, "invalid_recommend", "a recommended product cannot be used", "It must be of this account, and published"),
    (63158, "branditem_out_of_limits", "the account has 100 000 products", "Clear some first"),
    (63159, "retail_price_empty", "there is no price", "Without a way to buy, the action `price` is needed"),
    (63160, "priceinfo_invalid", "the price cannot be used", 'Write yuan as a text, such as "12.00"'),
    (63161, "antifake_module_num_limit", "the module anti_fake stands there twice", "Leave one of them out"),
    (63162, "antifake_native_type_err", "native_show is not right", 'Write the text "true" or "false"'),
    (63163, "antifake_link_not_exists", "anti_fake_url is missing", 'native_show "false" needs it'),
    (63164, "module_type_not_exist", "there is no such module", "The only one is anti_fake"),
    (63166, "item_is_being_verified", "the page is in review", "Wait for the review's push, then ask again"),
    (63167, "item_not_published", "the page is not published", _STATUS),
    (63168, "verify_not_pass", "the page did not pass its review", "Mend it as the review's push says, then publish"),
    (63169, "already_published", "the page is published already", _STATUS),
    (63170, "only_banner_or_media", "there is a banner and a video", "Leave one of them out"),
    (63171, "card_num_limit", "there is more than one card", "Leave the others out"),
    (63172, "user_num_limit", "there is more than one account to follow", "Leave the others out"),
    (63173, "text_num_limit", "there is more than one text", "Leave the others out"),
    (63174, "link_card_user_sum_limit", "links, card and account are more than 3 together", "Leave some out"),
    (63175, "detail_info_error", "detail_info is empty", "It needs banner_list or detail_list"),
)

_UNLISTED = listed(
    _SDK,
    (61315, "invalid_local_ext_info", "the local extinfo cannot be used", _NO_WORD),
    (61318, "verify_not_pass", "the page did not pass its review", "Mend it as the review's push says"),
    (
        61321,
        "cate_id_is_a_leaf_node",
        "the category is the last of its branch",
        "Take one from `scanhook pages merchant`",
    ),
    (61325, "invalid_store_mgr_type", "store_mgr_type is not right", "Write auto or custom"),
    (61326, "anti_spam_blocked", "WeChat's filter has stopped a text or picture", "Word it anew"),
    *((number, "comment_or_image", _COMMENT, _NO_WORD) for number in range(61327, 61334)),
    (61335, "key_apply_fail", "the key could not be applied for", _NO_WORD),
    (61336, "check_status_fail", "the status could not be looked up", _STATUS),
    (61338, "forbid_delete", "the product cannot be cleared", "Unpublish it first"),
    (61339, "firmcode_claimed", "the barcode's segment belongs to another account", _SEGMENT),
    (61340, "check_firm_info_fail", "the firm behind the segment could not be checked", _SEGMENT),
    (61344, "id_map_not_exists", "the product has no pid", _LIST),
    (63152, "set_ticket_fail", "the ticket could not be made", "Scan the code once more"),
    (63153, "shortid_decode_fail", "the pid cannot be read", _LIST),
    (63165, "module_info_not_exist", "there is no module_info", "Send module_info"),
    (63176, "not_this_type", "it is of another type", _STATUS),
    (63177, "wrong_src_or_secretkey", "src, secretkey, version or expired_time is wrong", _NO_WORD),
    (63178, "appid_wrong", "the appid is wrong", "Compare it with the console"),
    (63179, "openid_num_limit", "there are too many openids", "Send fewer"),
)

SCAN_CODES = _LISTED | _UNLISTED
