from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from scanhook.cli import main
from scanhook.errors import WechatUnreachable
from scanhook.sandbox.sample_tenants import sample_tenants
from scanhook.wechat import Downloaded, System
from scanhook.wechat.codes import refusal
from tests.cli.conftest import run, run_json
from tests.cli.scripts import Script, sandbox_calls, script_for

OK: dict[str, Any] = {"errcode": 0, "errmsg": "ok"}
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF"
LISTED: dict[str, Any] = {
    "product_id": "xxxxxxxxxx",
    "description": "世界上最好的商品",
    "price": 30000,
    "product_sn": "xxxxxxxx",
    "attachments": [{"type": "image", "image": {"media_id": "MEDIA_ID"}}],
}
SHOWN = {
    "product_id": "xxxxxxxxxx",
    "description": "世界上最好的商品",
    "price_fen": 30000,
    "price_yuan": "300.00",
    "product_sn": "xxxxxxxx",
    "images": ["MEDIA_ID"],
}
ADD = ("albums", "add", "--description", "世界上最好的商品")


@pytest.fixture
def wecom(monkeypatch: pytest.MonkeyPatch) -> Script:
    return script_for(monkeypatch, System.ALBUMS)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "相框.png"
    path.write_bytes(PNG)
    return path


def test_a_product_is_added_with_a_media_id_and_a_price_in_yuan(wecom: Script) -> None:
    api = wecom({**OK, "product_id": "xxxxxxxxxx"})
    said = run(*ADD, "--price-yuan", "300", "--product-sn", "xxxxxxxx", "--media-id", "MEDIA_ID").stdout
    assert said == "The product xxxxxxxxxx is added, for 300.00 yuan.\n"
    assert api.bodies == [{name: value for name, value in LISTED.items() if name != "product_id"}]


def test_images_go_up_first_in_the_order_that_they_are_given_in(wecom: Script, picture: Path) -> None:
    other = picture.with_name("b.jpg")
    other.write_bytes(JPEG)
    api = wecom({**OK, "media_id": "ONE"}, {**OK, "media_id": "TWO"}, {**OK, "product_id": "p"})
    given = ("--price-fen", "29990", "--image", picture, "--image", other, "--media-id", "THREE")
    assert run_json(*ADD, *given) == {"product_id": "p", "price_fen": 29990, "images": ["ONE", "TWO", "THREE"]}
    assert [(call.verb, call.path.rpartition("/")[2]) for call in api.calls] == [
        ("upload", "upload_attachment"),
        ("upload", "upload_attachment"),
        ("write", "add_product_album"),
    ]
    assert [(image.content, image.content_type) for image in api.bodies[:2]] == [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
    ]
    assert [each["image"]["media_id"] for each in api.bodies[2]["attachments"]] == ["ONE", "TWO", "THREE"]


@pytest.mark.parametrize(
    ("given", "code", "why"),
    [
        ((), 2, "the price is missing: give --price-yuan or --price-fen"),
        (("--price-yuan", "1", "--price-fen", "100"), 2, "say the same: give one of them"),
        (("--price-yuan", "1.005"), 1, "`1.005` is no price in yuan"),
        (("--price-yuan", "50000.01"), 1, "WeCom takes 0 to 50000.00 yuan"),
        (("--price-yuan", "1", "--product-sn", "A-1"), 1, "only the letters"),
        (("--price-yuan", "1", *(("--media-id", "m") * 9)), 1, "the product has 10 images"),
    ],
    ids=range(6),
)
def test_nothing_goes_up_for_a_product_that_cannot_be_added(
    wecom: Script, picture: Path, given: tuple[str, ...], code: int, why: str
) -> None:
    api = wecom()
    assert why in run(*ADD, "--image", picture, *given, code=code).stderr
    assert api.calls == []


def test_a_product_without_an_image_is_refused(wecom: Script) -> None:
    wecom()
    assert "the product has 0 images" in run(*ADD, "--price-yuan", "1", code=1).stderr


def test_a_file_that_is_no_image_is_refused_before_anything_is_sent(
    wecom: Script, picture: Path, tmp_path: Path
) -> None:
    api = wecom()
    (tmp_path / "b.png").write_bytes(b"GIF89a")
    given = ("--price-yuan", "1", "--image", picture, "--image", tmp_path / "b.png")
    assert "b.png is no PNG or JPEG image" in run(*ADD, *given, code=1).stderr
    assert api.calls == []


