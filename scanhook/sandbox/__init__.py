"""A WeChat of our own, for development and tests."""

from scanhook.sandbox.push import Push, compose_echo, compose_push, open_answer

__all__ = ["Push", "compose_echo", "compose_push", "open_answer"]
