"""Pictures of a size, as far as a reader of sizes looks."""

from __future__ import annotations

import struct

JPEG_END = b"\xff\xd9"


def png(width: int, height: int) -> bytes:
    """Write the beginning of a PNG."""
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02\x00\x00\x00"


def jpeg(width: int, height: int, *, before: bytes = b"") -> bytes:
    """Write a JPEG with nothing in it: an application's segment, what is given, and the frame's header."""
    app = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    frame = b"\xff\xc2\x00\x0b\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\x00"
    return b"\xff\xd8" + app + before + frame + JPEG_END


def gif(width: int, height: int) -> bytes:
    """Write the beginning of a GIF."""
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x00\x00\x00"
