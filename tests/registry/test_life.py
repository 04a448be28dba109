from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanhook.errors import Refused
from scanhook.registry.life import (
    NO_MARK,
    STATES_BY_STRICTNESS,
    Action,
    Mark,
    State,
    is_issued,
    state_in_force,
    step,
    strictest,
)
from tests.fuzz.strategies import fuzzed

NOW = 1_760_000_000.5
SOON = 1_760_000_100
"""A time that is still to come."""
STRICTEST_FIRST = ("void", "stolen", "recalled", "suspended", "expired", "issued", "active")
OF_A_MARK = ("active", "suspended", "recalled", "stolen", "void")
"""The states that a change can write; the two others come from a file or from time."""
LEVELS = ("product", "batch", "range", "code")
BELOW = LEVELS[1:]
"""Those that lift an issued code."""


def in_force(loaded_as: str = "active", now: float = NOW, /, **marks: Mark) -> State:
    """Return the state in force of a code that change 3 has loaded, under the marks of the named levels."""
    return state_in_force(
        loaded_as=State(loaded_as),
        loaded_by=3,
        product=marks.pop("product", NO_MARK),
        below=tuple(marks.get(level, NO_MARK) for level in ("batch", "range", "code")),
        now=now,
    )


def activated(by: int, at: int | None = None) -> Mark:
    return Mark(state=State.ACTIVE, activated_by=by, activates_at=at, change_id=by)


@pytest.mark.parametrize(("stricter", "milder"), list(combinations(STRICTEST_FIRST, 2)))
def test_the_strictest_state_is_in_force(stricter: str, milder: str) -> None:
    assert strictest(State(stricter), State(milder), State(milder)) == stricter
    assert strictest(State(milder), State(stricter)) == stricter


def test_every_state_has_its_rank() -> None:
    assert tuple(reversed(STRICTEST_FIRST)) == STATES_BY_STRICTNESS == tuple(State)
    assert [strictest(state) for state in State] == list(State)


@pytest.mark.parametrize(("wide", "close"), list(combinations(LEVELS, 2)))
@pytest.mark.parametrize("wide_state", OF_A_MARK)
@pytest.mark.parametrize("close_state", OF_A_MARK)
def test_of_two_levels_the_stricter_is_in_force(wide: str, close: str, wide_state: str, close_state: str) -> None:
    marks = {wide: Mark(state=State(wide_state), change_id=8), close: Mark(state=State(close_state), change_id=7)}

    assert in_force(**marks) == min(wide_state, close_state, key=STRICTEST_FIRST.index)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("state", OF_A_MARK)
def test_one_level_alone_decides_of_an_active_code(level: str, state: str) -> None:
    assert in_force(**{level: Mark(state=State(state), change_id=9)}) == state


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("state", ["suspended", "recalled", "stolen", "void"])
def test_what_is_forbidden_is_stricter_than_issued(level: str, state: str) -> None:
    assert in_force("issued", **{level: Mark(state=State(state), change_id=9)}) == state


@pytest.mark.parametrize("loaded_as", ["issued", "active"])
def test_without_marks_a_code_is_what_its_file_said(loaded_as: str) -> None:
    assert in_force(loaded_as) == loaded_as
    bare = state_in_force(loaded_as=State(loaded_as), loaded_by=0, product=NO_MARK, below=(), now=NOW)
    assert bare == loaded_as


@pytest.mark.parametrize("level", BELOW)
@pytest.mark.parametrize(("by", "state"), [(4, "active"), (99, "active"), (3, "issued"), (2, "issued"), (0, "issued")])
def test_only_an_activation_newer_than_its_load_lifts_an_issued_code(level: str, by: int, state: str) -> None:
    assert in_force("issued", **{level: activated(by)}) == state


@pytest.mark.parametrize("at", [None, 1])
def test_activating_a_product_lifts_no_issued_code(at: int | None) -> None:
    assert in_force("issued", product=activated(99, at)) == "issued"
    assert in_force("issued", product=activated(99, at), batch=activated(2)) == "issued"
    assert in_force("issued", product=activated(99, at), batch=activated(4)) == "active"


@pytest.mark.parametrize("level", BELOW)
@pytest.mark.parametrize("state", ["suspended", "recalled", "stolen", "void"])
def test_a_level_that_forbids_a_code_does_not_activate_it(level: str, state: str) -> None:
    forbidden = Mark(state=State(state), activated_by=9, change_id=10)

    assert in_force("issued", **{level: forbidden}) == state


