"""What stands in a Channels account's window. Performs no I/O.

Which id comes when (``channels-window-list.md``, Res.products): of a self-operated product its shop's id and the shop's
app id; of a promoted one (带货商品) the promotion's id, and the id in the shop that supplies it.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UINT64_MAX", "WindowItem", "WindowShelf"]

UINT64_MAX = 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowItem:
    """One product.

    :param number: in the order in which they were added.
    :param app_id: of the shop; empty for a promoted product, as ``out_product_id`` is for a self-operated one.
    :param branch_id: of the shop's branch; ``None`` for none.
    :param hidden: whether visitors of the window do not see it.
    """

    number: int
    product_id: str
    app_id: str
    out_product_id: str
    branch_id: int | None
    title: str
    image: str
    category_id: str
    price_fen: int
    hidden: bool


class WindowShelf:
    """One window.

    :ivar bound_shops: the app ids of the shops that are bound to the account; ``None`` for any.
    :ivar picture_url: the picture of what is put in from now on; empty: an address that leads nowhere.
    """

    def __init__(self) -> None:
        self.bound_shops: frozenset[str] | None = None
        self.picture_url = ""
        self._items: dict[tuple[str, str], WindowItem] = {}
        self._numbers = 0

    def put_own(
        self,
        app_id: str,
        product_id: str,
        *,
        hidden: bool = False,
        branch_id: int | None = None,
        title: str = "",
        price_fen: int = 0,
    ) -> WindowItem:
        """Put a self-operated product into the window; one that is there takes what is new."""
        return self._put(
            WindowItem(
                number=self._number((app_id, product_id)),
                product_id=product_id,
                app_id=app_id,
                out_product_id="",
                branch_id=branch_id,
                title=title or f"商品 {product_id}",
                image=self._image(product_id),
                category_id="1270",
                price_fen=price_fen,
                hidden=hidden,
            )
        )

    def put_promoted(self, product_id: str, out_product_id: str, *, title: str = "", price_fen: int = 0) -> WindowItem:
        """Put a promoted product into the window: nobody can through this API."""
        return self._put(
            WindowItem(
                number=self._number(("", product_id)),
                product_id=product_id,
                app_id="",
                out_product_id=out_product_id,
                branch_id=None,
                title=title or f"带货商品 {product_id}",
                image=self._image(product_id),
                category_id="1270",
                price_fen=price_fen,
                hidden=False,
            )
        )

    def own(self, app_id: str, product_id: str) -> WindowItem | None:
        """Return a self-operated product."""
        return self._items.get((app_id, product_id)) if app_id else None

    def find(self, *, app_id: str = "", branch_id: int | None = None, promoted: bool = False) -> list[WindowItem]:
        """Return what fits, in the order of adding.

        :param app_id: only self-operated products of this shop; it counts before ``promoted``.
        :param promoted: only promoted ones.
        """
        return [
            item
            for item in self._items.values()
            if (item.app_id == app_id if app_id else not promoted or item.out_product_id)
            and (branch_id is None or item.branch_id == branch_id)
        ]

    def _number(self, key: tuple[str, str]) -> int:
        if key in self._items:
            return self._items[key].number
        self._numbers += 1
        return self._numbers

    def _put(self, item: WindowItem) -> WindowItem:
        self._items[item.app_id, item.product_id] = item
        return item

    def _image(self, product_id: str) -> str:
        return self.picture_url or f"https://mmecimage.invalid/p/{product_id}.jpg"
