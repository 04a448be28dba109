from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanhook.registry import Normalisation, check_character, has_right_check
from tests.fuzz.strategies import fuzzed

NONE = Normalisation.parse("none")


@pytest.mark.parametrize(
    ("rules", "pushed", "normal"),
    [
        ("none", " ａb Oil\t", " ａb Oil\t"),
        ("trim", "\t A1 b \u3000\r\n", "A1 b"),
        ("trim", "A\u30001", "A\u30001"),
        ("width", "Ａｂ１２－＿（）～！", "Ab12-_()~!"),
        ("width", "\u3000Ａ\u3000", " A "),
        ("width", "茅台１", "茅台1"),
        ("width", " plain ", " plain "),
        ("upper", "ab1-é", "AB1-É"),
        ("look-alikes", "OoIiLl", "001111"),
        ("look-alikes", "QU0179", "QU0179"),
        ("trim,width", "\u3000Ａ１ ", "A1"),
        ("width,upper,look-alikes", "ｏＯｉＩｌＬａ", "001111A"),
        ("trim,width,upper,look-alikes,check", " 6j5t9xqo\u3000", "6J5T9XQ0"),
        ("check", "6j5t9xqo", "6j5t9xqo"),
    ],
)
def test_each_rule_does_its_own_work_and_no_more(rules: str, pushed: str, normal: str) -> None:
    assert Normalisation.parse(rules).apply(pushed) == normal


def test_the_default_is_to_trim_and_to_narrow() -> None:
    assert Normalisation() == Normalisation.parse("trim,width")
    assert Normalisation(trim=True, width=True, upper=False, look_alikes=False, check=False) == Normalisation()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", "none"),
        ("none", "none"),
        ("none,", "none"),
        ("trim", "trim"),
        ("width, trim", "trim,width"),
        ("look_alikes", "look-alikes"),
        (" check ,look-alikes,upper,width,trim", "trim,width,upper,look-alikes,check"),
    ],
)
def test_rules_are_written_as_they_are_read(text: str, written: str) -> None:
    rules = Normalisation.parse(text)

    assert str(rules) == written
    assert Normalisation.parse(written) == rules


@pytest.mark.parametrize("text", ["lower", "trim;width", "TRIM", "trim,all"])
def test_a_rule_of_another_name_is_refused_with_the_names_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="the rules are trim, width, upper, look-alikes, check"):
        Normalisation.parse(text)


@fuzzed(100)
@given(
    st.text(max_size=20),
    st.builds(Normalisation, trim=st.booleans(), width=st.booleans(), upper=st.booleans(), look_alikes=st.booleans()),
)
def test_a_normal_form_is_its_own_normal_form(pushed: str, rules: Normalisation) -> None:
    normal = rules.apply(pushed)

    assert rules.apply(normal) == normal


@fuzzed(100)
@given(st.text(alphabet="0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=16, max_size=16), st.data())
def test_a_minted_code_is_found_however_its_look_alikes_are_read(body: str, data: st.DataObject) -> None:
    code = body + check_character(body)
    misread = "".join(
        data.draw(st.sampled_from({"0": "0OoＯ", "1": "1IiLlＬ"}.get(character, character + character.lower())))
        for character in code
    )

    normal = Normalisation.parse("trim,width,upper,look-alikes,check").apply(f" {misread}\u3000")

    assert normal == code
    assert has_right_check(normal)


@pytest.mark.parametrize(
    "rules", ["none", "trim", "width", "trim,width", "upper", "trim,width,upper,look-alikes,check"]
)
@pytest.mark.parametrize(
    "codes",
    [[], ["A1"], ["a1", "oO"], ["A 1", " a1 ", "   "], ["Ａ１", "茅 ", "ß"], ["a", "\u3000a", "i l"]],
    ids=str,
)
def test_many_are_brought_to_the_form_that_each_would_have(rules: str, codes: list[str]) -> None:
    normalisation = Normalisation.parse(rules)

    assert normalisation.apply_all(codes) == [normalisation.apply(code) for code in codes]