def test_a_suspended_batch_that_was_activated_before_is_lifted_by_its_next_activation() -> None:
    suspended = Mark(state=State.SUSPENDED, activated_by=4, change_id=5)

    assert in_force("issued", batch=suspended) == "suspended"
    assert in_force("issued", batch=step(suspended, Action.ACTIVATE, change_id=6, at=None, now=NOW)) == "active"


@pytest.mark.parametrize("level", BELOW)
@pytest.mark.parametrize(
    ("now", "state"), [(0.0, "issued"), (SOON - 0.001, "issued"), (SOON, "active"), (SOON + 9e9, "active")]
)
def test_an_activation_takes_effect_exactly_at_its_second(level: str, now: float, state: str) -> None:
    assert in_force("issued", now, **{level: activated(4, SOON)}) == state


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("now", [0.0, SOON - 0.001, SOON])
def test_an_activation_to_come_takes_nothing_from_what_is_active(level: str, now: float) -> None:
    assert in_force("active", now, **{level: activated(4, SOON)}) == "active"


@pytest.mark.parametrize("level", BELOW)
def test_a_product_that_waits_holds_nothing_back(level: str) -> None:
    assert in_force("issued", SOON - 1, product=activated(9, SOON), **{level: activated(4)}) == "active"


@pytest.mark.parametrize(("waiting", "reached"), list(permutations(BELOW, 2)))
def test_one_activation_is_enough_whichever_level_waits(waiting: str, reached: str) -> None:
    assert in_force("issued", SOON - 1, **{waiting: activated(9, SOON), reached: activated(4)}) == "active"
    assert in_force("issued", SOON - 1, **{waiting: activated(4, SOON), reached: activated(9, 1)}) == "active"
    assert in_force("issued", SOON - 1, **{waiting: activated(4, SOON), reached: activated(3)}) == "issued"
    two = {waiting: activated(4, SOON), reached: activated(5, SOON + 50)}
    assert [in_force("issued", now, **two) for now in (SOON - 1, SOON, SOON + 50)] == ["issued", "active", "active"]


@pytest.mark.parametrize("level", BELOW)
@pytest.mark.parametrize("state", OF_A_MARK)
def test_what_was_activated_once_is_issued_no_more_whatever_became_of_it(level: str, state: str) -> None:
    marks = {
        "never": Mark(state=State(state), change_id=9),
        "before its load": Mark(state=State(state), activated_by=3, change_id=9),
        "at once": Mark(state=State(state), activated_by=4, change_id=9),
        "soon": Mark(state=State(state), activated_by=4, activates_at=SOON, change_id=9),
    }
    below = {name: tuple(mark if level == each else NO_MARK for each in BELOW) for name, mark in marks.items()}

    def names(loaded_as: State, now: float) -> set[str]:
        return {
            name for name, each in below.items() if is_issued(loaded_as=loaded_as, loaded_by=3, below=each, now=now)
        }

    assert names(State.ISSUED, SOON - 0.001) == {"never", "before its load", "soon"}
    assert names(State.ISSUED, SOON) == {"never", "before its load"}
    assert names(State.ACTIVE, 0.0) == set()


def test_an_activation_that_was_set_before_its_load_never_lifts_the_code() -> None:
    assert in_force("issued", SOON - 1, batch=activated(2, SOON)) == "issued"
    assert in_force("issued", SOON, batch=activated(2, SOON)) == "issued"


@pytest.mark.parametrize("loaded_as", ["issued", "active"])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("now", "expired"), [(SOON - 0.001, False), (SOON, True), (SOON + 9e9, True)])
def test_every_level_expires_exactly_at_its_second(loaded_as: str, level: str, now: float, *, expired: bool) -> None:
    state = in_force(loaded_as, now, **{level: Mark(expires_at=SOON, change_id=4)})

    assert state == ("expired" if expired else loaded_as)


@pytest.mark.parametrize("state", ["suspended", "recalled", "stolen", "void"])
def test_what_is_forbidden_is_stricter_than_expired(state: str) -> None:
    assert in_force(batch=Mark(state=State(state), expires_at=1, change_id=4)) == state
    assert in_force(batch=Mark(state=State(state), change_id=4), product=Mark(expires_at=1, change_id=5)) == state


_times = st.one_of(st.none(), st.integers(0, 9))
marks = st.builds(
    Mark,
    state=st.sampled_from([State(state) for state in OF_A_MARK]),
    activated_by=st.integers(0, 9),
    activates_at=_times,
    expires_at=_times,
    change_id=st.integers(0, 9),
)


