from __future__ import annotations

import pytest

from scanhook.settings.places import line_of

TEXT = """\
# accounts.main.token = "a comment"
top = 1

[service]
bind = "127.0.0.1:8000"
 workers=2   # two

[ accounts.main ]  # the first
"token" = "AAAAA"
app_id = "[service]"
previous_tokens = [
  "Older1",
]

[accounts."second"]
token = "BBBBB"
inline.nested = 1

[[list]]
token = "CCCCC"
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("top",), 2),
        (("service",), 4),
        (("service", "bind"), 5),
        (("service", "workers"), 6),
        (("accounts", "main"), 8),
        (("accounts", "main", "token"), 9),
        (("accounts", "main", "app_id"), 10),
        (("accounts", "main", "previous_tokens", "0"), 11),
        (("accounts", "second"), 15),
        (("accounts", "second", "token"), 16),
        (("accounts", "second", "inline", "nested"), 17),
        (("accounts", "main", "absent"), 8),
        (("service", "absent", "deeper"), 4),
        (("absent",), None),
        ((), None),
    ],
)
def test_a_value_is_found_by_its_line_or_its_tables(place: tuple[str, ...], line: int | None) -> None:
    assert line_of(TEXT, place) == line
