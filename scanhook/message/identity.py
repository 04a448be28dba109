"""By what a push is known when it comes again. Performs no I/O."""

from __future__ import annotations

from scanhook.message.events import Message, OtherEvent, ProductEvent

__all__ = ["identity"]


def identity(message: Message | ProductEvent) -> tuple[str, ...]:
    """Return what tells a push from every other, and is the same in all its repeats.

    WeChat's own rule, FromUserName and CreateTime, would merge different events of one scan and different codes that
    one person scanned in the same second (facts.md 2.6), so the event and the code are added.

    :returns: texts. They hold an openid and a code: hash them before they are kept.
    """
    parts = (message.to_user_name, message.from_user_name, str(message.create_time))
    if isinstance(message, ProductEvent):
        # Events have no MsgId; if one ever had, two codes must not share a verdict because two pushes share a number.
        return (*parts, message.event, message.key_standard, message.key_str, message.ext_info)
    if message.msg_id:
        return (message.to_user_name, "MsgId", message.msg_id)
    return (*parts, message.event if isinstance(message, OtherEvent) else message.msg_type)