@pytest.mark.ordeal
@fuzzed(500)
@given(
    loaded_as=st.sampled_from([State.ISSUED, State.ACTIVE]),
    loaded_by=st.integers(0, 9),
    product=marks,
    below=st.lists(marks, max_size=3).map(tuple),
    now=st.integers(0, 10),
)
def test_no_level_is_ever_overruled_by_a_milder_one(
    loaded_as: State, loaded_by: int, product: Mark, below: tuple[Mark, ...], now: int
) -> None:
    state = state_in_force(loaded_as=loaded_as, loaded_by=loaded_by, product=product, below=below, now=now)

    rank = STRICTEST_FIRST.index
    for mark in (product, *below):
        assert rank(state) <= rank(mark.state)
        if mark.expires_at is not None and mark.expires_at <= now:
            assert rank(state) <= rank("expired")
    lifted = [mark for mark in below if mark.activated_by > loaded_by and (mark.activates_at or 0) <= now]
    if loaded_as == "issued" and not lifted:
        assert rank(state) <= rank("issued")
    else:
        assert state != "issued"


@pytest.mark.ordeal
@fuzzed(500)
@given(
    loaded_as=st.sampled_from([State.ISSUED, State.ACTIVE]),
    loaded_by=st.integers(0, 9),
    below=st.lists(marks, min_size=1, max_size=3),
    at=_times,
    now=st.integers(0, 9),
)
def test_no_activation_makes_a_code_stricter_at_once(
    loaded_as: State, loaded_by: int, below: list[Mark], at: int | None, now: int
) -> None:
    def state(*levels: Mark) -> State:
        return state_in_force(loaded_as=loaded_as, loaded_by=loaded_by, product=NO_MARK, below=levels, now=now)

    changed, *others = below
    try:
        after = step(changed, Action.ACTIVATE, change_id=10, at=at, now=now)
    except Refused:
        return
    assert STRICTEST_FIRST.index(state(after, *others)) >= STRICTEST_FIRST.index(state(*below))


# What may follow what.

ALLOWED = {
    "active": {"activate", "suspend", "recall", "stolen", "void", "expire"},
    "suspended": {"activate", "suspend", "recall", "stolen", "void", "expire"},
    "recalled": {"recall", "stolen", "void", "expire"},
    "stolen": {"stolen", "void"},
    "void": {"void"},
}
AFTER = {
    "activate": "active",
    "suspend": "suspended",
    "recall": "recalled",
    "stolen": "stolen",
    "void": "void",
}


def stepped(mark: Mark, action: str, *, at: int | None = None, now: float = NOW) -> Mark:
    return step(mark, Action(action), change_id=8, at=at, now=now)


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("state", OF_A_MARK)
def test_every_action_is_taken_or_refused_from_every_state(state: str, action: str) -> None:
    mark = Mark(state=State(state), activated_by=2, change_id=5)

    if action in ALLOWED[state]:
        after = stepped(mark, action)
        assert (after.state, after.change_id) == (AFTER.get(action, state), 8)
        assert (after.activated_by, after.activates_at) == (8 if action == "activate" else 2, None)
        assert after.expires_at == (1_760_000_000 if action == "expire" else None)
    else:
        sentence = (
            f"what is {state} cannot be changed by {action}: if that was a mistake, undo the change that made it "
            f"{state}, see `scanhook batches history`"
        )
        with pytest.raises(Refused) as refused:
            stepped(mark, action)
        assert str(refused.value) == sentence


@pytest.mark.parametrize("action", ["suspend", "recall", "stolen", "void"])
def test_a_stricter_state_leaves_the_times_and_the_activation_as_they_are(action: str) -> None:
    mark = Mark(activated_by=2, activates_at=100, expires_at=SOON, change_id=5)

    assert stepped(mark, action) == replace(mark, state=State(AFTER[action]), change_id=8)


def test_an_activation_can_be_set_for_a_time_and_for_now() -> None:
    later = stepped(NO_MARK, "activate", at=SOON)

    assert later == Mark(state=State.ACTIVE, activated_by=8, activates_at=SOON, change_id=8)
    assert stepped(later, "activate") == Mark(state=State.ACTIVE, activated_by=8, change_id=8)


def test_a_time_that_is_still_to_come_can_be_set_anew() -> None:
    waiting = activated(5, SOON)

    for at in (SOON - 50, SOON + 50):
        assert stepped(waiting, "activate", at=at) == activated(8, at)


