"""From a verdict to the bytes of the answer. Performs no I/O and knows no clock."""

from scanhook.reply.compose import SUCCESS, ScanProductReply, compose
from scanhook.reply.seal import seal

__all__ = ["SUCCESS", "ScanProductReply", "compose", "seal"]
