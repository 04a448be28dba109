from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, rmtree
from threading import Barrier

import pytest

from scanhook.errors import VerifierFailed
from scanhook.registry import Reason
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.storage import Pepper
from scanhook.verdict import Finding, Verifier, VerifierPlug, verifier_from_url
from tests.registry.codes import CLOCK, EAN, ean_lines, load
from tests.verdict.questions import question
from tests.verdict.service import SECRET, Asked, Reply, brand_service, says

THREADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A verifier that knows of one product the codes A1 (active) and P1 (not active).

    :param break_it: takes away what the verifier asks, for good.
    """

    verifier: Verifier
    break_it: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a case may be built from.

    :param registry: holds the codes that every case must know.
    """

    registry: SqliteRegistry


@contextmanager
def _registry(material: Material) -> Iterator[Case]:
    def break_it() -> None:
        material.registry.close()
        rmtree(material.registry.database.path.parent)

    yield Case(
        verifier=verifier_from_url(VerifierPlug(url="registry://", registry=material.registry)), break_it=break_it
    )


@contextmanager
def _http(material: Material) -> Iterator[Case]:
    def answer(asked: Asked) -> Reply:
        members = json.loads(asked.body)
        if (members["account"], members["keystandard"], members["keystr"]) != ("main", *EAN):
            return says(reason="unknown_product")
        reasons = {"A1": "active", "P1": "not_active", "": "no_code"}
        return says(reason=reasons.get(members["extinfo"], "unknown_code"))

    def break_it() -> None:
        service.answer = lambda asked: Reply(status=500, body=asked.body)

    with brand_service() as service:
        service.answer = answer
        plug = VerifierPlug(url=service.url, registry=material.registry, secret=SECRET, allow_private_addresses=True)
        yield Case(verifier=verifier_from_url(plug), break_it=break_it)


# A new verifier is one more of these.
VERIFIERS: dict[str, Callable[[Material], AbstractContextManager[Case]]] = {"registry": _registry, "http": _http}


@pytest.fixture(params=list(VERIFIERS.values()), ids=list(VERIFIERS))
def case(request: pytest.FixtureRequest, tmp_path: Path, empty_storage: Path, pepper: Pepper) -> Iterator[Case]:
    registry = SqliteRegistry(Path(copytree(empty_storage, tmp_path / "data")), pepper=pepper, clock=CLOCK)
    load(registry, tmp_path / "B-7.csv", pepper, *ean_lines("A1"), *ean_lines("P1", status="inactive"))
    with request.param(Material(registry=registry)) as made:
        yield made
        made.verifier.close()
    registry.close()


def test_a_verifier_says_whether_it_waits(case: Case) -> None:
    assert isinstance(case.verifier.waits, bool)


@pytest.mark.parametrize(
    ("ext_info", "reason"),
    [("A1", "active"), ("P1", "not_active"), ("Z9", "unknown_code"), ("茅台-1", "unknown_code"), ("", "no_code")],
)
def test_a_verifier_finds_the_reason(case: Case, ext_info: str, reason: str) -> None:
    finding = case.verifier.verify(question(ext_info))

    assert isinstance(finding, Finding)
    assert isinstance(finding.reason, Reason)
    assert finding.reason == reason
    assert finding.code_result is None


@pytest.mark.parametrize(
    "other", [{"account": "second"}, {"key_standard": "qrcode"}, {"key_str": "茅台"}, {"key_str": "x" * 1024}], ids=str
)
def test_a_verifier_knows_what_it_does_not_know(case: Case, other: dict[str, str]) -> None:
    assert case.verifier.verify(question("A1", **other)).reason == "unknown_product"


def test_the_same_question_gets_the_same_answer(case: Case) -> None:
    first, second = (case.verifier.verify(question("A1")) for _ in range(2))

    assert first == second


def test_many_threads_may_ask_at_once(case: Case) -> None:
    barrier = Barrier(THREADS)

    def ask(number: int) -> str:
        barrier.wait()
        return case.verifier.verify(question(("A1", "P1")[number % 2], id=f"{number:032x}")).reason

    with ThreadPoolExecutor(THREADS) as threads:
        assert list(threads.map(ask, range(THREADS))) == ["active", "not_active"] * (THREADS // 2)


def test_a_verifier_that_has_no_answer_says_so_and_never_guesses(case: Case) -> None:
    assert case.verifier.verify(question("A1")).reason == "active"
    case.break_it()

    for ext_info in ("A1", "6J5T9XQ2"):
        with pytest.raises(VerifierFailed) as failed:
            case.verifier.verify(question(ext_info))
        assert not failed.value.permanent
        assert failed.value.status_hint == 503
        assert "6J5T9XQ2" not in str(failed.value)


def test_a_verifier_may_be_closed_twice(case: Case) -> None:
    case.verifier.close()
    case.verifier.close()
