"""Products, batches and codes; how they come in, and what is found of them."""

from __future__ import annotations

from scanhook.clock import Clock
from scanhook.registry.change import Batch, Change, Handover, Load, Order, Scope, check_words
from scanhook.registry.checksum import ALPHABET, check_character, has_right_check
from scanhook.registry.codefile import EXT_INFO_MAX_CHARS, HEADER
from scanhook.registry.importing import ImportReport, Progress, import_codes
from scanhook.registry.importstore import CodeRow, Part, Pile
from scanhook.registry.life import Action, Level, Mark, State, strictest
from scanhook.registry.nearest import Cause, Edit, Nearest, find_nearest
from scanhook.registry.normalise import Normalisation
from scanhook.registry.product import ACCOUNT_REASONS, DEFAULT_VERDICTS, Product, Reason
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.registry.store import CodeRecord, LookUp, RegistryStore
from scanhook.storage import POSTGRESQL, Pepper, StorageUrl

__all__ = [
    "ACCOUNT_REASONS",
    "ALPHABET",
    "DEFAULT_VERDICTS",
    "EXT_INFO_MAX_CHARS",
    "HEADER",
    "Action",
    "Batch",
    "Cause",
    "Change",
    "CodeRecord",
    "CodeRow",
    "Edit",
    "Handover",
    "ImportReport",
    "Level",
    "Load",
    "LookUp",
    "Mark",
    "Nearest",
    "Normalisation",
    "Order",
    "Part",
    "Pile",
    "Product",
    "Progress",
    "Reason",
    "RegistryStore",
    "Scope",
    "State",
    "check_character",
    "check_words",
    "find_nearest",
    "has_right_check",
    "import_codes",
    "open_registry",
    "strictest",
]


def open_registry(url: StorageUrl, *, pepper: Pepper, clock: Clock) -> RegistryStore:
    """Open the registry that a storage URL names, making it when it is not there.

    :raises PepperMismatch: when it was made with another pepper.
    :raises SchemaMismatch: when it was made by another version.
    :raises StorageError: when it cannot be opened.
    """
    if url.engine == POSTGRESQL:
        from scanhook.registry.postgres import open_postgres  # noqa: PLC0415  (psycopg is loaded only where it is used)

        return open_postgres(url, pepper=pepper, clock=clock)
    return SqliteRegistry(url.folder, pepper=pepper, clock=clock)
