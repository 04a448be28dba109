"""From a document to a typed message, and by what it is known. Performs no I/O and knows no clock."""

from scanhook.message.code_result import CodeResult
from scanhook.message.decode import TEXT_MAX_CHARS, decode
from scanhook.message.events import (
    ConsumerMessage,
    EnterSession,
    Message,
    OtherEvent,
    PageSubscribe,
    PageVisit,
    ProductEvent,
    PushHead,
    ReviewResult,
    ScanProductCallback,
    ScanRegion,
)
from scanhook.message.identity import identity

__all__ = [
    "TEXT_MAX_CHARS",
    "CodeResult",
    "ConsumerMessage",
    "EnterSession",
    "Message",
    "OtherEvent",
    "PageSubscribe",
    "PageVisit",
    "ProductEvent",
    "PushHead",
    "ReviewResult",
    "ScanProductCallback",
    "ScanRegion",
    "decode",
    "identity",
]
