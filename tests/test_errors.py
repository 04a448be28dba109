from __future__ import annotations

import re

import pytest

from scanhook import errors
from scanhook.errors import PushError, ScanhookError

# class, parent, status_hint, permanent
TREE: list[tuple[str, str, int, bool]] = [
    ("ScanhookError", "Exception", 500, True),
    ("SettingsError", "ScanhookError", 500, True),
    ("PushError", "ScanhookError", 400, True),
    ("Malformed", "PushError", 400, True),
    ("NotAuthentic", "PushError", 403, True),
    ("TooLarge", "PushError", 413, True),
    ("Undecided", "ScanhookError", 503, False),
    ("VerifierFailed", "ScanhookError", 503, False),
    ("StorageError", "ScanhookError", 503, False),
    ("PepperMismatch", "StorageError", 503, True),
    ("SchemaMismatch", "StorageError", 503, True),
    ("StorageMoved", "StorageError", 503, True),
    ("WechatError", "ScanhookError", 502, True),
    ("WechatRefused", "WechatError", 502, True),
    ("WechatUnreachable", "WechatError", 503, False),
    ("Refused", "ScanhookError", 400, True),
    ("CodeFileRefused", "Refused", 400, True),
    ("IdTaken", "Refused", 409, True),
]


def _drawn() -> list[tuple[str, str, int | None]]:
    """Read name, parent and status from the drawing in the docstring."""
    drawn: list[tuple[str, str, int | None]] = []
    above: list[str] = ["Exception"]
    for line in (errors.__doc__ or "").splitlines():
        found = re.fullmatch(r" {4}([│ ├└─]*)(\w+) *(\d{3})?.*", line)
        if found is None:
            continue
        branch, name, status = found.groups()
        depth = len(branch) // 4
        del above[depth + 1 :]
        drawn.append((name, above[-1], int(status) if status else None))
        above.append(name)
    return drawn


def _classes() -> list[type[ScanhookError]]:
    return [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ScanhookError)]


@pytest.mark.parametrize(("name", "parent", "status_hint", "permanent"), TREE, ids=[row[0] for row in TREE])
def test_an_error_knows_its_place_its_status_and_whether_to_ask_again(
    name: str, parent: str, status_hint: int, *, permanent: bool
) -> None:
    error: type[ScanhookError] = getattr(errors, name)
    assert error.__bases__[0].__name__ == parent
    assert error.status_hint == status_hint
    assert error.permanent is permanent


def test_the_tree_in_the_docstring_draws_exactly_the_classes_and_their_parents() -> None:
    drawn = {(name, parent) for name, parent, _ in _drawn()}
    assert drawn == {(each.__name__, each.__bases__[0].__name__) for each in _classes()}
    assert drawn == {(name, parent) for name, parent, _, _ in TREE}


def test_the_tree_in_the_docstring_names_the_status_of_every_error_that_answers_a_request() -> None:
    statuses = {name: status for name, _, status in _drawn()}
    # The root and SettingsError never reach the wire, and PushError only as one of its three kinds.
    silent = {"ScanhookError", "SettingsError", "PushError"}
    assert statuses == {name: None if name in silent else status for name, _, status, _ in TREE}


def test_all_is_sorted_and_names_every_error() -> None:
    assert errors.__all__ == sorted(each.__name__ for each in _classes())


# These say more than why, and have tests of their own.
_SAY_MORE = (PushError, errors.WechatRefused, errors.WechatUnreachable)


@pytest.mark.parametrize("error", [each for each in _classes() if not issubclass(each, _SAY_MORE)])
def test_an_error_says_why(error: type[ScanhookError]) -> None:
    raised = error("the disk is full")
    assert (str(raised), raised.why) == ("the disk is full", "the disk is full")


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (errors.PushError, "malformed"),
        (errors.Malformed, "malformed"),
        (errors.NotAuthentic, "not authentic"),
        (errors.TooLarge, "too large"),
    ],
)
def test_a_refused_push_says_why_in_the_log_and_little_in_its_answer(error: type[PushError], answer: str) -> None:
    raised = error("the signature is wrong", kind="signature")
    assert (raised.why, raised.kind, raised.answer) == ("the signature is wrong", "signature", answer)


def test_a_refusal_of_wechat_says_by_its_code_whether_to_ask_again() -> None:
    raised = errors.WechatRefused(
        "busy", code=-1, name="system_error", meaning="busy", remedy="wait", permanent=False, rid="6520b1c2-1"
    )
    assert (raised.code, raised.permanent, raised.rid, str(raised)) == (-1, False, "6520b1c2-1", "busy")


@pytest.mark.parametrize("acted", [False, None])
def test_an_api_that_gives_no_answer_says_whether_it_may_have_acted(*, acted: bool | None) -> None:
    assert errors.WechatUnreachable("no answer", acted=acted).acted is acted
