from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import pytest

from scanhook.errors import Refused, WechatRefused, WechatUnreachable
from scanhook.wechat import Api, System, Upload
from scanhook.wechat.api import ANSWER_MAX_BYTES
from scanhook.wechat.pace import Pace
from tests.wechat.loopback import Asked, Script, answer, nobody, peer

SECRET_TOKEN = "70k3n-never-shown"
Call = Callable[[Api], object]


@dataclass(slots=True)
class Tokens:
    """Tokens in a row; the next one is given when the last one is expired."""

    row: list[str] = field(default_factory=lambda: [SECRET_TOKEN])
    expired: list[str] = field(default_factory=list)
    can_renew: bool = True
    closed: bool = False

    def token(self) -> str:
        return self.row[0]

    def expire(self, token: str) -> bool:
        self.expired.append(token)
        if self.can_renew and len(self.row) > 1:
            self.row.pop(0)
        return self.can_renew

    def close(self) -> None:
        self.closed = True


@dataclass(slots=True)
class Time:
    """Passes only when somebody sleeps."""

    at: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    def pace(self, chance: float = 1.0) -> Pace:
        return Pace(sleep=self.sleep, chance=lambda: chance, monotonic=lambda: self.at)


def read(api: Api) -> object:
    return api.read("/scan/product/get", {"keystr": "x"})


def write(api: Api) -> object:
    return api.write("/scan/product/modstatus", {"keystr": "x"})


def upload(api: Api) -> object:
    return api.upload("/cgi-bin/media/upload", Upload(filename="a.png", content=b"\x89PNG", content_type="image/png"))


def download(api: Api) -> object:
    return api.download("/cgi-bin/media/get", query={"media_id": "m"})


@contextmanager
def api_at(
    *bases: str, tokens: Tokens | None = None, timeout_s: float = 5.0, pace: Pace | None = None
) -> Iterator[Api]:
    with closing(Api(bases, tokens=tokens or Tokens(), timeout_s=timeout_s, pace=pace)) as api:
        yield api


def always(content: object, **how: object) -> Script:
    return lambda _asked: answer(content, **how)  # type: ignore[arg-type]


def test_a_read_without_a_body_is_a_get_that_bears_the_token() -> None:
    with peer(always({"errcode": 0, "ip_list": []})) as wechat, api_at(wechat.base) as api:
        assert api.read("/cgi-bin/getcallbackip", query={"a": "b c"}) == {"errcode": 0, "ip_list": []}

    [asked] = wechat.asked
    assert (asked.method, asked.path, asked.query) == (
        "GET",
        "/cgi-bin/getcallbackip",
        {"a": "b c", "access_token": SECRET_TOKEN},
    )


def test_a_body_goes_as_json_in_plain_utf_8() -> None:
    with peer(always({"errcode": 0})) as wechat, api_at(wechat.base) as api:
        api.write("/scan/product/update", {"title": "茶", "n": 1})

    [asked] = wechat.asked
    assert (asked.method, asked.body) == ("POST", '{"title": "茶", "n": 1}'.encode())
    assert asked.headers["content-type"] == "application/json"


def test_without_a_token_source_that_gives_one_no_token_is_sent() -> None:
    class Nothing(Tokens):
        def token(self) -> None:  # type: ignore[override]
            return None

    with peer(always({"errcode": 0})) as wechat, api_at(wechat.base, tokens=Nothing()) as api:
        read(api)

    assert wechat.asked[0].query == {}


