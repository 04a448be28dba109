from __future__ import annotations

from dataclasses import replace

import pytest

from scanhook.journal import Entry, Sighting, Tally
from scanhook.message import CodeResult
from scanhook.registry import DEFAULT_VERDICTS, Reason
from scanhook.settings.wechat import LandingSettings
from scanhook.tickets import Proof
from scanhook.verdict import Verdict
from scanhook.wire.landing.page import Item, Page, Shown, outcome_of, picture_of, render, security_policy
from scanhook.wire.landing.theme import Theme
from scanhook.wire.landing.words import LANGUAGES, Outcome, Tone, Words

THEME = Theme.load(LandingSettings())
AT = 1795312800.0
ITEM = Item(scanned_at=AT, fresh=True, first_at=AT, persons=1, counted_since=None, changed=False)
ONLY_YOU = "You are the first to check this item."


def verdict(result: CodeResult | None, reason: Reason) -> Verdict:
    return Verdict(code_result=result, reason=reason, verifier="registry")


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        (Reason.ACTIVE, Outcome.GENUINE),
        (Reason.NOT_ACTIVE, Outcome.NOT_ACTIVE),
        (Reason.SUSPENDED, Outcome.SUSPENDED),
        (Reason.RECALLED, Outcome.RECALLED),
        (Reason.EXPIRED, Outcome.EXPIRED),
        (Reason.VOID, Outcome.VOID),
        (Reason.STOLEN, Outcome.STOLEN),
        (Reason.UNKNOWN_CODE, Outcome.UNKNOWN_CODE),
        (Reason.UNREADABLE, Outcome.UNREADABLE),
        (Reason.NOT_LOADED, Outcome.NOT_LOADED),
        (Reason.NO_CODE, Outcome.NO_CODE),
        (Reason.UNKNOWN_PRODUCT, Outcome.NO_VERDICT),
    ],
)
def test_each_reason_has_words_of_its_own(reason: Reason, outcome: Outcome) -> None:
    assert outcome_of(verdict(DEFAULT_VERDICTS[reason], reason)) is outcome


ABOUT_THE_ITEM = (Reason.RECALLED, Reason.EXPIRED, Reason.SUSPENDED)
TONES = {CodeResult.REAL: Tone.GOOD, CodeResult.NOT_ACTIVE: Tone.WARN, CodeResult.FAKE: Tone.BAD, None: Tone.PLAIN}


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("result", [*CodeResult, None])
def test_whatever_a_product_answers_the_page_is_never_kinder(result: CodeResult | None, reason: Reason) -> None:
    outcome = outcome_of(verdict(result, reason))
    if reason in ABOUT_THE_ITEM:
        assert outcome.value == reason.value
        assert outcome.tone is not Tone.GOOD
    else:
        assert outcome.tone is TONES[result]


@pytest.mark.parametrize("reason", sorted(set(Reason) - set(ABOUT_THE_ITEM)))
@pytest.mark.parametrize("result", [*CodeResult, None])
def test_a_reasons_own_words_are_not_said_of_another_answer(result: CodeResult | None, reason: Reason) -> None:
    outcome = outcome_of(verdict(result, reason))
    if result is not DEFAULT_VERDICTS[reason]:
        general = {
            "real": Outcome.GENUINE,
            "not_active": Outcome.NOT_CONFIRMED,
            "fake": Outcome.FAKE,
            None: Outcome.NO_VERDICT,
        }
        assert outcome is general[result]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://mmbiz.qpic.cn/mmbiz/a.png", "https://mmbiz.qpic.cn/mmbiz/a.png"),
        ("http://mmbiz.qpic.cn/a.png?wx_fmt=png#x", "https://mmbiz.qpic.cn/a.png?wx_fmt=png"),
        ("https://MMBIZ.qpic.cn:443/a", "https://mmbiz.qpic.cn/a"),
        ("https://user:secret@mmbiz.qpic.cn/a", "https://mmbiz.qpic.cn/a"),
        ("https://localhost/a", ""),
        ("https://cdn.example.com:8443/a", ""),
        ("https://cdn.example.com; script-src */a", ""),
        ("https://a b.cn/", ""),
        ("https://[::1]/a", ""),
        ("https://x:y.cn/a", ""),
        ("https://[/a", ""),
        ("javascript:alert(1)", ""),
        ("data:image/png;base64,AAAA", ""),
        ("//mmbiz.qpic.cn/a", ""),
        ("", ""),
    ],
)
def test_a_picture_is_shown_only_where_a_policy_can_name_its_host(address: str, shown: str) -> None:
    assert picture_of(address) == shown


