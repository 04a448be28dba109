from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from scanhook.errors import StorageError, Undecided, VerifierFailed
from scanhook.registry import Action, Order, Reason, Scope
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.verdict import (
    Finding,
    GroupVerifier,
    Judge,
    Link,
    Question,
    RegistryVerifier,
    Unfinished,
    Verdict,
)
from tests.registry.codes import EAN
from tests.verdict.questions import Scripted, finds, never, question


@dataclass(slots=True, kw_only=True)
class ScriptedGroup(Scripted):
    """A verifier that takes many questions at once, and does what it is told."""

    answer_all: Callable[[Sequence[Question]], Any]

    def verify_all(self, questions: Sequence[Question]) -> list[Finding]:
        answered: list[Finding] = self.answer_all(questions)
        return answered


def judge_of(*verifiers: Any) -> Judge:
    return Judge([Link(name=f"v{number}", verifier=each) for number, each in enumerate(verifiers, 1)])


def told(found: Verdict | Unfinished | Undecided) -> str:
    return found.reason if isinstance(found, Verdict) else str(found)


@pytest.fixture
def judge(registry: SqliteRegistry) -> Iterator[Judge]:
    made = Judge([Link(name="registry", verifier=RegistryVerifier(registry))])
    yield made
    made.close()


def test_questions_that_are_asked_together_get_what_each_gets_alone(judge: Judge, registry: SqliteRegistry) -> None:
    found = registry.look_up("main", *EAN, "A1")
    assert found.tag is not None
    scopes = (Scope(tags=(found.tag,)),)
    registry.change(Order(action=Action.RECALL, scopes=scopes, who="mei", why="tested"))
    questions = [question(ext_info) for ext_info in ("A1", "Z9", "", "A1")]
    assert judge.judge_at_once(questions) == [judge.judge(each, late=never) for each in questions]
    assert judge.judge_at_once([]) == []


def test_a_registry_that_fails_leaves_every_question_undecided(
    judge: Judge, registry: SqliteRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_asked: object) -> None:
        raise StorageError("the disk is gone")

    monkeypatch.setattr(registry, "look_up_all", gone)
    found = judge.judge_at_once([question("A1"), question("Z9")])
    assert [str(each) for each in found] == ["registry: the registry gives no answer: the disk is gone"] * 2


def test_a_question_on_which_the_registry_breaks_costs_the_others_nothing(
    judge: Judge, registry: SqliteRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up_all = registry.look_up_all

    def breaking(asked: Any) -> Any:
        if any(ext_info == "BAD" for *_, ext_info in asked):
            raise ZeroDivisionError
        return look_up_all(asked)

    monkeypatch.setattr(registry, "look_up_all", breaking)
    good, bad = judge.judge_at_once([question("A1"), question("BAD")])
    assert isinstance(good, Verdict)
    assert good.code_result == "real"
    assert isinstance(bad, Undecided)
    assert str(bad) == "registry: the verifier broke with ZeroDivisionError"


def one_failing(error: Exception) -> Callable[[Question], Finding]:
    """Return what knows every code but ``BAD``."""

    def answer(question: Question) -> Finding:
        if question.ext_info == "BAD":
            raise error
        return Finding(reason=Reason.ACTIVE)

    return answer


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (VerifierFailed("nobody knows this one"), "v1: nobody knows this one"),
        (StorageError("its row is damaged"), "v1: its row is damaged"),
        (Undecided("not now"), "not now"),
        (KeyError("BAD"), "v1: the verifier broke with KeyError"),
    ],
)
def test_one_question_without_an_answer_costs_the_others_nothing(error: Exception, why: str) -> None:
    answer = one_failing(error)

    def answer_all(questions: Sequence[Question]) -> list[Finding]:
        if isinstance(error, StorageError):
            raise VerifierFailed("one of them has no answer")
        return [answer(question) for question in questions]

    verifier = ScriptedGroup(answer=answer, answer_all=answer_all)
    assert isinstance(verifier, GroupVerifier)
    found = judge_of(verifier).judge_at_once([question("A1"), question("BAD"), question("A2")])

    assert [told(each) for each in found] == ["active", why, "active"]


def test_where_the_storage_cannot_be_read_nobody_is_asked_once_more() -> None:
    def answer_all(_questions: Sequence[Question]) -> list[Finding]:
        raise StorageError("there is no primary")

    verifier = ScriptedGroup(answer=one_failing(KeyError()), answer_all=answer_all)
    found = judge_of(verifier).judge_at_once([question("A1"), question("A2")])

    assert [told(each) for each in found] == ["v1: there is no primary"] * 2
    assert verifier.asked == []


@pytest.mark.parametrize("count", [0, 1, 3])
def test_findings_that_are_too_few_or_too_many_are_nobodys_verdict(count: int) -> None:
    verifier = ScriptedGroup(
        answer=one_failing(KeyError()), answer_all=lambda _questions: [Finding(reason=Reason.ACTIVE)] * count
    )
    found = judge_of(verifier).judge_at_once([question("A1"), question("A2")])

    assert all(isinstance(each, Undecided) for each in found)
    assert [told(each) for each in found] == [f"v1: the verifier answered 2 questions with {count} findings"] * 2


@pytest.mark.parametrize("answered", [None, "ab", ["active", None], 7], ids=repr)
def test_a_group_answer_that_means_nothing_has_each_asked_alone(answered: object) -> None:
    verifier = ScriptedGroup(answer=one_failing(KeyError()), answer_all=lambda _questions: answered)
    found = judge_of(verifier).judge_at_once([question("A1"), question("BAD")])

    assert [told(each) for each in found] == ["active", "v1: the verifier broke with KeyError"]


def test_only_what_nobody_knows_is_left_to_those_who_may_wait(registry: SqliteRegistry) -> None:
    slow = finds(Reason.ACTIVE, waits=True)
    judge = judge_of(RegistryVerifier(registry), slow)
    known, unknown = judge.judge_at_once([question("A1"), question("Z9")])
    assert isinstance(known, Verdict)
    assert isinstance(unknown, Unfinished)
    assert unknown.so_far is not None
    assert unknown.so_far.reason is Reason.UNKNOWN_CODE
    assert slow.asked == []
    assert judge.judge_on(question("Z9"), unknown, late=never).reason is Reason.ACTIVE
    judge.close()
    with pytest.raises(ValueError, match="no verifier of this chain waits"):
        judge_of(RegistryVerifier(registry)).judge_on(question("Z9"), unknown, late=never)
