"""Settles the mints that were killed: each is noted as handed over, or taken back, or left until we can know.

A mint's file stands by under a hidden name before its codes become visible, and gets its own name afterwards. So the
hidden name says of visible codes whether anybody can have taken their file. Where it did not appear, the codes are
taken back, unless somebody has changed their state since: then the file appears instead. Each machine settles its own
mints, since no other sees their files.
"""

from __future__ import annotations

from contextlib import suppress

from scanhook.errors import Refused, StorageError
from scanhook.registry.importstore import Kind, Phase, is_elsewhere
from scanhook.registry.loading import drop_import, work_name
from scanhook.registry.mintorder import MINTED_RULES
from scanhook.registry.mintstore import OpenMint
from scanhook.registry.normalise import Normalisation
from scanhook.registry.printfile import discard_hidden, has_appeared, reveal
from scanhook.registry.store import RegistryStore
from scanhook.registry.workfolder import remove_work

__all__ = ["note_mint", "settle_mints", "settle_now"]


def settle_mints(store: RegistryStore) -> int:
    """Settle the mints that were killed.

    Whoever starts a service or looks after a storage calls this; while an import or a mint runs it does nothing.

    :returns: how many mints were taken back.
    :raises StorageError: when the registry cannot be written.
    """
    try:
        with store.importing():
            return settle_now(store)
    except Refused:
        return 0  # one that runs holds the place; what was killed is settled when it has ended


def settle_now(store: RegistryStore) -> int:
    """Do the same for one who holds the place for an import."""
    taken_back = 0
    for mint in list(store.open_mints()):
        found = store.find_import(mint.import_id)
        if found and is_elsewhere(store, found):
            continue  # whether its file appeared can only be seen there
        handed_over = _is_handed_over(mint)
        if handed_over:
            note_mint(store, mint.import_id)
        elif handed_over is False:
            taken_back += _take_back(store, mint)
    _clear_work(store)
    return taken_back


def note_mint(store: RegistryStore, import_id: int) -> bool:
    """Note that a mint's file is handed over. A fresh product gets the rules that minted codes are made for.

    :returns: whether it has got them.
    :raises StorageError: when the registry cannot be written.
    """
    rules_set = store.note_handover(import_id, was=Normalisation(), rules=MINTED_RULES)
    with suppress(StorageError):  # whoever comes next deletes it
        remove_work(store.folder / work_name(import_id))
    return rules_set


def _is_handed_over(mint: OpenMint) -> bool | None:
    """Tell whether somebody can have the file of a mint; ``None`` where we cannot know."""
    if not mint.is_shown:
        return False
    appeared = has_appeared(mint.path, sha256=mint.sha256, folder=mint.folder)
    if not mint.is_changed:
        return appeared
    # Whoever has changed these codes counts on them: they are not taken back, whatever we see of the file.
    if appeared is False:
        try:
            reveal(mint.path)
        except OSError:
            return None
    return True


def _take_back(store: RegistryStore, mint: OpenMint) -> bool:
    if not store.hide_mint(mint.import_id):
        return False  # somebody has changed its codes this very moment
    discard_hidden(mint.path)
    found = store.find_import(mint.import_id)
    if found is None:
        return False
    with suppress(Refused):  # staff may have dropped it already
        drop_import(store, found, progress=_silent)
    return found.phase is not Phase.DROPPED


def _clear_work(store: RegistryStore) -> None:
    """Delete the folders of mints that came to their end and were killed before they had deleted them."""
    still_open = {mint.import_id for mint in store.open_mints()}
    for folder in store.folder.glob("import-*"):
        number = folder.name.rpartition("-")[2]
        found = store.find_import(int(number)) if number.isdecimal() else None
        if found and found.plan.kind is Kind.MINT and found.phase is Phase.DONE and found.id not in still_open:
            with suppress(StorageError):
                remove_work(folder)


def _silent(_what: str, _done: int, _total: int) -> None:
    pass
