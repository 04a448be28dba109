"""``GET /landing``: the page behind a product page's link. It tells a visitor of the item that they have scanned."""

from scanhook.wire.landing.route import add_landing

__all__ = ["add_landing"]
