from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import pytest
from pyrage import decrypt, encrypt, x25519

from scanhook.errors import Refused
from scanhook.registry.agefile import Identities, Recipient, decrypted, encrypting, is_age_file

PRINTER = x25519.Identity.from_str(
    "AGE-SECRET-KEY-1SH6GZ3M9TEEHGAZ2E7N4FPLMAT0E7XQKST2KEEE3XU3JCHRFPUFQDDLS7C"
)  # of nobody
KEY = Recipient(text=str(PRINTER.to_public()))
OWN = Identities(keys=(PRINTER,))


def sealed(plain: bytes) -> bytes:
    sink = io.BytesIO()
    with encrypting(sink, KEY) as file:
        file.write(plain)
    return sink.getvalue()


def test_what_is_written_reaches_the_target_encrypted() -> None:
    plain = b"position,serial\r\n" * 50_000
    found = sealed(plain)

    assert found.startswith(b"age-encryption.org/v1\n")
    assert b"serial" not in found
    assert decrypt(found, [PRINTER]) == plain


def test_what_is_decrypted_can_be_read_as_a_file() -> None:
    plain = b"position,serial\r\n" * 50_000
    with decrypted(io.BytesIO(encrypt(plain, [PRINTER.to_public()])), OWN) as file:
        assert file.readline() == b"position,serial\r\n"
        assert len(file.read()) == len(plain) - 17


def test_nothing_is_encrypted_too() -> None:
    with decrypted(io.BytesIO(sealed(b"")), OWN) as file:
        assert file.read() == b""


def test_a_file_need_not_be_read_to_its_end() -> None:
    with decrypted(io.BytesIO(sealed(bytes(1_000_000))), OWN) as file:
        assert file.read(10) == bytes(10)


@pytest.mark.parametrize(
    "damage",
    [
        lambda found: found[:-1],
        lambda found: found[:-70_000],
        lambda found: found[:-1] + bytes([found[-1] ^ 1]),
        lambda found: b"nonsense" + found,
        lambda _found: b"",
    ],
)
def test_a_damaged_file_cannot_be_read_to_its_end(damage: object) -> None:
    assert callable(damage)
    with decrypted(io.BytesIO(damage(sealed(bytes(200_000)))), OWN) as file, pytest.raises(OSError, match=r"."):
        file.read()


def test_another_key_opens_nothing() -> None:
    other = Identities(keys=(x25519.Identity.generate(),))
    with decrypted(io.BytesIO(sealed(b"x")), other) as file, pytest.raises(OSError, match="No matching keys"):
        file.read()


def test_a_full_disk_is_an_error_of_the_writer() -> None:
    def write_much(full: BinaryIO) -> None:
        with encrypting(full, KEY) as file:
            file.write(bytes(10_000_000))

    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match=r"No space left on device$"):
        write_much(full)


def test_an_error_of_the_writer_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError, match="mine"), encrypting(io.BytesIO(), KEY):
        raise KeyError("mine")


def test_an_encrypted_file_is_known_by_how_it_begins(tmp_path: Path) -> None:
    (tmp_path / "sealed").write_bytes(sealed(b"x"))
    (tmp_path / "plain").write_bytes(b"position,serial")
    assert is_age_file(tmp_path / "sealed")
    assert not is_age_file(tmp_path / "plain")


def test_a_public_key_is_taken_itself_or_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "printer.pub").write_text(f"# our printer\n\n{KEY.text}\n")
    assert Recipient.read(f" {KEY.text}\n") == KEY
    assert Recipient.read(f"@{tmp_path}/printer.pub") == KEY


@pytest.mark.parametrize(
    "text",
    ["", "age1", "age1qqqq", KEY.text[:-1] + ("q" if KEY.text[-1] != "q" else "p"), "ssh-ed25519 AAAA", "茅台", "\x00"],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="this is no public age key: the printer makes a pair with `age-keygen`"):
        Recipient.read(text)


@pytest.mark.parametrize("text", [str(PRINTER), str(PRINTER).lower(), f" {PRINTER} "])
def test_a_secret_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(Refused, match="secret half of an age key") as refused:
        Recipient.read(text)
    assert str(PRINTER)[16:30].lower() not in str(refused.value).lower()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "holds 0 lines with keys"),
        (f"{KEY.text}\n{KEY.text}\n".encode(), "holds 2 lines with keys"),
        (b"\xff\xfe", "is no file of keys: it is not text"),
        (str(PRINTER).encode(), "secret half"),
    ],
)
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "printer.pub").write_bytes(content)
    with pytest.raises(Refused, match=why):
        Recipient.read(f"@{tmp_path}/printer.pub")


def test_a_key_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file"):
        Recipient.read(f"@{tmp_path}/printer.pub")


def test_an_identity_file_is_read_as_age_keygen_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "key.txt"
    path.write_text(f"# created: 2026-11-22T08:00:00+08:00\n# public key: {KEY.text}\n{PRINTER}\n")
    identities = Identities.read(path)
    with decrypted(io.BytesIO(sealed(b"x")), identities) as file:
        assert file.read() == b"x"
    assert str(PRINTER) not in repr(identities)


@pytest.mark.parametrize(
    "content",
    [b"", b"# only a comment\n", KEY.text.encode(), b"AGE-SECRET-KEY-1XXX", b"\xff"],
    ids=["empty", "comment", "public", "broken", "binary"],
)
def test_what_is_no_identity_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.txt"
    path.write_bytes(content)
    with pytest.raises(Refused, match=r"key\.txt is no "):
        Identities.read(path)
