"""What a company has in its product albums, and which of its applications may do what. Performs no I/O.

``wecom-product-album.md``: 权限说明 at its head and below each call. A company is one shelf that all its applications
share; :class:`Application` says what one of them is. An application that nobody described is one of the company's own
that may call and sees nobody.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from scanhook.sandbox.route import Refusal
from scanhook.sandbox.tenant import Tenant

__all__ = ["SYSTEM_ENDS_AT", "Album", "AlbumShelf", "Application", "ApplicationKind", "application_of"]

SYSTEM_ENDS_AT = 1701360000
"""2023-12-01 00:00 in China: from then on a system application's secret calls nothing any more."""


class ApplicationKind(StrEnum):
    """The kinds of applications that the page knows."""

    OWN = "own"
    """自建应用: must stand among 客户联系 可调用接口的应用."""
    DEVELOPED = "developed"
    """代开发应用: must have the right 管理商品图册."""
    THIRD_PARTY = "third-party"
    """第三方应用: must have the right 管理商品图册."""
    SYSTEM = "system"
    """系统应用, such as 客户联系 itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One application of a company.

    :param may_call: whether it was given what its kind needs.
    :param sees: the members in its visible range, by their user ids; counts for an own application only.
    """

    kind: ApplicationKind = ApplicationKind.OWN
    may_call: bool = True
    sees: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class Album:
    """One product.

    :param number: in the order in which they were added.
    :param added_by: the application's name; empty when a person added it by hand.
    :param member: whose it is; empty for one of the company's (企业级).
    :param media_ids: its pictures.
    """

    product_id: str
    number: int
    description: str
    price: int
    product_sn: str
    media_ids: tuple[str, ...]
    added_by: str
    member: str
    created_at: int


class AlbumShelf:
    """A company's albums.

    :ivar applications: by the tenant's name.
    :ivar called_before: whether the company called with a system application's secret before December 2023: then it
        still may (存量企业暂不受影响).
    """

    def __init__(self) -> None:
        self.albums: dict[str, Album] = {}
        self.applications: dict[str, Application] = {}
        self.called_before = False
        self._numbers = 0

    def check_caller(self, tenant: Tenant, *, now: float) -> Application:
        """Return the application that calls.

        :raises Refusal: 48002, WeCom's global code, when it may not; the page itself names none.
        """
        application = self.applications.get(tenant.name, Application())
        ended = application.kind is ApplicationKind.SYSTEM and now >= SYSTEM_ENDS_AT and not self.called_before
        if ended or not application.may_call:
            raise Refusal(48002, "api forbidden")
        return application

    def add(
        self,
        *,
        description: str,
        price: int,
        product_sn: str,
        media_ids: tuple[str, ...],
        added_by: str,
        now: float,
        member: str = "",
    ) -> Album:
        """Add a product; through the API it is the company's."""
        self._numbers += 1
        album = Album(
            product_id=secrets.token_hex(16),  # no leading hyphen, which a shell command would take for an option
            number=self._numbers,
            description=description,
            price=price,
            product_sn=product_sn,
            media_ids=media_ids,
            added_by=added_by,
            member=member,
            created_at=int(now),
        )
        self.albums[album.product_id] = album
        return album

    def find(self, product_id: object) -> Album:
        """Return one of the company's products, whichever application added it (可获取企业内所有企业级的商品图册).

        :raises Refusal: 40035, WeCom's global code for a bad parameter; the page names none.
        """
        album = self.albums.get(product_id) if isinstance(product_id, str) else None
        if album is None or album.member:
            raise Refusal(40035, "invalid parameter: product_id")
        return album

    def find_own(self, product_id: object, tenant: Tenant) -> Album:
        """Return a product that this application has added (应用只修改/只可删除应用自己创建的商品图册).

        :raises Refusal: as :meth:`find`; 60011 when another added it: WeCom's global code, the page names none.
        """
        album = self.find(product_id)
        if album.added_by != tenant.name:
            raise Refusal(60011, "no privilege to access/modify this product album")
        return album

    def page(self, application: Application, *, after: int, limit: int) -> tuple[list[Album], bool]:
        """Return one page of what an application sees, and whether more comes.

        An own application sees members' products only of its visible range (只会返回应用可见范围内用户的情况). The page
        does not say what that means for the company's own products: here everybody sees them. Nor does it give an
        order: here it is that of adding.
        """
        own = application.kind is ApplicationKind.OWN
        seen = (
            album
            for album in self.albums.values()
            if album.number > after and (not own or not album.member or album.member in application.sees)
        )
        found = list(islice(seen, limit + 1))
        return found[:limit], len(found) > limit


def application_of(tenant: Tenant, application: Application) -> Tenant:
    """Describe a tenant as an application of its company, and return it."""
    tenant.shelf(AlbumShelf).applications[tenant.name] = application
    return tenant
