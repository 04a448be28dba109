"""The error codes that every API of WeChat's may answer (facts.md section 4, and the seeds). Performs no I/O."""

from __future__ import annotations

from scanhook.wechat.code import listed

__all__ = ["GLOBAL_CODES"]

_RIGHT = "The account may not call this API: see what it is granted in the console (接口权限)"
_CONSOLE = "Compare it with the console (设置与开发 → 基本配置)"
_PLATFORM = "The account must grant it to the third-party platform: let its owner authorise once more"
_CALLER = "The calling program is wrong here: please report it, with the rid"
_LATER = "Ask again in a while"

_FACTS = listed(
    "facts.md 4, and the global error codes (全局返回码)",
    (-1, "system_error", "WeChat is busy", _LATER),
    (40001, "invalid_credential", "the secret is wrong, or the access token is not valid or not the latest", _CONSOLE),
    (40013, "invalid_appid", "there is no such app id", _CONSOLE),
    (40014, "invalid_access_token", "the access token is not valid", "See that it is this account's"),
    (40164, "invalid_ip", "the address that calls is not in the IP whitelist", "Add it in the console (IP白名单)"),
    (41001, "access_token_missing", "there is no access token", _CALLER),
    (42001, "access_token_expired", "the access token has expired", "See that the source of tokens gives a new one"),
    (45009, "reach_max_api_daily_quota_limit", "the day's quota is used up", "It is reset at midnight in China"),
    (45011, "api_minute_quota_reach_limit", "the API is called too often", _LATER),
    (47001, "data_format_error", "the request's JSON cannot be read", _CALLER),
    (48001, "api_unauthorized", "the account has no right to this API", _RIGHT),
    (48004, "api_forbidden", "the account was banned from this API", "See why in the console (站内信)"),
    (48006, "forbid_to_clear_quota", "the 10 resets of a month are used up", "Wait for the next month"),
    (61003, "component_is_not_authorized", "the third-party platform is not authorised", _PLATFORM),
    (61004, "access_clientip_is_not_registered", "the platform's address is not registered", "Add it on the platform"),
    (61007, "api_is_unauthorized_to_component", "the API is not granted to the third-party platform", _PLATFORM),
    (61023, "refresh_token_is_invalid", "the platform's refresh token is not valid", _PLATFORM),
    (
        89503,
        "ip_must_be_confirmed",
        "an administrator must confirm this address first",
        "Confirm it in WeChat (管理员)",
    ),
    passing=(-1, 42001, 45011),
)

_SEEDS = listed(
    "getUnionProduct, error codes",
    (-202, "internal_error", "WeChat has a fault inside", _LATER),
    (40003, "invalid_openid", "there is no such openid for this account", "An openid is good for one account only"),
    passing=(-202,),
)

_PAGE = listed(
    "the global error codes (全局返回码)",
    (40002, "invalid_grant_type", "the grant type is not right", _CALLER),
    (40004, "invalid_media_type", "the kind of file is not taken", "Send one that the page names"),
    (40005, "invalid_file_type", "the file's type is not taken", "Send one that the page names"),
    (40006, "invalid_meida_size", "the file is too large, or empty", "Send a smaller one"),
    (
        40007,
        "invalid_media_id",
        "there is no such material, or no more",
        "Temporary material lives 3 days: upload it anew",
    ),
    (40009, "invalid_image_size", "the picture is too large, or empty", "Send a smaller one"),
    (40035, "invalid_parameter", "a parameter is not right", "Compare it with the page"),
    (40066, "invalid_url", "there is no such API", "See that the address in [wechat] is right"),
    (40125, "invalid_appsecret", "the secret is wrong", _CONSOLE),
    (40243, "appsecret_frozen", "the AppSecret is frozen", "Unfreeze it in the console"),
    (41002, "appid_missing", "there is no app id", _CALLER),
    (41004, "appsecret_missing", "there is no secret", _CALLER),
    (41005, "media_data_missing", "there is no file", _CALLER),
    (43001, "require_get_method", "it must be a GET", _CALLER),
    (43002, "require_post_method", "it must be a POST", _CALLER),
    (43003, "require_https", "it must be HTTPS", "Write https:// in [wechat]"),
    (44001, "empty_media_data", "the file is empty", "Send one with something in it"),
    (44002, "empty_post_data", "the request is empty", _CALLER),
    (45001, "media_size_out_of_limit", "the file is too large", "Send a smaller one"),
    (89506, "ip_refused_for_24_hours", "an administrator has refused this address", "Ask them; wait 24 hours"),
    (89507, "ip_refused_for_1_hour", "an administrator has refused this address", "Ask them; wait an hour"),
)

_DIAGNOSIS = listed(
    "callback/check and openapi/rid/get, error codes",
    (40201, "invalid_url", "no callback URL is set, or not a right one", "Enter it in the console (服务器配置)"),
    (40202, "invalid_action", "there is no such action", "Write dns, ping or all"),
    (40203, "invalid_check_operator", "there is no such operator", "Write CHINANET, UNICOM, CAP or DEFAULT"),
    (76001, "rid_not_found", "there is no such rid", "Copy it once more"),
    (76002, "rid_is_error", "that is no rid", "Copy it once more"),
    (76003, "rid_of_another_account", "the rid belongs to another account", "Ask with the account that got it"),
    (76004, "rid_is_expired", "the rid is too old", "A rid can be looked up for 7 days"),
)

GLOBAL_CODES = _DIAGNOSIS | _PAGE | _SEEDS | _FACTS