def test_the_policy_names_the_pictures_host_and_no_other() -> None:
    product = Shown(name="", key="k", picture="https://mmbiz.qpic.cn/a.png")
    policy = security_policy(THEME, Page(outcome=Outcome.GENUINE, product=product))
    assert "img-src 'self' https://mmbiz.qpic.cn; " in policy
    assert "img-src 'self'; " in security_policy(THEME, Page(outcome=Outcome.SHARED))


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=LANGUAGES)
@pytest.mark.parametrize("outcome", Outcome)
def test_every_page_can_be_drawn(outcome: Outcome, words: Words) -> None:
    item = replace(ITEM, persons=1234, changed=True)
    product = Shown(name='"><script>', key="<i>", picture="")
    html = render(
        Page(outcome=outcome, product=product, item=item),
        theme=THEME,
        words=words,
        logo_url="",
    )
    assert "<script>" not in html
    assert "<i>" not in html
    assert "1,234" in html
    assert html.count("<h1") == 1


def proof(result: CodeResult | None = CodeResult.REAL, reason: Reason = Reason.ACTIVE) -> Proof:
    entry = Entry(
        number=1,
        received_at=AT,
        account="main",
        create_time=int(AT),
        key_standard="qrcode",
        key_str="moment-frame",
        person=b"p" * 16,
        reason=reason,
        code_result=result,
        verifier="registry",
        decided_at=AT,
        tag=b"t" * 10,
        batch=None,
        position=None,
        ext_info=None,
    )
    return Proof(
        verdict=verdict(result, reason),
        sighting=Sighting(identity=b"i" * 16, entry=entry),
        tally=Tally(scans=9, persons=3, first_at=AT - 5000, last_at=AT),
        counted_since=None,
    )


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (None, Reason.NO_CODE),
        (CodeResult.FAKE, Reason.NO_CODE),
        (None, Reason.UNKNOWN_PRODUCT),
        (None, Reason.ACTIVE),
    ],
)
def test_what_is_counted_by_kind_is_not_told_of_an_item(result: CodeResult | None, reason: Reason) -> None:
    told = Item.of(proof(result, reason), now=AT)
    assert (told.scanned_at, told.first_at, told.persons) == (AT, None, 0)
    assert Item.of(proof(), now=AT).persons == 3


@pytest.mark.parametrize(("age_s", "fresh"), [(0, True), (120, True), (121, False), (1200, False)])
def test_a_scan_is_fresh_for_two_minutes(age_s: int, *, fresh: bool) -> None:
    assert Item.of(proof(), now=AT + age_s).fresh is fresh


def drawn(item: Item, outcome: Outcome = Outcome.GENUINE, lang: str = "en") -> str:
    return render(Page(outcome=outcome, item=item), theme=THEME, words=LANGUAGES[lang], logo_url="")


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        ({}, True),
        # Whoever scanned it may have sent somebody else here.
        ({"fresh": False}, False),
        # Nobody knows who came before.
        ({"counted_since": AT - 60}, False),
        ({"persons": 2}, False),
        ({"persons": 0, "first_at": None}, False),
    ],
)
def test_only_who_surely_was_the_first_is_told_so(changed: dict[str, float], *, first: bool) -> None:
    assert (ONLY_YOU in drawn(replace(ITEM, **changed))) is first  # type: ignore[arg-type]
    assert ONLY_YOU not in drawn(replace(ITEM, **changed), Outcome.NOT_ACTIVE)  # type: ignore[arg-type]


def test_counts_that_began_anew_say_since_when_and_tell_of_no_first_check() -> None:
    html = drawn(replace(ITEM, persons=2, counted_since=AT + 86_400))
    assert "<dt>Counted since</dt><dd>23 November 2026</dd>" in html
    assert "<dt>People who checked</dt><dd>2</dd>" in html
    assert "2 people have checked this item since it was last counted from zero." in html
    assert "First checked" not in html


@pytest.mark.parametrize(
    ("lang", "when", "warns"),
    [
        (
            "en",
            "22 November 2026, 10:00 (Beijing)",
            "This result is of the scan at this time. If you scanned at another time, simply scan your item again.",
        ),
        ("zh", "2026年11月22日 10:00", "此结果对应以上时间的扫码。如果您的扫码时间不同，请重新扫描您手中的商品。"),
    ],
)
def test_the_time_of_the_scan_stands_with_the_verdict(lang: str, when: str, warns: str) -> None:
    beside = drawn(ITEM, lang=lang).partition('<section class="verdict good"')[2].partition("</section>")[0]
    assert f'<p class="when">{when}</p>' in beside
    assert f"<p>{warns}</p>" in beside