@pytest.mark.parametrize(
    "content",
    [
        b'{"errcode":0,"pid":"5g0B4A90aqc"}',
        b'\xef\xbb\xbf{"errcode":"0","pid":"5g0B4A90aqc"}',
        b'{"pid":"5g0B4A90aqc"}\n',
    ],
)
@pytest.mark.parametrize("content_type", ["text/plain", "application/json; encoding=utf-8", "text/html"])
def test_json_is_read_whatever_its_content_type(content: bytes, content_type: str) -> None:
    with peer(always(content, content_type=content_type)) as wechat, api_at(wechat.base) as api:
        assert read(api)["pid"] == "5g0B4A90aqc"  # type: ignore[index]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (answer(b"<!DOCTYPE html><h1>Welcome</h1>", content_type="text/html"), "HTML or XML, not JSON"),
        (answer(b""), "empty"),
        (answer(b" \n"), "empty"),
        (answer(b'{"errcode":0,"errmsg":"o'), "half a JSON"),
        (answer(b'[{"errcode":0}]'), "a JSON list, not an object"),
        (answer(b"ok"), "no JSON object"),
        (answer(b'"ok"'), "no JSON object"),
        (answer(b"\xff\xfe{}"), "no JSON object"),
        (answer(b'{"a":"\\ud800"}'), "half a JSON, or broken JSON"),
        (answer(b"[" * 100_000), "half a JSON"),
        (answer(b'{"errcode":"no"}'), "an errcode that is no number"),
        (answer(b'{"errcode":true}'), "an errcode that is no number"),
        (answer(b'{"errcode":null}'), "an errcode that is no number"),
        (answer(b"<h1>Bad Gateway</h1>", status=502), "status 502, without an error code"),
        (answer({"errcode": 0}, status=500), "status 500, without an error code"),
        (answer(b"", status=302, headers={"Location": "http://127.0.0.1:1/"}), "a redirect (status 302)"),
        (answer(b"\x1f\x8b\x08\x00", headers={"Content-Encoding": "gzip"}), "compressed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize(("call", "acted"), [(read, False), (write, None)])
def test_what_is_no_answer_is_unreachable_and_says_what_came(
    raw: bytes, says: str, call: Call, *, acted: bool | None
) -> None:
    with peer(lambda _asked: raw) as wechat, api_at(wechat.base) as api, pytest.raises(WechatUnreachable) as caught:
        call(api)

    assert says in caught.value.why
    assert "If it stays so, see that the address in [wechat] is right" in caught.value.why
    assert (caught.value.acted, len(wechat.asked)) == (acted, 1)


def test_an_error_code_is_read_even_when_the_status_is_bad() -> None:
    refused = answer({"errcode": 48001, "errmsg": "api unauthorized rid: 64ab-1"}, status=403)
    with peer(lambda _asked: refused) as wechat, api_at(wechat.base) as api, pytest.raises(WechatRefused) as caught:
        read(api)

    assert (caught.value.code, caught.value.rid, caught.value.permanent) == (48001, "64ab-1", True)
    assert "permission set 9" in caught.value.why


@pytest.mark.parametrize("begins", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"])
@pytest.mark.parametrize(("call", "acted"), [(read, False), (write, None), (upload, None), (download, False)])
def test_an_answer_that_never_ends_is_given_up(begins: bytes, call: Call, *, acted: bool | None) -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        yield begins
        wechat.closing.wait(30)

    with (
        peer(script) as wechat,
        api_at(wechat.base, timeout_s=0.2) as api,
        pytest.raises(WechatUnreachable, match=r"gave no whole answer within 0\.2 s") as caught,
    ):
        call(api)

    assert "If it stays so, give it more time with `timeout_s` in [wechat]" in caught.value.why
    assert (caught.value.acted, len(wechat.asked)) == (acted, 1)


@pytest.mark.parametrize("dripped", [b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 600, answer(b" " * 600)])
def test_one_byte_at_a_time_does_not_stretch_the_limit(dripped: bytes) -> None:
    with (
        peer(lambda _asked: wechat.drip(dripped)) as wechat,
        api_at(wechat.base, timeout_s=0.3) as api,
        pytest.raises(WechatUnreachable, match="gave no whole answer"),
    ):
        read(api)


@pytest.mark.parametrize(
    ("call", "first"),
    [(read, "Try again."), (write, "Nobody knows whether WeChat acted: look before you order it again.")],
)
def test_a_line_that_breaks_is_told_in_words_with_what_to_do(call: Call, first: str) -> None:
    with (
        peer(lambda _asked: None) as wechat,
        api_at(wechat.base) as api,
        pytest.raises(WechatUnreachable, match="broke the line off before its answer was whole") as caught,
    ):
        call(api)

    assert f". {first} If it stays so, see that the address in [wechat] is right" in caught.value.why


def test_an_answer_over_the_limit_is_not_read_to_its_end() -> None:
    with (
        peer(always(b"x" * (ANSWER_MAX_BYTES + 1))) as wechat,
        api_at(wechat.base) as api,
        pytest.raises(WechatUnreachable, match=f"more than {ANSWER_MAX_BYTES} bytes"),
    ):
        read(api)


@pytest.mark.parametrize("call", [read, write, upload, download])
def test_the_next_address_is_asked_when_nobody_listens_at_the_first(call: Call) -> None:
    file = {"Content-Disposition": 'attachment; filename="a.png"'}
    with peer(always({"errcode": 0}, headers=file)) as wechat, api_at(nobody(), wechat.base) as api:
        call(api)
        call(api)

    assert len(wechat.asked) == 2


@pytest.mark.parametrize("call", [read, write])
def test_when_nobody_listens_anywhere_nothing_was_done(call: Call) -> None:
    with api_at(nobody(), nobody()) as api, pytest.raises(WechatUnreachable, match="cannot be reached") as caught:
        call(api)

    assert caught.value.acted is False


@pytest.mark.parametrize("base", ["http://127.0.0.1:99999", "http://[::1", "http://a..b"])
def test_an_address_that_is_none_cannot_be_reached(base: str) -> None:
    with api_at(base) as api, pytest.raises(WechatUnreachable, match="cannot be reached"):
        read(api)


@pytest.mark.parametrize("fails", [lambda _asked: None, always(b"Bad Gateway", status=502)])
def test_a_read_goes_on_to_the_next_address_when_one_fails(fails: Script) -> None:
    with peer(fails) as broken, peer(always({"errcode": 0, "n": 1})) as well, api_at(broken.base, well.base) as api:
        assert read(api) == {"errcode": 0, "n": 1}

    assert (len(broken.asked), len(well.asked)) == (1, 1)


@pytest.mark.parametrize("fails", [lambda _asked: None, always(b"Bad Gateway", status=502)])
@pytest.mark.parametrize("call", [write, upload])
def test_a_write_whose_bytes_were_sent_is_never_repeated(fails: Script, call: Call) -> None:
    with (
        peer(fails) as broken,
        peer(always({"errcode": 0})) as well,
        api_at(broken.base, well.base) as api,
        pytest.raises(WechatUnreachable, match="Nobody knows whether WeChat acted") as caught,
    ):
        call(api)

    assert (caught.value.acted, len(broken.asked), len(well.asked)) == (None, 1, 0)


def test_an_address_that_answered_is_asked_first_for_a_while() -> None:
    time = Time()
    with (
        peer(lambda _asked: None) as broken,
        peer(always({"errcode": 0})) as well,
        api_at(broken.base, well.base, pace=time.pace()) as api,
    ):
        read(api)
        read(api)
        time.at += 61
        read(api)

    assert (len(broken.asked), len(well.asked)) == (2, 3)


@pytest.mark.parametrize("code", [40001, 40014, 42001])
@pytest.mark.parametrize("call", [read, write, upload, download])
def test_a_refused_token_is_renewed_once_and_even_a_write_goes_again(code: int, call: Call) -> None:
    def script(asked: Asked) -> bytes:
        if asked.token == "old":
            return answer({"errcode": code, "errmsg": "invalid credential"})
        return answer({"errcode": 0}, headers={"Content-Disposition": "attachment; filename=a"})

    tokens = Tokens(row=["old", "new", "newer"])
    with peer(script) as wechat, api_at(wechat.base, tokens=tokens) as api:
        call(api)

    assert ([asked.token for asked in wechat.asked], tokens.expired) == (["old", "new"], ["old"])


def test_a_second_refusal_of_a_token_is_the_end() -> None:
    tokens = Tokens(row=["old", "new", "newer"])
    with (
        peer(always({"errcode": 40001})) as wechat,
        api_at(wechat.base, tokens=tokens) as api,
        pytest.raises(WechatRefused),
    ):
        write(api)

    assert [asked.token for asked in wechat.asked] == ["old", "new"]


@pytest.mark.parametrize("tokens", [Tokens(can_renew=False), Tokens(row=["the same"])])
def test_where_there_is_no_other_token_nothing_is_asked_again(tokens: Tokens) -> None:
    with (
        peer(always({"errcode": 42001})) as wechat,
        api_at(wechat.base, tokens=tokens) as api,
        pytest.raises(WechatRefused),
    ):
        read(api)

    assert len(wechat.asked) == 1


@pytest.mark.parametrize("code", [40013, 40164, 41001, 45009, 48001, 61317, 85023])
def test_what_a_repeat_cannot_mend_is_not_asked_again(code: int) -> None:
    time, tokens = Time(), Tokens(row=["a", "b"])
    with (
        peer(always({"errcode": code})) as wechat,
        api_at(wechat.base, tokens=tokens, pace=time.pace()) as api,
        pytest.raises(WechatRefused),
    ):
        read(api)

    assert (len(wechat.asked), time.slept, tokens.expired) == (1, [], [])


@pytest.mark.parametrize("code", [-1, -202, 45011])
def test_a_read_backs_off_longer_and_longer_while_wechat_is_busy(code: int) -> None:
    time = Time()
    with (
        peer(always({"errcode": code})) as wechat,
        api_at(wechat.base, timeout_s=60, pace=time.pace()) as api,
        pytest.raises(WechatRefused, match="asked 4 times"),
    ):
        read(api)

    assert (len(wechat.asked), time.slept) == (4, [0.5, 1.0, 2.0])


def test_a_read_gets_its_answer_when_wechat_is_free_again() -> None:
    answers = iter([answer({"errcode": -1}), answer({"errcode": -1}), answer({"errcode": 0, "n": 1})])
    with peer(lambda _asked: next(answers)) as wechat, api_at(wechat.base, pace=Time().pace(0.5)) as api:
        assert read(api) == {"errcode": 0, "n": 1}


def test_no_repeat_begins_after_the_time_is_over() -> None:
    time = Time()
    with (
        peer(always({"errcode": -1})) as wechat,
        api_at(wechat.base, timeout_s=1.2, pace=time.pace()) as api,
        pytest.raises(WechatRefused),
    ):
        read(api)

    assert (len(wechat.asked), time.slept) == (2, [0.5])


@pytest.mark.parametrize("code", [-1, -202])
def test_a_busy_write_is_not_repeated_and_says_so(code: int) -> None:
    time = Time()
    with (
        peer(always({"errcode": code})) as wechat,
        api_at(wechat.base, pace=time.pace()) as api,
        pytest.raises(WechatRefused, match="not asked again: nobody knows whether WeChat acted"),
    ):
        write(api)

    assert (len(wechat.asked), time.slept) == (1, [])


def test_a_write_that_came_too_often_is_repeated_since_it_was_refused_before() -> None:
    time, answers = Time(), iter([answer({"errcode": 45011}), answer({"errcode": 0})])
    with peer(lambda _asked: next(answers)) as wechat, api_at(wechat.base, pace=time.pace()) as api:
        assert write(api) == {"errcode": 0}

    assert time.slept == [0.5]


@pytest.mark.parametrize("errcode", [300021, 300013, 45011, 40001, -1, "many"])
def test_an_answer_that_must_not_be_lost_comes_whatever_its_error_code(errcode: object) -> None:
    said = {"errcode": errcode, "goodsId": 7}
    with peer(always(said)) as wechat, api_at(wechat.base) as api:
        assert api.write("/wxaapi/broadcast/goods/add", {}, must_not_be_lost=lambda found: "goodsId" in found) == said
    assert len(wechat.asked) == 1


def test_an_answer_that_must_not_be_lost_comes_whatever_its_status() -> None:
    with peer(always({"goodsId": 7}, status=502)) as wechat, api_at(wechat.base) as api:
        assert api.write("/x", {}, must_not_be_lost=lambda found: "goodsId" in found) == {"goodsId": 7}


def test_a_file_goes_up_in_the_part_media() -> None:
    with peer(always({"errcode": 0, "media_id": "m"})) as wechat, api_at(wechat.base) as api:
        file = Upload(filename='茶"1.png', content=b"\x89PNG\r\n--x", content_type="image/png")
        assert api.upload("/cgi-bin/media/upload", file, query={"type": "image"})["media_id"] == "m"

    [asked] = wechat.asked
    assert (asked.method, asked.query["type"]) == ("POST", "image")
    assert asked.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert (
        b'name="media"; filename="\xe8\x8c\xb6%221.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--x\r\n'
        in asked.body
    )


@pytest.mark.parametrize("header", ['attachment; filename="MEDIA_ID.jpg"', "attachment", ";;;="])
def test_a_file_comes_down(header: str) -> None:
    raw = answer(b"\xff\xd8\xff", content_type="image/jpeg", headers={"Content-Disposition": header})
    with peer(lambda _asked: raw) as wechat, api_at(wechat.base) as api:
        file = api.download("/cgi-bin/media/get", query={"media_id": "m"})

    assert (file.content, file.content_type) == (b"\xff\xd8\xff", "image/jpeg")


def test_a_json_file_is_a_file_when_it_comes_as_one() -> None:
    raw = answer(b'{"a":1}', headers={"Content-Disposition": "attachment; filename=a.json"})
    with peer(lambda _asked: raw) as wechat, api_at(wechat.base) as api:
        assert api.download("/cgi-bin/media/get", query={}).content == b'{"a":1}'


def test_an_error_code_in_the_place_of_a_file_is_an_error() -> None:
    with (
        peer(always({"errcode": 40007, "errmsg": "invalid media_id"})) as wechat,
        api_at(wechat.base) as api,
        pytest.raises(WechatRefused) as caught,
    ):
        download(api)

    assert (caught.value.code, caught.value.name) == (40007, "invalid_media_id")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (answer({"video_url": "http://127.0.0.1/"}), "JSON, not a file"),
        (answer(b"<html>", content_type="text/html; charset=utf-8"), "HTML or XML"),
        (answer(b"", content_type="image/png"), "empty"),
        (answer(b"\xff\xd8", status=404), "status 404"),
    ],
)
def test_what_is_no_file_says_what_came(raw: bytes, says: str) -> None:
    with peer(lambda _asked: raw) as wechat, api_at(wechat.base) as api, pytest.raises(WechatUnreachable, match=says):
        download(api)


