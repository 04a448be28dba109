"""Lists that change behind the reader's back: of scan product pages, of union products, of live goods in review."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scanhook.wechat.live_goods import AuditStatus
from tests.wechat.scripted import Call, ScriptedApi

Happening = Callable[[list[str]], object]


class ShiftingApi(ScriptedApi):
    """Answers every list from one that changes meanwhile; of live goods it is the state "in review" that has some.

    :param names: what stands in the list, its front first; those of live goods are numbers.
    :param happens: what happens to it, by how many calls there were before.
    :param at_most: so many are given at once, whatever is asked for.
    :param says: how many it says there are; else as many as there are.
    """

    def __init__(
        self, names: list[str], *, happens: Mapping[int, Happening], at_most: int = 2, says: int | None = None
    ) -> None:
        super().__init__()
        self.names = names
        self._happens = happens
        self._at_most = at_most
        self._says = says

    @property
    def offsets(self) -> list[int]:
        """Where each call began."""
        return [_offset(call) for call in self.calls]

    def _answer(self, call: Call) -> dict[str, Any]:
        happening = self._happens.get(len(self.calls))
        if happening is not None:
            happening(self.names)
        self.calls.append(call)
        names, offset = self.names, _offset(call)
        if call.query and call.query.get("status", "1") != str(int(AuditStatus.IN_REVIEW)):
            names = []
        total = len(names) if self._says is None else self._says
        return _written(call, names[offset : offset + self._at_most], total=total)


class StuckApi(ScriptedApi):
    """Gives the same one again and again, and says that there are 10^9."""

    def _answer(self, call: Call) -> dict[str, Any]:
        self.calls.append(call)
        return _written(call, ["1"], total=10**9)


def _offset(call: Call) -> int:
    asked = call.body or call.query or {}
    return int(asked["from"] if "from" in asked else asked["offset"])


def _written(call: Call, names: list[str], *, total: int) -> dict[str, Any]:
    if "getlist" in call.path:
        rows = [{"keystandard": "qrcode", "keystr": name, "update_time": 1, "status": "on"} for name in names]
        return {"errcode": 0, "total": total, "key_list": rows}
    if "union" in call.path:
        return {"errcode": 0, "total": total, "productList": [{"productId": name, "product": {}} for name in names]}
    return {"errcode": 0, "total": total, "goods": [{"goodsId": int(name), "price": 1} for name in names]}
