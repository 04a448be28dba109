"""WeCom's error codes: many numbers are those of WeChat, and some mean something else there. Performs no I/O."""

from __future__ import annotations

from scanhook.wechat.code import listed

__all__ = ["WECOM_CODES"]

_SECRET = "Compare corp_secret in [catalog.albums] with the WeCom console (Secret of the application)"  # noqa: S105
_FILE = "Send a picture that the page allows"
_CALLER = "The calling program is wrong here: please report it, with the rid"

_FACTS = listed(
    "WeCom, gettoken and access frequency (facts.md 4 and 5.1)",
    (45009, "api_freq_out_of_limit", "the API is called too often", "1000 calls a minute, 30 000 an hour; wait"),
    (45033, "api_concurrent_out_of_limit", "too many calls at once", "300 may run at once; ask again in a while"),
    passing=(45009, 45033),
)
_PAGE = listed(
    "WeCom's global error codes (全局错误码)",
    (-1, "system_busy", "WeCom is busy", "Ask again in a while, three times at most"),
    (40001, "invalid_secret", "the secret is not right", _SECRET),
    (40003, "invalid_userid", "there is no such member", "Look at the userid"),
    (40004, "invalid_media_type", "the kind of file is not taken", _FILE),
    (40005, "invalid_type", "the type is not right", _CALLER),
    (40006, "invalid_file_size", "the file is too large, or empty", _FILE),
    (40007, "invalid_media_id", "there is no such attachment, or no more", "It lives 3 days: upload it anew"),
    (40009, "invalid_image_size", "the picture is too large, or empty", _FILE),
    (40013, "invalid_corpid", "there is no such company", "Compare corp_id in [catalog.albums] with 我的企业 → 企业ID"),
    (40014, "invalid_access_token", "the access token is not valid", "See that it is this application's"),
    (40056, "invalid_agentid", "there is no such application", "Compare it with the WeCom console"),
    (40058, "invalid_parameter", "a parameter is not right", "Compare it with the page"),
    (41001, "access_token_missing", "there is no access token", _CALLER),
    (41002, "corpid_missing", "there is no corpid", _CALLER),
    (41004, "corpsecret_missing", "there is no secret", _CALLER),
    (42001, "access_token_expired", "the access token has expired", "See that the source of tokens gives a new one"),
    (44001, "empty_media_data", "the file is empty", _FILE),
    (45001, "media_size_out_of_limit", "the file is too large", _FILE),
    (47001, "data_format_error", "the request's JSON cannot be read", _CALLER),
    (48002, "api_forbidden", "the application has no right to this API", "See what it is granted"),
    (48004, "suite_not_authorized", "the company no longer grants it to the application", "Let it authorise once more"),
    (60011, "no_privilege", "the application may not see or change that", "Only who made an album may change it"),
    (60020, "not_allow_to_access_from_your_ip", "the address that calls is not trusted", "Add it to 企业可信IP"),
    (301002, "no_privilege_of_app", "the application may not be used for that", "See what it is granted"),
    passing=(-1, 42001),
)

WECOM_CODES = _PAGE | _FACTS