@pytest.mark.parametrize(
    "script",
    [
        lambda _asked: None,
        always({"errcode": 40001, "errmsg": f"invalid credential {SECRET_TOKEN}"}),
        always(SECRET_TOKEN.encode()),
        always(b"<html>", status=502),
        always({"errcode": 0}),
    ],
)
@pytest.mark.parametrize("call", [read, write, upload, download])
def test_no_error_and_no_log_holds_the_token(script: Script, call: Call, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = ""
    with peer(script) as wechat, api_at(wechat.base, nobody(), tokens=Tokens(can_renew=False)) as api:
        try:
            call(api)
        except (WechatRefused, WechatUnreachable) as error:
            said = f"{error!r} {error} {error.__cause__!r} {vars(error)}"

    assert wechat.asked[0].token == SECRET_TOKEN
    assert SECRET_TOKEN not in said + caplog.text
    assert SECRET_TOKEN not in " ".join(repr(record.args) for record in caplog.records)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda api: api.write("/scan/product/update", {"title": "\ud83d"}), "half a character"),
        (lambda api: api.read("/union/promoter/product/list", query={"query": "\ud83d"}), "half a character"),
        (lambda api: api.download("/cgi-bin/media/get", query={"\ud83d": "m"}), "half a character"),
        (lambda api: api.read("/scan/\ud83d"), "half a character"),
        (
            lambda api: api.upload("/x", Upload(filename="\ud83d.png", content=b"x", content_type="image/png")),
            "half a character",
        ),
        (lambda api: api.write("/wxaapi/broadcast/goods/add", {"price": math.nan}), "infinite or none"),
        (lambda api: api.write("/wxaapi/broadcast/goods/add", {"price": math.inf}), "infinite or none"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(call: Call, says: str) -> None:
    with peer(always({"errcode": 0})) as wechat, api_at(wechat.base) as api, pytest.raises(Refused, match=says):
        call(api)

    assert wechat.asked == []


def test_a_connection_is_kept_for_the_next_call() -> None:
    with peer(always({"errcode": 0})) as wechat, api_at(wechat.base) as api:
        for _ in range(5):
            read(api)

    assert (len(wechat.asked), wechat.lines) == (5, 1)


def test_the_source_of_tokens_is_closed_with_the_api() -> None:
    tokens = Tokens()
    with api_at(nobody(), tokens=tokens):
        assert not tokens.closed

    assert tokens.closed


def test_wecom_errors_have_wecoms_meaning() -> None:
    with (
        peer(always({"errcode": 40003})) as wechat,
        closing(Api([wechat.base], tokens=Tokens(), timeout_s=5, system=System.ALBUMS)) as api,
        pytest.raises(WechatRefused) as caught,
    ):
        api.read("/cgi-bin/externalcontact/get_product_album", {})

    assert caught.value.name == "invalid_userid"


def test_a_missing_right_is_told_of_the_system_whose_picture_goes_up() -> None:
    with (
        peer(always({"errcode": 48001})) as wechat,
        closing(Api([wechat.base], tokens=Tokens(), timeout_s=5, system=System.LIVE)) as api,
        pytest.raises(WechatRefused, match="permission set 52"),
    ):
        upload(api)
