from __future__ import annotations

import pytest

from scanhook.errors import WechatRefused, WechatUnreachable
from scanhook.office.details import Details
from tests.office.directory import refused, unreachable

NO_SUCH_PAGE = 61334


class Asked:
    """Asks for one product after the other; each is an answer or an error."""

    def __init__(self) -> None:
        self.details = Details(NO_SUCH_PAGE)
        self.calls = 0

    def __call__(self, *answers: str | Exception) -> list[str | None]:
        return [self.details.ask(lambda answer=answer: self._give(answer)) for answer in answers]  # type: ignore[misc]

    def _give(self, answer: str | Exception) -> str:
        self.calls += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_the_third_in_a_row_without_an_answer_is_an_error() -> None:
    ask = Asked()
    assert ask(unreachable(), unreachable(), "tea", unreachable(), unreachable()) == [None, None, "tea", None, None]
    with pytest.raises(WechatUnreachable):
        ask(unreachable())


def test_that_there_is_no_such_product_is_an_answer() -> None:
    ask = Asked()
    assert ask(*(unreachable(), unreachable(), refused(NO_SUCH_PAGE)) * 3) == [None] * 9


def test_what_is_not_permitted_is_not_asked_for_again() -> None:
    ask = Asked()
    assert ask(refused(48001), "tea") == [None, None]
    assert ask.calls == 1


def test_every_other_refusal_is_an_error() -> None:
    with pytest.raises(WechatRefused):
        Asked()(refused(40001))
