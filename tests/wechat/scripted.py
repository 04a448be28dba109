"""An API that answers what a test has written down, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scanhook.wechat import Api, Downloaded, Upload
from scanhook.wechat.codes import refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, as a client made it."""

    verb: str
    path: str
    body: Any = None
    query: Mapping[str, str] | None = None


class ScriptedApi(Api):
    """Gives one answer after the other, whatever is asked.

    :ivar accounts: which account each command has called with.
    """

    def __init__(self, *answers: dict[str, Any] | Exception | Downloaded) -> None:
        self._answers = list(answers)
        self.calls: list[Call] = []
        self.accounts: list[str | None] = []

    @property
    def bodies(self) -> list[Any]:
        """What was sent, call by call."""
        return [call.body for call in self.calls]

    def read(
        self, path: str, body: Mapping[str, Any] | None = None, *, query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        return self._object(Call(verb="read", path=path, body=body, query=query))

    def write(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        query: Mapping[str, str] | None = None,
        must_not_be_lost: Callable[[dict[str, Any]], bool] = lambda _found: False,
    ) -> dict[str, Any]:
        found = self._object(Call(verb="write", path=path, body=body, query=query))
        if found.get("errcode") and not must_not_be_lost(found):
            raise refusal(found["errcode"], str(found.get("errmsg", "")), path=path)
        return found

    def upload(self, path: str, file: Upload, *, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self._object(Call(verb="upload", path=path, body=file, query=query))

    def download(self, path: str, *, query: Mapping[str, str]) -> Downloaded:
        found = self._answer(Call(verb="download", path=path, query=query))
        assert isinstance(found, Downloaded)
        return found

    def close(self) -> None:
        """Nothing is open."""

    def _object(self, call: Call) -> dict[str, Any]:
        found = self._answer(call)
        assert isinstance(found, dict)
        return found

    def _answer(self, call: Call) -> dict[str, Any] | Downloaded:
        self.calls.append(call)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer
