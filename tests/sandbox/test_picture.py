from __future__ import annotations

import pytest

from scanhook.sandbox.picture import kind_of, size_of
from tests.sandbox.pictures import gif, jpeg, png


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (png(300, 200), "image/png"),
        (jpeg(300, 200), "image/jpeg"),
        (jpeg(300, 200, before=b"\xff\xc4\x00\x04\x00\x00"), "image/jpeg"),
        (jpeg(300, 200, before=b"\xff\xff\xfe\x00\x02"), "image/jpeg"),
        (jpeg(300, 200, before=b"\xff\x01"), "image/jpeg"),
        (gif(300, 200), "image/gif"),
    ],
    ids=["png", "jpeg", "jpeg with tables", "jpeg with fill bytes", "jpeg with a bare marker", "gif"],
)
def test_a_picture_tells_its_kind_and_size(content: bytes, kind: str) -> None:
    assert (kind_of(content), size_of(content)) == (kind, (300, 200))


@pytest.mark.parametrize(
    "content",
    [b"", png(1, 1)[:20], jpeg(1, 1)[:22], b"\xff\xd8\xff\xe0\x00\x00", gif(1, 1)[:8], b"\xff\xd8<html>", b"%PDF"],
    ids=range(7),
)
def test_a_picture_that_is_cut_off_tells_no_size(content: bytes) -> None:
    assert size_of(content) is None


@pytest.mark.parametrize("content", [png(300, 200)[:24], gif(300, 200)[:10]], ids=["png", "gif"])
def test_the_first_bytes_are_enough_for_the_size(content: bytes) -> None:
    assert size_of(content) == (300, 200)
    assert size_of(content[:-1]) is None
