"""What shall be minted, and what came of it. Performs no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scanhook.errors import Refused
from scanhook.registry.agefile import Recipient
from scanhook.registry.change import WHO_MAX_CHARS, Handover, check_words
from scanhook.registry.checksum import ALPHABET
from scanhook.registry.normalise import Normalisation
from scanhook.registry.parsing import BATCH_MAX_CHARS
from scanhook.registry.printfile import CONTENT_MAX_BYTES
from scanhook.registry.product import Product
from scanhook.registry.serials import SERIAL_CHARS

__all__ = ["MINTED_RULES", "MINT_CODES_MAX", "MintOrder", "Minted", "check_product"]

MINT_CODES_MAX = 100_000_000
"""How many codes one batch is minted with."""
MINTED_RULES = Normalisation(trim=True, width=True, upper=True, look_alikes=True, check=True)
"""The normalisation that minted codes are made for: it mends most slips, and knows the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MintOrder:
    """What shall be minted.

    :param codes: how many.
    :param path: the printer's file; nothing may lie there.
    :param taken_by: who takes it.
    :param recipient: the printer's key; without it the file is not encrypted.
    :param who: who mints, for the history.
    :raises Refused: when one of them cannot be.
    """

    product: Product
    batch: str
    codes: int
    path: Path
    taken_by: str
    who: str
    why: str
    recipient: Recipient | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.codes <= MINT_CODES_MAX:
            raise Refused(f"a batch is minted with 1 to {MINT_CODES_MAX:,} codes")
        if not (0 < len(self.batch) <= BATCH_MAX_CHARS and self.batch.isprintable() and self.batch.strip()):
            raise Refused(f"the batch is not 1 to {BATCH_MAX_CHARS} printable characters")
        if not (self.taken_by.strip() and len(self.taken_by) <= WHO_MAX_CHARS and self.taken_by.isprintable()):
            raise Refused(f"who takes the file is not 1 to {WHO_MAX_CHARS} printable characters")
        if not str(self.path).isprintable():
            raise Refused("the file's name cannot be printed, and the record of the handover shows it: name another")
        check_words(self.who, self.why)
        check_product(self.product)


def check_product(product: Product) -> None:
    """Find out whether codes can be minted for a product.

    :raises Refused: when its QR prefix is not set, is no address, or is too long, or its rules would change a serial.
    """
    name, prefix = f"{product.key_standard} {product.key_str}", product.qr_prefix
    remedy = f"`scanhook products set {name} --qr-prefix …`"
    if not prefix:
        raise Refused(
            f"the product has no QR prefix, and the printer needs the full content of each code: set it with {remedy}; "
            "it is what stands before the extinfo in the content that WeChat's getqrcode gives"
        )
    if not (prefix.isascii() and prefix.isprintable() and " " not in prefix):
        raise Refused(f"the product's QR prefix is no address of plain ASCII without blanks: mend it with {remedy}")
    if len(prefix) + SERIAL_CHARS > CONTENT_MAX_BYTES:
        raise Refused(
            f"the product's QR prefix has {len(prefix)} characters, and with a serial of {SERIAL_CHARS} it is longer "
            f"than the {CONTENT_MAX_BYTES} that WeChat's largest QR code holds: shorten it with {remedy}"
        )
    if product.normalisation.apply(ALPHABET) != ALPHABET:
        raise Refused(
            f"the product's normalisation ({product.normalisation}) changes the characters of minted codes: mint for "
            "another product"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """What came of a mint.

    :param change_id: its number in the history.
    :param rules_set: whether the product's normalisation was set for minted codes.
    :param slips_unseen: whether the product's normalisation leaves typing slips unrecognised.
    """

    product: Product
    batch: str
    codes: int
    handover: Handover
    change_id: int
    rules_set: bool
    slips_unseen: bool
