"""The import of a code file: read and checked as a whole, then stored in order, then shown at once.

Killed at any moment, it leaves nothing visible and loses nothing: while it is read, it is begun again; once its sorted
tags are complete, it goes on where it was.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from scanhook.errors import CodeFileRefused, Refused, ScanhookError, StorageError
from scanhook.registry.codefile import CodeFile
from scanhook.registry.comparing import compare, recount
from scanhook.registry.importstore import Import, ImportPlan, Kind, Phase, Pile
from scanhook.registry.intake import Intake, helpers_for
from scanhook.registry.loading import Progress, drop_import, load_stacks, work_name
from scanhook.registry.parsing import BATCH_MAX_CHARS
from scanhook.registry.product import Product
from scanhook.registry.rejects import Rejects
from scanhook.registry.store import RegistryStore
from scanhook.registry.unfinished import find_earlier, sweep
from scanhook.registry.workfolder import FolderLost, Manifest, WorkFolder, remove_work
from scanhook.storage import Pepper

__all__ = ["ImportReport", "Progress", "import_codes"]

_DRY_RUN = "import-dry-run"
_NOTE_EVERY_S = 2.0

Begun = Callable[[int, float | None], None]
"""Told the number of an import once it begins, and, of one that goes on, how much of it was stored already, up to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What came of an import.

    :param codes: how many codes were taken; 0 unless it was finished. Of a dry run: how many would be taken.
    :param refused: how many lines were not.
    :param finished: whether the codes are visible now.
    :param rejects: the file that names every refused line, if there is one.
    :param import_id: its number; 0 of a dry run.
    :param went_on_at: how much of it was stored already by a run that was stopped, up to 1; ``None`` if it began anew.
    :param others: the numbers of unfinished imports, with the same options, of another file of this name.
    :param audit: what was found in the file, for JSON; see :meth:`scanhook.registry.audit.Audit.report`.
    """

    codes: int
    refused: int
    finished: bool
    rejects: Path | None
    piles: tuple[Pile, ...]
    import_id: int = 0
    went_on_at: float | None = None
    others: tuple[int, ...] = ()
    audit: Mapping[str, object] = field(default_factory=dict, compare=False)


def import_codes(
    store: RegistryStore,
    path: Path,
    *,
    pepper: Pepper,
    account: str,
    skip_bad: bool = False,
    rejects: Path | None = None,
    batch: str = "",
    who: str = "",
    why: str = "",
    dry_run: bool = False,
    queued: Import | None = None,
    progress: Progress = lambda _what, _done, _total: None,
    begun: Begun = lambda _number, _went_on_at: None,
) -> ImportReport:
    """Import a code file, or go on with an import of the same file and options that was stopped.

    :param account: the name of the account that its products belong to.
    :param skip_bad: take the good lines where others are refused; without it, one refused line refuses the file.
    :param rejects: where the refused lines are listed, by number and reason; ``FILE.rejects.csv`` when not given.
    :param batch: the batch of lines that name none; the file's name when not given.
    :param who: who does it, and ``why``, for the history; ``import of FILE`` when no reason is given.
    :param dry_run: read, check, audit and compare the file, and store nothing.
    :param queued: the import as it was queued, where somebody else had asked for it.
    :param begun: told when an import begins or goes on; never of a dry run.
    :raises CodeFileRefused: when the file cannot be read as a code file, or holds no code.
    :raises Refused: when another import is running, the file was imported already, or the queued import was given up.
    :raises StorageError: when the registry cannot be written. Nothing of the file is visible then.
    """
    _check_batch(batch)
    rejects = rejects or path.with_name(path.name + ".rejects.csv")
    if rejects.resolve() == path.resolve():
        raise CodeFileRefused(f"the rejects would overwrite {path}: name another file with --rejects")
    name = os.fsencode(path.name).decode(errors="replace")
    options = {"account": account, "batch": batch or _batch_of(name), "skip_bad": skip_bad}
    plan = ImportPlan(kind=Kind.IMPORT, file=name, who=who, why=why or f"import of {name}", options=options)
    with store.importing():
        run = _Run(store=store, path=path, pepper=pepper, plan=plan, rejects=rejects, progress=progress, begun=begun)
        return run.look() if dry_run else run.do(queued)


def _check_batch(batch: str) -> None:
    if len(batch) > BATCH_MAX_CHARS or batch != batch.strip() or not (batch or "-").isprintable():
        raise Refused(f"the batch is not up to {BATCH_MAX_CHARS} printable characters without blanks at its ends")


def _batch_of(name: str) -> str:
    """Return what the batch of a file is called, from the file's name."""
    stem = name.removesuffix(".gz").removesuffix(".csv")
    printable = "".join(filter(str.isprintable, stem)).strip()
    return printable[:BATCH_MAX_CHARS].strip() or "import"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One run of the command, while it holds the place for an import."""

    store: RegistryStore
    path: Path
    pepper: Pepper
    plan: ImportPlan
    rejects: Path
    progress: Progress
    begun: Begun

    def do(self, queued: Import | None) -> ImportReport:
        """Import the file, or go on with it."""
        sweep(self.store)
        if queued:
            return self.begin(self._still_queued(queued))
        earlier = find_earlier(self.store, self.path, self.plan, progress=self.progress)
        if earlier.stopped:
            return self.go_on(earlier.stopped)
        report = self.begin(self.store.start_import(self.plan))
        return replace(report, others=earlier.others)

    def _still_queued(self, queued: Import) -> int:
        """Return the number of an import that waits, now that its turn has come."""
        now = self.store.find_import(queued.id)
        waits = now is not None and now.phase in (Phase.QUEUED, Phase.FAILED)
        if not (waits and self.store.note_progress(queued.id, phase=Phase.READING, done=0, total=0)):
            raise Refused(f"the import {queued.id} does not wait any more: see `scanhook imports show {queued.id}`")
        return queued.id

    def look(self) -> ImportReport:
        """Do everything but store."""
        intake = self._intake(_DRY_RUN)
        try:
            manifest = self._compared(intake, intake.run())
            self._check_not_empty(manifest)
            intake.rejects.write(self.rejects)
            return self._report(manifest, intake.piles(manifest.codes), audit=_audit(intake, manifest), finished=False)
        finally:
            intake.work.remove()

    def begin(self, import_id: int) -> ImportReport:
        """Import the file from its beginning."""
        self.begun(import_id, None)
        try:
            intake = self._intake(work_name(import_id), import_id)
            manifest = self._compared(intake, intake.run())
            self._check_not_empty(manifest)
            intake.rejects.write(self.rejects)
            audit = _audit(intake, manifest)
            if self._is_refused(manifest):
                self._give_back(import_id, Phase.REFUSED, audit)
                return self._report(manifest, (), audit=audit, import_id=import_id, finished=False)
            piles = intake.piles(manifest.codes)
            intake.work.seal(manifest)
            total = sum(manifest.records)
            self.store.ready_import(import_id, piles, digest=intake.file.digest, total=total, report=audit)
        except BaseException as error:
            phase = Phase.REFUSED if isinstance(error, Refused) else Phase.FAILED
            with suppress(ScanhookError):
                self._give_back(import_id, phase, {"why": error.why if isinstance(error, ScanhookError) else "stopped"})
            raise
        return self._load(import_id, intake.work, manifest, piles, audit)

    def go_on(self, stopped: Import) -> ImportReport:
        """Import the rest of the file."""
        piles = [part.pile for part in self.store.parts_of(stopped.id)]
        try:
            work, manifest = WorkFolder.open(self.store.folder, work_name(stopped.id))
            rejects = Rejects(work.path)
            rejects.take_up()
            manifest = recount(work, manifest, rejects)
        except FolderLost:
            drop_import(self.store, stopped, progress=self.progress)
            return self.begin(self.store.start_import(self.plan))
        share = sum(manifest.records[: stopped.loaded]) / max(sum(manifest.records), 1)
        self.begun(stopped.id, share)
        # Meanwhile another import may have brought some of its codes.
        products = [pile.product for pile in piles]
        manifest = self._compare(products, work, manifest, rejects)
        rejects.write(self.rejects)
        audit = {**stopped.report, "codes": sum(manifest.records), "refused": manifest.refused}
        if self._is_refused(manifest):
            drop_import(self.store, stopped, progress=self.progress)
            self.store.close_import(stopped.id, phase=Phase.REFUSED, report=audit)
            return self._report(manifest, (), audit=audit, import_id=stopped.id, finished=False)
        report = self._load(stopped.id, work, manifest, piles, audit, loaded=stopped.loaded)
        return replace(report, went_on_at=share)

    def _load(
        self,
        import_id: int,
        work: WorkFolder,
        manifest: Manifest,
        piles: Sequence[Pile],
        audit: Mapping[str, object],
        *,
        loaded: int = 0,
    ) -> ImportReport:
        try:
            load_stacks(self.store, import_id, work, manifest, loaded=loaded, progress=self.progress)
            self.store.finish_import(import_id, manifest.codes, report=audit)
        except StorageError as error:
            raise StorageError(
                f"{error.why}; {sum(manifest.records):,} codes are read and sorted already: "
                "run the same command again to go on"
            ) from error
        with suppress(StorageError):  # its codes are visible: whoever sweeps next deletes what is left
            work.remove()
        return self._report(manifest, piles, audit=audit, import_id=import_id, finished=True)

    def _intake(self, folder: str, import_id: int = 0) -> Intake:
        file = CodeFile(self.path)
        noted = [time.monotonic()]

        def progress(what: str, done: int, total: int) -> None:
            if import_id and what == "read" and time.monotonic() - noted[0] > _NOTE_EVERY_S:
                noted[0] = time.monotonic()
                self.store.note_progress(import_id, phase=Phase.READING, done=done, total=total)
            self.progress(what, done, total)

        return Intake(
            store=self.store,
            pepper=self.pepper,
            account=str(self.plan.options["account"]),
            batch=str(self.plan.options["batch"]),
            storage_name=folder,
            file=file,
            helpers=helpers_for(file),
            progress=progress,
        )

    def _compared(self, intake: Intake, manifest: Manifest) -> Manifest:
        return self._compare(intake.products, intake.work, manifest, intake.rejects)

    def _compare(self, products: Sequence[Product], work: WorkFolder, manifest: Manifest, rejects: Rejects) -> Manifest:
        known = {product.id for product in _distinct(products) if self.store.holds_codes(product)}
        return compare(
            self.store,
            work,
            manifest,
            known_piles={number for number, product in enumerate(products) if product.id in known},
            rejects=rejects,
            progress=lambda done, total: self.progress("compare", done, total),
        )

    def _check_not_empty(self, manifest: Manifest) -> None:
        if not sum(manifest.records) and not manifest.refused:
            raise CodeFileRefused(
                f"{self.path} holds no code below its header: see that it is the right file, and whole"
            )

    def _is_refused(self, manifest: Manifest) -> bool:
        return not sum(manifest.records) or bool(manifest.refused and not self.plan.options["skip_bad"])

    def _give_back(self, import_id: int, phase: Phase, report: Mapping[str, object]) -> None:
        self.store.close_import(import_id, phase=phase, report=report)
        remove_work(self.store.folder / work_name(import_id))

    def _report(
        self,
        manifest: Manifest,
        piles: Sequence[Pile],
        *,
        audit: Mapping[str, object],
        finished: bool,
        import_id: int = 0,
    ) -> ImportReport:
        return ImportReport(
            codes=sum(manifest.codes) if piles else 0,
            refused=manifest.refused,
            finished=finished,
            rejects=self.rejects if manifest.refused else None,
            piles=tuple(
                replace(pile, codes=codes) for pile, codes in zip(piles, manifest.codes, strict=bool(piles)) if codes
            ),
            import_id=import_id,
            audit=audit,
        )


def _distinct(products: Sequence[Product]) -> list[Product]:
    """Return each product once."""
    return list({product.id: product for product in products}.values())


def _audit(intake: Intake, manifest: Manifest) -> dict[str, object]:
    codes = sum(manifest.records)
    return {
        "lines": codes + manifest.refused,
        "codes": codes,
        "refused": manifest.refused,
        "doubles": intake.doubles,
        "registered": manifest.refused - intake.refused_in_file,
        **intake.audit.report(),
    }