@pytest.mark.parametrize(
    ("answers", "note"),
    [
        (({**OK, "media_id": "ONE"}, {**OK, "media_id": "TWO"}), "--media-id ONE --media-id TWO"),
        (({**OK, "media_id": "ONE"},), "--media-id ONE\n"),
    ],
    ids=["adding", "the second upload"],
)
def test_what_went_up_before_a_failure_can_be_used_again(
    wecom: Script, picture: Path, answers: tuple[dict[str, Any], ...], note: str
) -> None:
    wecom(*answers, WechatUnreachable("no answer", acted=None))
    said = run(*ADD, "--price-yuan", "1", "--image", picture, "--image", picture, code=1).stderr
    assert f"these images are up, and can be used for three days: {note}" in said
    assert "error: no answer" in said


def test_nothing_is_said_of_images_when_none_went_up(wecom: Script, picture: Path) -> None:
    wecom(WechatUnreachable("no answer", acted=None))
    assert "these images" not in run(*ADD, "--price-yuan", "1", "--image", picture, code=1).stderr
    wecom(WechatUnreachable("no answer", acted=None))
    assert "these images" not in run(*ADD, "--price-yuan", "1", "--media-id", "m", code=1).stderr


def test_an_update_sends_only_what_is_given(wecom: Script) -> None:
    api = wecom(OK, OK)
    said = run("albums", "update", "xxxxxxxxxx", "--price-fen", "1", "--description", "新").stdout
    assert said == "The product xxxxxxxxxx is changed: description, price.\n"
    assert run_json("albums", "update", "xxxxxxxxxx", "--product-sn", "")["changed"] == ["product_sn"]
    assert api.bodies == [
        {"product_id": "xxxxxxxxxx", "description": "新", "price": 1},
        {"product_id": "xxxxxxxxxx", "product_sn": ""},
    ]


def test_an_update_may_bring_new_images(wecom: Script, picture: Path) -> None:
    api = wecom({**OK, "media_id": "NEW"}, OK)
    run("albums", "update", "xxxxxxxxxx", "--image", picture)
    assert api.bodies[1]["attachments"] == [{"type": "image", "image": {"media_id": "NEW"}}]


def test_an_update_of_nothing_is_refused(wecom: Script) -> None:
    wecom()
    assert "nothing is to be changed" in run("albums", "update", "xxxxxxxxxx", code=1).stderr


def test_a_product_is_shown_with_its_price_in_yuan_and_fen(wecom: Script) -> None:
    answer = {**OK, "product": {**LISTED, "create_time": 1600000000}}
    wecom(answer, answer)
    assert run_json("albums", "get", "xxxxxxxxxx") == {**SHOWN, "created_at": "2020-09-13T12:26:40+00:00"}
    table = run("albums", "get", "xxxxxxxxxx").stdout
    assert all(word in table for word in ("300.00", "30000", "世界上最好的商品", "MEDIA_ID", "2020-09-13"))


def test_products_are_listed_to_the_end(wecom: Script) -> None:
    pages = (
        {**OK, "next_cursor": "CURSOR", "product_list": [LISTED]},
        {**OK, "next_cursor": "", "product_list": [{**LISTED, "product_id": "second"}]},
    )
    api = wecom(*pages, *pages)
    assert run_json("albums", "list") == [
        {**SHOWN, "created_at": None},
        {**SHOWN, "product_id": "second", "created_at": None},
    ]
    assert api.bodies == [{"limit": 100}, {"limit": 100, "cursor": "CURSOR"}]
    table = run("albums", "list").stdout
    assert all(word in table for word in ("xxxxxxxxxx", "second", "300.00", "30000"))


def test_an_empty_album_says_what_to_do(wecom: Script) -> None:
    empty = {**OK, "product_list": []}
    wecom(empty, empty)
    assert "add one with `scanhook albums add`" in run("albums", "list").stdout
    assert run_json("albums", "list") == []


def test_a_product_is_deleted_only_when_somebody_says_so(wecom: Script) -> None:
    api = wecom(OK, OK)
    assert "say --yes" in run("albums", "delete", "xxxxxxxxxx", code=1).stderr
    assert api.calls == []
    assert run("albums", "delete", "xxxxxxxxxx", "--yes").stdout == "The product xxxxxxxxxx is deleted.\n"
    assert run_json("albums", "delete", "xxxxxxxxxx", "--yes") == {"product_id": "xxxxxxxxxx"}
    assert api.bodies == [{"product_id": "xxxxxxxxxx"}] * 2


