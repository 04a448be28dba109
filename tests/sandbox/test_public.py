from __future__ import annotations

import subprocess
import sys

import pytest

from scanhook import sandbox


@pytest.mark.parametrize("name", sandbox.__all__)
def test_everything_public_is_there(name: str) -> None:
    found = getattr(sandbox, name)
    assert getattr(found, "__name__", name) == name
    assert name in dir(sandbox)


def test_what_is_public_is_sorted() -> None:
    assert sandbox.__all__ == sorted(sandbox.__all__)
    assert sorted(sandbox._HOMES) == sandbox.__all__


def test_nothing_else_is_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sandbox.nothing


def test_finding_the_fixture_loads_no_server() -> None:
    code = "import sys, scanhook.sandbox.fixture; print(sorted({'flask', 'httpx2', 'segno'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
