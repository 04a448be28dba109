from __future__ import annotations

import pytest

from scanhook.wire.api.paging import number_after, read_cursor, write_cursor
from scanhook.wire.api.problems import Stop


@pytest.mark.parametrize("seen", [(7,), ("main", "qrcode", "茶/叶"), (0, "")])
def test_a_cursor_is_read_as_it_was_written(seen: tuple[str | int, ...]) -> None:
    cursor = write_cursor("things", *seen)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert read_cursor("things", cursor, parts=len(seen)) == list(seen)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!!",
        "é",
        write_cursor("others", 7),
        write_cursor("things", 7, 8),
        write_cursor("things", "7"),
        write_cursor("things", -1),
        write_cursor("things", 1 << 63),
        "eyJhIjoxfQ",
        "W1tbW1tb" * 1000,
    ],
)
def test_what_is_no_cursor_of_the_list_is_refused(cursor: str) -> None:
    with pytest.raises(Stop) as stopped:
        number_after("things", cursor)
    assert stopped.value.told.status == 422
    assert [fault.field for fault in stopped.value.told.errors or ()] == ["cursor"]


def test_no_cursor_is_the_beginning() -> None:
    assert number_after("things", None) is None