@pytest.mark.parametrize(("said", "left"), [("y\n", 0), ("n\n", 1)])
def test_whoever_sits_at_a_terminal_is_asked(
    wecom: Script, monkeypatch: pytest.MonkeyPatch, said: str, left: int
) -> None:
    api = wecom(OK)
    monkeypatch.setattr("scanhook.cli.common.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    result = CliRunner().invoke(main, ["albums", "delete", "xxxxxxxxxx"], input=said, catch_exceptions=False)
    assert "This deletes the product xxxxxxxxxx for good. Go on?" in result.stderr
    assert (result.exit_code, len(api.calls)) == (left, 1 - left)


def test_an_id_that_begins_with_a_hyphen_goes_behind_two_of_them(wecom: Script) -> None:
    api = wecom({**OK, "product": LISTED})
    run("albums", "get", "--", "-h123")
    assert api.bodies == [{"product_id": "-h123"}]


def test_an_image_is_written_to_a_file_that_is_not_there_yet(wecom: Script, tmp_path: Path) -> None:
    file = Downloaded(content=PNG, content_type="image/png")
    api = wecom(file, file)
    target = tmp_path / "image.png"
    assert run("albums", "image", "MEDIA_ID", target).stdout == f"{target}: 16 bytes, image/png.\n"
    assert target.read_bytes() == PNG
    assert "is there already" in run("albums", "image", "MEDIA_ID", target, code=1).stderr
    assert len(api.calls) == 1
    missing = tmp_path / "no folder" / "image.png"
    assert "cannot be written: No such file" in run("albums", "image", "MEDIA_ID", missing, code=1).stderr


def test_an_image_tells_programs_what_it_is(wecom: Script, tmp_path: Path) -> None:
    wecom(Downloaded(content=JPEG, content_type="image/jpeg"))
    target = tmp_path / "a.jpg"
    assert run_json("albums", "image", "MEDIA_ID", target) == {
        "file": str(target),
        "bytes": 10,
        "content_type": "image/jpeg",
    }


def test_what_wecom_refuses_is_said_and_ends_with_1(wecom: Script) -> None:
    wecom(refusal(48002, "api forbidden", path="/cgi-bin/externalcontact/delete_product_album"))
    said = run("albums", "delete", "another", "--yes", code=1).stderr
    assert "/cgi-bin/externalcontact/delete_product_album" in said
    assert "48002" in said


@pytest.mark.parametrize(
    "command", [("get", "NOPE"), ("delete", "NOPE", "--yes"), ("update", "NOPE", "--price-fen", "1")]
)
def test_a_product_that_is_perhaps_not_there_is_remarked(wecom: Script, command: tuple[str, ...]) -> None:
    wecom(refusal(40035, "invalid parameter", path="/cgi-bin/externalcontact/get_product_album"))
    said = " ".join(run("albums", *command, code=1).stderr.split())
    assert "note: perhaps there is no product NOPE: `scanhook albums list` shows those that there are" in said


def test_a_product_lives_and_dies_in_the_sandbox(
    monkeypatch: pytest.MonkeyPatch, picture: Path, tmp_path: Path
) -> None:
    target = tmp_path / "down.png"
    with sandbox_calls(monkeypatch, System.ALBUMS, tenant="goods"):
        added = run_json(*ADD, "--price-yuan", "300", "--product-sn", "xxxxxxxx", "--image", picture)
        product_id, [media_id] = added["product_id"], added["images"]
        assert [product["product_id"] for product in run_json("albums", "list")] == [product_id]
        run("albums", "update", product_id, "--price-fen", "1")
        shown = run_json("albums", "get", product_id)
        run("albums", "image", media_id, target)
        run("albums", "delete", product_id, "--yes")
        assert "get_product_album: WeChat answers" in run("albums", "get", product_id, code=1).stderr
        assert run_json("albums", "list") == []
    assert (shown["price_yuan"], shown["description"], shown["images"]) == ("0.01", "世界上最好的商品", [media_id])
    assert shown["created_at"]
    assert target.read_bytes() == PNG


def test_another_applications_product_can_be_seen_but_not_changed(
    monkeypatch: pytest.MonkeyPatch, picture: Path
) -> None:
    with sandbox_calls(monkeypatch, System.ALBUMS, tenant="goods") as goods:
        product_id = run_json(*ADD, "--price-yuan", "300", "--image", picture)["product_id"]
        [other] = [tenant.secret for tenant in sample_tenants() if tenant.name == "other"]
        monkeypatch.setenv("SCANHOOK_CATALOG__ALBUMS__CORP_SECRET", other)
        assert run_json("albums", "get", product_id)["price_fen"] == 30000
        for verb in (("update", product_id, "--price-fen", "1"), ("delete", product_id, "--yes")):
            assert "WeChat answers" in run("albums", *verb, code=1).stderr
        monkeypatch.setenv("SCANHOOK_CATALOG__ALBUMS__CORP_SECRET", goods.secret)
        assert run_json("albums", "get", product_id)["price_fen"] == 30000
