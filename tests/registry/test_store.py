from __future__ import annotations

import pytest

from scanhook.registry import CodeRecord, LookUp, Mark, State

BATCH = Mark(state=State.ACTIVE, activated_by=4, activates_at=1000, expires_at=2000, change_id=5)


def record(loaded_as: str = "issued", loaded_by: int = 3, **marks: Mark) -> CodeRecord:
    return CodeRecord(
        batch="B-7",
        position=1,
        loaded_as=State(loaded_as),
        loaded_by=loaded_by,
        product=marks.get("product", Mark()),
        below=(marks.get("batch", Mark()),),
    )


@pytest.mark.parametrize("loaded_as", ["issued", "active"])
@pytest.mark.parametrize(
    ("now", "state"), [(1000.0, "active"), (1999.9, "active"), (2000.0, "expired"), (9999.0, "expired")]
)
def test_times_are_compared_when_a_code_is_looked_up(loaded_as: str, now: float, state: str) -> None:
    assert record(loaded_as, batch=BATCH).state_at(999.9) == loaded_as
    assert record(loaded_as, batch=BATCH).state_at(now) == state


def test_a_record_knows_whether_it_was_ever_activated_whatever_else_is_said_of_it() -> None:
    stolen = Mark(state=State.STOLEN, change_id=9)

    def issued(now: float, loaded_as: str = "issued", loaded_by: int = 3) -> bool:
        return record(loaded_as, loaded_by, batch=BATCH, product=stolen).is_issued_at(now)

    assert [issued(999.9), issued(1000.0), issued(2000.0)] == [True, False, False]
    assert issued(1500.0, loaded_by=4)
    assert not issued(0.0, "active")
    assert record(product=Mark(activated_by=9, change_id=9)).is_issued_at(0.0)


def test_a_record_keeps_apart_who_loaded_it_and_who_changed_it() -> None:
    assert record(loaded_by=3, batch=BATCH).state_at(1500.0) == "active"
    assert record(loaded_by=4, batch=BATCH).state_at(1500.0) == "issued"
    assert record("active", loaded_by=4, batch=BATCH).state_at(1500.0) == "active"


def test_a_record_counts_its_product_in() -> None:
    assert record(product=Mark(state=State.RECALLED, change_id=9), batch=BATCH).state_at(0.0) == "recalled"


@pytest.mark.parametrize("loaded_as", ["issued", "active"])
def test_a_record_without_marks_is_what_its_file_said(loaded_as: str) -> None:
    assert CodeRecord(batch="B-7", position=1, loaded_as=State(loaded_as)).state_at(9e12) == loaded_as


def test_a_look_up_does_not_show_the_code() -> None:
    assert "6J5T9XQ2" not in repr(LookUp(normal="6J5T9XQ2"))
