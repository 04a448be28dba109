"""What the sandbox does where WeChat's pages give a figure, two shapes, or nothing. Performs no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["MerchantShape", "Policy"]


class MerchantShape(StrEnum):
    """The two answers of ``/scan/merchantinfo/get`` (facts.md 1.1)."""

    CURRENT = "current"
    OLDER = "older"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How this sandbox behaves; may be replaced while it runs (``world.policy``).

    :param token_life_s: facts.md section 4: 7200.
    :param review_s: how long a page is in review; the pages are silent.
    :param review_passes: what a review ends with.
    :param ticket_life_s: the seed, "检查wxticket参数": 20 minutes.
    """

    token_life_s: int = 7200
    review_s: float = 10.0
    review_passes: bool = True
    merchant_shape: MerchantShape = MerchantShape.CURRENT
    ticket_life_s: float = 1200.0

    def __post_init__(self) -> None:
        if self.token_life_s < 1:
            raise ValueError("a token lives for one second at least")
        if min(self.review_s, self.ticket_life_s) < 0:
            raise ValueError("a time is not negative")
