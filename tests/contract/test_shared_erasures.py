"""Several machines on one storage, each with a list of those who were erased."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scanhook.journal import (
    Erasure,
    JournalStore,
    erase_person,
    open_journal,
    read_erasures,
    reapply_erasures,
    remember_erasures,
    share_erasures,
)
from scanhook.journal.people import mark_of
from scanhook.journal.peoplestore import Stage
from scanhook.storage import Pepper
from tests.conftest import OPENID
from tests.contract.engines import Place
from tests.journal.scans import AT, scan, verdict

DAY = 86_400


@pytest.fixture
def journal(place: Place, pepper: Pepper) -> Iterator[JournalStore]:
    opened = open_journal(place.storage, pepper=pepper)
    opened.record(scan(1, person=pepper.person(OPENID), openid=OPENID), verdict(), now=AT)
    yield opened
    opened.close()


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return the list of this machine."""
    return tmp_path / "here"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """Return the list of another machine."""
    return tmp_path / "there"


def known_scans(journal: JournalStore, pepper: Pepper) -> int:
    return len(list(journal.scans_of(pepper.person(OPENID))))


def test_what_one_machine_erases_comes_to_the_lists_of_the_others(
    journal: JournalStore, pepper: Pepper, here: Path, there: Path
) -> None:
    erase_person(journal, OPENID, pepper=pepper, erasures=there, now=AT + DAY)

    assert share_erasures(journal, here) == (1, 0)

    assert read_erasures(here) == read_erasures(there)
    assert [share_erasures(journal, path) for path in (here, there)] == [(0, 0), (0, 0)]


def test_what_a_restored_journal_has_forgotten_is_erased_again_on_whichever_machine(
    journal: JournalStore, pepper: Pepper, here: Path, there: Path
) -> None:
    erasure = Erasure(mark=mark_of(pepper.person(OPENID), pepper=pepper), at=AT + DAY)
    remember_erasures(there, [erasure])  # before the backup came back, in which the person still is

    assert share_erasures(journal, there) == (0, 1)
    assert (journal.stage_of(erasure), known_scans(journal, pepper)) == (Stage.NEW, 1)
    assert share_erasures(journal, here) == (1, 0)
    assert reapply_erasures(journal, here, pepper=pepper, now=AT + 2 * DAY) == 1

    assert (journal.stage_of(erasure), known_scans(journal, pepper)) == (Stage.DONE, 0)
    assert share_erasures(journal, there) == (0, 0)
    assert reapply_erasures(journal, there, pepper=pepper, now=AT + 2 * DAY) == 0


def test_whoever_erases_somebody_learns_of_those_that_others_have_erased(
    journal: JournalStore, pepper: Pepper, here: Path, there: Path
) -> None:
    erase_person(journal, OPENID, pepper=pepper, erasures=there, now=AT + DAY)

    erase_person(journal, "somebody else", pepper=pepper, erasures=here, now=AT + 2 * DAY)

    assert [erasure.at for erasure in read_erasures(here)] == [AT + DAY, AT + 2 * DAY]


def test_of_two_erasures_of_a_person_the_newer_one_counts(
    journal: JournalStore, pepper: Pepper, here: Path, there: Path
) -> None:
    erase_person(journal, OPENID, pepper=pepper, erasures=here, now=AT + DAY)
    reapply_erasures(journal, here, pepper=pepper, now=AT + 2 * DAY)
    mark = mark_of(pepper.person(OPENID), pepper=pepper)
    journal.record(scan(2, person=pepper.person(OPENID), received_at=AT + 2 * DAY), verdict(), now=AT + 2 * DAY)
    remember_erasures(there, [Erasure(mark=mark, at=AT + 1), Erasure(mark=mark, at=AT + 3 * DAY)])

    assert share_erasures(journal, there) == (0, 1)
    assert share_erasures(journal, here) == (1, 0)
    assert reapply_erasures(journal, here, pepper=pepper, now=AT + 4 * DAY) == 1

    assert known_scans(journal, pepper) == 0
    assert [erasure.at for erasure in read_erasures(here)] == [AT + DAY, AT + 3 * DAY]


def test_lists_that_agree_are_not_written(journal: JournalStore, here: Path) -> None:
    assert share_erasures(journal, here) == (0, 0)
    assert not here.exists()
