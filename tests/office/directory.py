"""A directory that is open, and systems that yield what a test says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from scanhook.errors import WechatRefused, WechatUnreachable
from scanhook.office import CatalogEntry, Listed
from scanhook.office.syncing import Known, Portion
from scanhook.wechat import System

AT = 1795312800
OWNER = "wxba5fad812f8e6fb9"


def refused(code: int, *, permanent: bool = True) -> WechatRefused:
    return WechatRefused(
        f"WeChat answers {code}", code=code, name="", meaning="", remedy="", permanent=permanent, rid=""
    )


def unreachable() -> WechatUnreachable:
    return WechatUnreachable("no answer", acted=None)


def nothing_known(_ids: Iterable[str]) -> Mapping[str, CatalogEntry]:
    return {}


@dataclass(slots=True)
class Shop:
    """A system whose list has one product in each portion; the place is how many stand before the next.

    :ivar fails: by a place, what happens there.
    """

    ids: list[str]
    fails: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    system: System = System.UNION
    owner: str = OWNER

    def portions(self, place: str, known: Known) -> Iterator[Portion]:
        start = int(place or 0)
        while start < len(self.ids):
            self.asked.append(str(start))
            if str(start) in self.fails:
                raise self.fails.pop(str(start))
            id_, start = self.ids[start], start + 1
            yield Portion(listed=(Listed(id=id_),), place=str(start), total=len(self.ids))
