from __future__ import annotations

import re
from string import Formatter

import pytest

from scanhook.wire.landing.words import LANGUAGES, Outcome, Words, words_for

AT = 1795363200
"""2026-11-22 16:00 UTC: the 23rd in Beijing."""


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=LANGUAGES)
def test_a_language_has_words_for_everything(words: Words) -> None:
    assert set(words.outcomes) == set(Outcome)
    assert [says for says in words.outcomes.values() if not (says.headline and says.lines and all(says.lines))] == []
    assert len(words.months) == 12


def test_both_languages_name_the_same_places() -> None:
    for name in ("others", "by_brand"):
        fields = {
            frozenset(field for _, field, _, _ in Formatter().parse(getattr(words, name)) if field)
            for words in LANGUAGES.values()
        }
        assert len(fields) == 1
    assert {"count"} <= {field for _, field, _, _ in Formatter().parse(LANGUAGES["en"].others)}


def test_times_are_beijings() -> None:
    assert LANGUAGES["zh"].write(LANGUAGES["zh"].minute, AT) == "2026年11月23日 00:00"
    assert LANGUAGES["en"].write(LANGUAGES["en"].day, AT) == "23 November 2026"


def test_only_a_page_on_a_genuine_item_looks_good() -> None:
    assert [outcome for outcome in Outcome if outcome.tone == "good"] == [Outcome.GENUINE]


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=LANGUAGES)
def test_only_what_is_genuine_is_called_so(words: Words) -> None:
    # "cannot be confirmed as genuine" is not that.
    claims = re.compile(r"^Genuine|^正品")
    assert {outcome for outcome, says in words.outcomes.items() if claims.search(says.headline)} == {Outcome.GENUINE}


@pytest.mark.parametrize(
    ("wanted", "any_given", "lang"),
    [("zh", True, "zh-CN"), ("en", True, "en"), (None, True, "en"), (None, False, "zh-CN")],
)
def test_who_names_neither_language_gets_english_and_who_names_none_chinese(
    wanted: str | None, *, any_given: bool, lang: str
) -> None:
    assert words_for(wanted, any_given=any_given).lang == lang
