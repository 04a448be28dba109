"""A registry that only knows batches and imports: for those who look after them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanhook.errors import StorageError
from scanhook.registry import Batch, Load, Mark, Product, RegistryStore, State
from scanhook.registry.importstore import Import, ImportPlan, Kind, Phase
from scanhook.registry.life import NO_MARK
from scanhook.storage.machine import Machine

AT = 1_795_312_800
"""2026-11-22 02:00 UTC."""
HOUR_S = 3600
PRODUCT = Product(id=b"12345678", account="main", key_standard="qrcode", key_str="moment-frame")


def batch(
    id_: int = 1,
    *,
    name: str = "autumn",
    hours: float = 200,
    minted: bool = True,
    state: State = State.ISSUED,
    mark: Mark = NO_MARK,
    ranged: bool = False,
    ever_activated: bool = False,
) -> Batch:
    """Return a batch of 5 codes whose codes came that many hours ago."""
    load = Load(state=state, codes=5, loaded_by=1, at=int(AT - hours * HOUR_S), minted=minted)
    return Batch(
        id=id_,
        product=PRODUCT,
        name=name,
        loads=(load,),
        positions=5,
        mark=mark,
        pepper_id="0badcafe",
        ranged=ranged,
        ever_activated=ever_activated,
    )


def incoming(
    id_: int, phase: Phase, *, hours: float = 48, first_part: int = 0, machine: Machine | None = None
) -> Import:
    """Return an import that began, and ended if it has, that many hours ago."""
    at = int(AT - hours * HOUR_S)
    plan = ImportPlan(kind=Kind.IMPORT, file="codes.csv", who="mei", why="new codes")
    ended_at = None if phase in (Phase.QUEUED, Phase.READING, Phase.LOADING) else at
    return Import(
        id=id_,
        plan=plan,
        phase=phase,
        started_at=at,
        ended_at=ended_at,
        digest=b"",
        done=0,
        total=0,
        loaded=0,
        report={},
        change_id=0,
        first_part=first_part,
        machine=machine,
    )


@dataclass(slots=True)
class Shelves:
    """Stands where a registry does.

    :param broken: it can be asked for nothing.
    :param asked: how often somebody began to ask.
    :param machine: which one this is, where there are several.
    """

    folder: Path = Path()
    kept: list[Batch] = field(default_factory=list)
    brought: list[Import] = field(default_factory=list)
    open: list[object] = field(default_factory=list)
    broken: bool = False
    asked: int = 0
    machine: Machine | None = None

    def batches(self, *, after: int, limit: int) -> list[Batch]:
        self._ask(after == 0)
        return [batch for batch in self.kept if batch.id > after][: min(limit, 2)]

    def imports(self, *, before: int | None, limit: int) -> list[Import]:
        self._ask(before is None)
        newest = sorted(self.brought, key=lambda found: -found.id)
        return [found for found in newest if before is None or found.id < before][: min(limit, 2)]

    def find_import(self, id_: int) -> Import | None:
        self._ask(counts=False)
        return next((found for found in self.brought if found.id == id_), None)

    def open_mints(self) -> Iterator[object]:
        self._ask(counts=False)
        return iter(self.open)

    def _ask(self, counts: bool) -> None:  # noqa: FBT001
        if self.broken:
            raise StorageError("the database is damaged")
        self.asked += counts


def as_registry(shelves: Shelves) -> RegistryStore:
    """Pass it off as a whole registry."""
    registry: Any = shelves
    return registry  # type: ignore[no-any-return]
