"""A page that draws a phone: scan a code, see what WeChat would show, and what went over the line."""

from scanhook.sandbox.phone.page import create_phone
from scanhook.sandbox.phone.stage import Post, Sample, Stage

__all__ = ["Post", "Sample", "Stage", "create_phone"]
