from __future__ import annotations

import click
import pytest
from click import termui

from scanhook.interrupt import is_interrupt


def behind(first: BaseException, then: Exception) -> Exception:
    """Return an error that was raised while another one was handled."""
    then.__context__ = first
    return then


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (KeyboardInterrupt(), True),
        (behind(KeyboardInterrupt(), RuntimeError("Error calling __set_name__")), True),
        (behind(EOFError(), click.Abort()), False),
        (RuntimeError(), False),
    ],
    ids=["itself", "while a class is made", "end of input at a prompt", "another"],
)
def test_ctrl_c_is_known_in_every_dress(error: BaseException, *, is_one: bool) -> None:
    assert is_interrupt(error) is is_one


def test_ctrl_c_is_behind_what_a_prompt_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(_text: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(termui, "visible_prompt_func", stopped)
    with pytest.raises(click.Abort) as raised:
        click.prompt("AppID")
    assert is_interrupt(raised.value)
