from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from scanhook.errors import WechatUnreachable
from scanhook.wechat.answer import Answer


def _answer(**found: Any) -> Answer:
    return Answer(found, path="/scan/product/get")


def test_every_kind_of_field_is_read() -> None:
    answer = _answer(name="相框", price=30000, total="11", shop={"name": "s"}, items=[{"id": 1}, {"id": "2"}])
    assert answer.text("name") == "相框"
    assert answer.whole("price") == 30000
    assert answer.whole("total") == 11
    assert answer.part("shop").text("name") == "s"
    assert [item.id("id") for item in answer.parts("items")] == ["1", "2"]


def test_an_id_keeps_all_its_digits_also_as_a_number() -> None:
    assert _answer(product_id=18446744073709551615).id("product_id") == "18446744073709551615"


def test_what_is_not_there_is_what_the_caller_says() -> None:
    answer = _answer(gone=None)
    assert (answer.text("gone", ""), answer.whole("gone", 0), answer.id("gone", "")) == ("", 0, "")
    assert answer.parts("gone") == []
    assert (answer.has("gone"), _answer(there=0).has("there")) == (False, True)


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("text", None, "name is not there"),
        ("text", 5, "name is not a text"),
        ("whole", "5.0", "name is not a whole number"),
        ("whole", 5.0, "name is not a whole number"),
        ("whole", True, "name is not a whole number"),
        ("whole", "９", "name is not a whole number"),
        ("whole", "9" * 21, "name is not a whole number"),
        ("id", 1.5, "name is not an id"),
        ("id", False, "name is not an id"),
        ("part", [], "name is not an object"),
        ("parts", {}, "name is not a list"),
        ("parts", [{}, 5], "name[1] is not an object"),
        ("id", "", "name is not an id"),
        ("decimal", None, "name is not there"),
        ("decimal", True, "name is not a number"),
        ("decimal", "1,5", "name is not a number"),
        ("decimal", "NaN", "name is not a number"),
        ("decimal", float("inf"), "name is not a number"),
        ("decimal", "1e-1000000", "name is not a number"),
        ("decimal", "1E5", "name is not a number"),
        ("decimal", " 1", "name is not a number"),
        ("decimal", "1_000", "name is not a number"),
        ("decimal", "９", "name is not a number"),
        ("decimal", "1.", "name is not a number"),
        ("decimal", "1" * 20, "name is not a number"),
        ("decimal", "0." + "1" * 10, "name is not a number"),
        ("decimal", "9223372036854775808", "name is not a number"),
        ("decimal", 1e300, "name is not a number"),
        ("truth", "yes", "name is not true or false"),
        ("truth", 2, "name is not true or false"),
        ("texts", ["a", 5], "name is not a list of texts"),
        ("texts", "a", "name is not a list"),
    ],
)
def test_what_is_of_another_kind_is_no_answer(kind: str, value: object, why: str) -> None:
    said = re.escape(f"/scan/product/get: the answer is not what the page says: {why}")
    with pytest.raises(WechatUnreachable, match=f"^{said}$") as caught:
        getattr(_answer(name=value), kind)("name")
    assert caught.value.acted is None


def test_an_error_says_where_in_the_answer_it_is() -> None:
    answer = _answer(product={"attachments": [{}, {"image": {"media_id": 1}}]})
    image = answer.part("product").parts("attachments")[1].part("image")
    with pytest.raises(WechatUnreachable, match=r"product\.attachments\[1\]\.image\.media_id is not a text$"):
        image.text("media_id")


def test_a_number_with_decimals_has_no_more_than_it_came_with() -> None:
    answer = _answer(price=99.5, written="0.1", whole=7)
    assert answer.decimal("price") == Decimal("99.5")
    assert answer.decimal("written") == Decimal("0.1")
    assert (answer.decimal("whole"), answer.decimal("gone", Decimal(3))) == (Decimal(7), Decimal(3))


@pytest.mark.parametrize(
    ("value", "truth"), [(True, True), (1, True), ("1", True), (False, False), (0, False), ("0", False)]
)
def test_a_flag_is_true_or_1(value: object, *, truth: bool) -> None:
    assert _answer(flag=value).truth("flag") is truth


def test_a_flag_that_is_not_there_is_not_set() -> None:
    assert _answer().truth("flag") is False


def test_an_object_that_may_be_missing_is_then_empty() -> None:
    answer = _answer(shop={"name": "s"})
    assert answer.part_or_empty("shop").text("name") == "s"
    assert answer.part_or_empty("gone").text("name", "") == ""


def test_a_list_of_texts_is_read() -> None:
    assert (_answer(urls=["a", "b"]).texts("urls"), _answer().texts("urls")) == (("a", "b"), ())


@pytest.mark.parametrize("found", [[], "text", None, 5])
def test_an_answer_that_is_no_object_is_none(found: object) -> None:
    with pytest.raises(
        WechatUnreachable, match=r"^/scan/product/get: the answer is not what the page says: it is not an object$"
    ):
        Answer(found, path="/scan/product/get")