@pytest.mark.parametrize("mark", [activated(5), activated(5, 1_760_000_000), activated(5, 1)], ids=str)
def test_what_is_activated_already_is_not_activated_later(mark: Mark) -> None:
    with pytest.raises(Refused) as refused:
        stepped(mark, "activate", at=SOON)
    assert str(refused.value) == (
        "it is activated already, and would not be until that time: for codes that came in later, name their range of "
        "positions"
    )
    assert stepped(mark, "activate") == activated(8)


def test_an_activation_can_be_set_for_a_time_where_only_an_expiry_was_set() -> None:
    mark = stepped(Mark(expires_at=SOON, change_id=5), "activate", at=SOON - 1)

    assert mark == Mark(activated_by=8, activates_at=SOON - 1, expires_at=SOON, change_id=8)


def test_an_expiry_can_be_set_for_a_time_and_for_now() -> None:
    assert stepped(NO_MARK, "expire", at=SOON) == Mark(expires_at=SOON, change_id=8)
    now = stepped(NO_MARK, "expire")
    assert now == Mark(expires_at=1_760_000_000, change_id=8)
    assert now.is_expired(NOW)


def test_what_is_expired_can_be_extended() -> None:
    expired = Mark(activated_by=2, expires_at=1000, change_id=5)

    extended = stepped(expired, "expire", at=SOON)

    assert extended == Mark(activated_by=2, expires_at=SOON, change_id=8)
    assert not extended.is_expired(NOW)
    assert stepped(extended, "activate").state == "active"


def test_what_is_expired_cannot_be_activated() -> None:
    with pytest.raises(Refused, match=r"what is expired cannot be activated: .*set a later expiry"):
        stepped(Mark(expires_at=1000, change_id=5), "activate")


@pytest.mark.parametrize("action", ["activate", "expire"])
@pytest.mark.parametrize("at", [0, 1_759_999_999, 1_760_000_000])
def test_a_time_in_the_past_is_refused(action: str, at: int) -> None:
    with pytest.raises(Refused) as refused:
        stepped(NO_MARK, action, at=at)
    assert str(refused.value) == "the time is in the past: leave it out to change the state now"
    with pytest.raises(Refused, match="the time is in the past"):
        stepped(NO_MARK, action, at=at, now=float(at))


@pytest.mark.parametrize("action", ["suspend", "recall", "stolen", "void"])
def test_only_activation_and_expiry_take_a_time(action: str) -> None:
    with pytest.raises(Refused) as refused:
        stepped(NO_MARK, action, at=SOON)
    assert str(refused.value) == (
        f"only an activation or an expiry can be set for a time: {action} takes effect at once"
    )


def test_what_is_suspended_is_activated_now_or_not_at_all() -> None:
    suspended = Mark(state=State.SUSPENDED, activated_by=2, activates_at=SOON, change_id=5)

    with pytest.raises(Refused) as refused:
        stepped(suspended, "activate", at=SOON)
    assert str(refused.value) == "what is suspended can only be activated now: leave the time out"
    assert stepped(suspended, "activate") == Mark(state=State.ACTIVE, activated_by=8, change_id=8)


@fuzzed(300)
@given(mark=marks, action=st.sampled_from(Action), at=_times, now=st.integers(0, 9))
def test_a_step_is_refused_or_numbered(mark: Mark, action: Action, at: int | None, now: int) -> None:
    try:
        after = step(mark, action, change_id=10, at=at, now=now)
    except Refused:
        return
    assert after.change_id == 10
    given_up = action not in ("activate", "expire") and mark.is_waiting(now)
    assert after.activated_by == (10 if action == "activate" else 0 if given_up else mark.activated_by)
    if action == "expire":
        assert after.is_expired(now) is (at is None)
    if action == "activate":
        assert after.is_waiting(now) is (at is not None)


def test_what_is_recalled_before_its_time_was_never_active() -> None:
    planned = step(NO_MARK, Action.ACTIVATE, change_id=4, at=200, now=100)

    recalled = step(planned, Action.RECALL, change_id=5, at=None, now=150)

    assert recalled == Mark(state=State.RECALLED, change_id=5)
    assert is_issued(loaded_as=State.ISSUED, loaded_by=1, below=(recalled,), now=300)


def test_what_is_recalled_after_its_time_was_active() -> None:
    planned = step(NO_MARK, Action.ACTIVATE, change_id=4, at=200, now=100)

    recalled = step(planned, Action.RECALL, change_id=5, at=None, now=200)

    assert recalled == Mark(state=State.RECALLED, activated_by=4, activates_at=200, change_id=5)
    assert not is_issued(loaded_as=State.ISSUED, loaded_by=1, below=(recalled,), now=300)
