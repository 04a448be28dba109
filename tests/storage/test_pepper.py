from __future__ import annotations

import copy
import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scanhook.errors import SettingsError
from scanhook.storage import Pepper
from tests.conftest import OPENID, ORIGINAL_ID

PRODUCT_ID = bytes.fromhex("0123456789abcdef")

# Every hash below was computed apart from scanhook, with Python's hashlib: blake2b, key 00 01 … 1f, `person` the
# purpose, over the parts, each behind its length in 4 bytes (big-endian).


def test_the_id_and_the_check_value_are_golden(pepper: Pepper) -> None:
    assert pepper.id == "7df72aa8"
    assert pepper.check.hex() == "a1e11636f5d6192263d8b441963df5aa"


@pytest.mark.parametrize(
    ("ext_info", "tag"),
    [("", "eb7526d5304a761d315d"), ("6J5T9XQ2", "06fb68d637e5081a7313"), ("茅台-1", "b2ba57d0ce705990ac82")],
)
def test_tags_are_golden(pepper: Pepper, ext_info: str, tag: str) -> None:
    assert pepper.tag(PRODUCT_ID, ext_info).hex() == tag


def test_tags_of_many_codes_are_golden(pepper: Pepper) -> None:
    codes = ["", "6J5T9XQ2", "茅台-1", "6J5T9XQ2", "茅台酒"]

    tags = [tag.hex() for tag in pepper.tags(PRODUCT_ID, codes)]

    assert tags[:4] == ["eb7526d5304a761d315d", "06fb68d637e5081a7313", "b2ba57d0ce705990ac82", "06fb68d637e5081a7313"]
    assert tags[4] == pepper.tag(PRODUCT_ID, "茅台酒").hex()


def test_the_tag_of_a_stray_code_is_golden(pepper: Pepper) -> None:
    stray = pepper.stray_tag("main", "ean13", "6900873042720", "6J5T9XQ2")

    assert stray.hex() == "6de869c52b0814043c27"


def test_the_hash_of_a_person_is_golden(pepper: Pepper) -> None:
    assert pepper.person(OPENID).hex() == "4489a96481ff0364f3b5a3f0c16a9957"


def test_the_identity_of_a_push_is_golden(pepper: Pepper) -> None:
    parts = (ORIGINAL_ID, OPENID, "1434000000", "scan_product_callback", "ean13", "6900873042720", "6J5T9XQ2")

    assert pepper.identity(parts).hex() == "1ee8e9e73bb95fb63e600823076bd4b5"


def test_what_was_made_together_is_known_by_neighbours(pepper: Pepper) -> None:
    assert pepper.identity(("a",), at=1434000000).hex() == "55791a80" + pepper.identity(("a",)).hex()[:24]
    assert pepper.identity(("a",), at=1 << 32) == pepper.identity(("a",), at=0)


def test_parts_cannot_run_into_each_other(pepper: Pepper) -> None:
    assert pepper.tag(b"ab", "c") != pepper.tag(b"a", "bc")
    assert pepper.identity(("ab", "c")) != pepper.identity(("a", "bc"))
    assert pepper.stray_tag("m", "ean13", "6", "1") != pepper.stray_tag("m", "ean1", "36", "1")


def test_another_pepper_gives_other_hashes(pepper: Pepper) -> None:
    other = Pepper(secret=bytes(range(1, 33)))

    assert other.id != pepper.id
    assert other.check != pepper.check
    assert other.tag(PRODUCT_ID, "6J5T9XQ2") != pepper.tag(PRODUCT_ID, "6J5T9XQ2")
    assert other.person(OPENID) != pepper.person(OPENID)


def test_the_same_code_of_another_product_has_another_tag(pepper: Pepper) -> None:
    assert pepper.tag(PRODUCT_ID, "6J5T9XQ2") != pepper.tag(bytes(8), "6J5T9XQ2")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_pepper_of_another_length_cannot_be_made(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Pepper(secret=bytes(size))


def test_a_pepper_goes_to_another_process_and_hashes_the_same_there(pepper: Pepper) -> None:
    for other in (pickle.loads(pickle.dumps(pepper)), copy.deepcopy(pepper)):
        assert other == pepper
        assert other.person(OPENID).hex() == "4489a96481ff0364f3b5a3f0c16a9957"


def test_threads_share_a_pepper(pepper: Pepper) -> None:
    with ThreadPoolExecutor(8) as threads:
        tags = set(threads.map(lambda _: pepper.tag(PRODUCT_ID, "6J5T9XQ2").hex(), range(1000)))
        persons = set(threads.map(lambda number: pepper.person(str(number % 100)), range(1000)))

    assert tags == {"06fb68d637e5081a7313"}
    assert persons == {pepper.person(str(number)) for number in range(100)}


def test_the_secret_is_not_shown(pepper: Pepper) -> None:
    assert repr(pepper) == "Pepper()"


def test_a_created_pepper_is_read_back_the_same(tmp_path: Path) -> None:
    created = Pepper.create(tmp_path / "pepper")

    assert Pepper.load(tmp_path / "pepper") == created
    assert Pepper.create(tmp_path / "other") != created


def test_only_its_owner_can_read_a_created_pepper(tmp_path: Path) -> None:
    Pepper.create(tmp_path / "pepper")

    assert stat.S_IMODE((tmp_path / "pepper").stat().st_mode) == 0o600


@pytest.mark.parametrize("before", ["", "something else", "00" * 32])
def test_a_pepper_is_never_replaced(tmp_path: Path, before: str) -> None:
    path = tmp_path / "pepper"
    path.write_text(before)

    with pytest.raises(SettingsError, match="never replaced"):
        Pepper.create(path)

    assert path.read_text() == before


def test_a_missing_pepper_is_told_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"pepper is missing: put back the file"):
        Pepper.load(tmp_path / "pepper")


@pytest.mark.parametrize(
    "text",
    ["", "ab" * 31, "ab" * 33, "zz" * 32, "päpper", "deadbeef"],
    ids=["empty", "too short", "too long", "not hex", "not ASCII", "much too short"],
)
def test_a_file_with_something_else_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secret"
    path.write_text(text)

    with pytest.raises(SettingsError, match="it does not hold 64 hex digits") as refused:
        Pepper.load(path)

    assert not text or text not in str(refused.value)


def test_a_pepper_that_cannot_be_read_is_told_with_the_systems_word(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        Pepper.load(tmp_path)


def test_white_space_around_the_digits_does_no_harm(tmp_path: Path, pepper: Pepper) -> None:
    path = tmp_path / "pepper"
    path.write_text("  " + bytes(range(32)).hex().upper() + "\r\n\n")

    assert Pepper.load(path) == pepper
