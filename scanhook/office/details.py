"""Asks a system for what its list does not say, one product at a time, and gets over some that cannot be had.

One product that WeChat cannot show must not keep all others out of the directory, and a WeChat that is down must not be
asked a hundred thousand times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from scanhook.errors import WechatRefused, WechatUnreachable
from scanhook.wechat.codes import API_UNAUTHORIZED

__all__ = ["FAILURES_MAX", "Details"]

FAILURES_MAX = 3
"""So many in a row that give no answer are taken for WeChat's failure, and not for theirs."""

T = TypeVar("T")


class Details:
    """Remembers how many products in a row gave no answer, and whether asking is not permitted.

    :param lacking: WeChat's codes for a product that is not there, or has no details.
    """

    def __init__(self, *lacking: int) -> None:
        self._lacking = frozenset(lacking)
        self._failures = 0
        self._denied = False

    def ask(self, call: Callable[[], T]) -> T | None:
        """Return what a call returns; ``None`` where this product cannot be had, or none may be asked for (48001).

        :raises WechatRefused: for every other code of WeChat's.
        :raises WechatUnreachable: when the third in a row gives no answer that can be used. That there is no such
            product is an answer.
        """
        if self._denied:
            return None
        try:
            found = call()
        except WechatRefused as error:
            self._failures = 0
            self._denied = error.code == API_UNAUTHORIZED
            if error.code not in self._lacking and not self._denied:
                raise
            return None
        except WechatUnreachable:
            self._failures += 1
            if self._failures >= FAILURES_MAX:
                raise
            return None
        self._failures = 0
        return found
