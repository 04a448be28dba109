"""The process that imports an uploaded file. The service starts it and lets go of it: it outlives the service.

``python -m scanhook.wire.importer SETTINGS IMPORT DESCRIPTOR``; the descriptor is the import's claim (see
:meth:`scanhook.wire.uploads.Uploads.claim`), which the system takes back when this process dies.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from scanhook.clock import SystemClock
from scanhook.errors import CodeFileRefused, Refused, ScanhookError
from scanhook.registry import ImportReport, RegistryStore, import_codes
from scanhook.registry.crew import python_path
from scanhook.registry.importstore import Import, Kind, Phase
from scanhook.settings import House, load_settings
from scanhook.storage import Pepper
from scanhook.wire.log import log
from scanhook.wire.storage import open_storage
from scanhook.wire.uploads import Uploads

__all__ = ["run_import", "start_import"]

_BUSY_PAUSE_S = 1.0
_NOTE_EVERY_S = 2.0
_NICE = 10
"""Scans come first."""
_NOT_FOR_CHILDREN = frozenset({"PROMETHEUS_MULTIPROC_DIR"})
_BEGINS = frozenset({Phase.QUEUED, Phase.READING, Phase.FAILED})
_WAITS = frozenset({Phase.QUEUED, Phase.LOADING})


def start_import(house: House, import_id: int, claim: IO[bytes]) -> None:
    """Start the process that runs an import, in a session of its own.

    :param claim: is closed here; the process holds it on.
    :raises OSError: when no process can be started.
    """
    with claim:
        given = [str(house.path.resolve()), str(import_id), str(claim.fileno())]
        process = subprocess.Popen(  # noqa: S603  (our own interpreter and numbers)
            [sys.executable, "-P", "-m", __name__, *given],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # a trace could hold a code
            pass_fds=(claim.fileno(),),
            start_new_session=True,
            env=_environ(),
        )
    # Whoever started it has to take note of its end, or it stays as a zombie.
    threading.Thread(target=_await, args=(process, import_id), daemon=True, name=f"import {import_id}").start()


def _environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_CHILDREN}
    return {**kept, "PYTHONPATH": python_path()}


def _await(process: subprocess.Popen[bytes], import_id: int) -> None:
    status = process.wait()
    if status:
        log.error("an import stopped", id=import_id, status=status, why="GET imports says how far it is")


def run_import(house: House, import_id: int) -> None:
    """Run an import to its end; it waits while another one runs. What comes of it is written into the registry."""
    storage = open_storage(house, clock=SystemClock())
    registry = storage.registry
    try:
        # Whoever held the claim before us may have brought it to its end.
        found = registry.find_import(import_id)
        if found is not None and found.plan.kind is Kind.IMPORT and found.phase in _BEGINS | _WAITS:
            _Run(registry=registry, pepper=storage.pepper, found=found, uploads=Uploads(registry.folder)).run()
    finally:
        storage.close()


class _Run:
    """One import of one upload."""

    def __init__(self, *, registry: RegistryStore, pepper: Pepper, found: Import, uploads: Uploads) -> None:
        self._registry = registry
        self._pepper = pepper
        self._import = found
        self._uploads = uploads
        self._noted = 0.0

    def run(self) -> None:
        options = self._import.plan.options
        try:
            if self._import.phase in _BEGINS:
                # Nothing is written when it was given up meanwhile.
                self._registry.note_progress(self._import.id, phase=Phase.QUEUED, done=0, total=0)
            report = self._when_free(dry_run=options.get("dry_run") is True)
        except Exception as error:
            self._close(error)
            raise
        if report is not None and options.get("dry_run"):
            refused = report.refused and not options["skip_bad"]
            told: Mapping[str, object] = {**report.audit, "would_bring": report.codes}
            self._end(Phase.REFUSED if refused else Phase.DONE, told)
        self._uploads.forget(self._import.id)

    def _when_free(self, *, dry_run: bool) -> ImportReport | None:
        """Import as soon as no other import runs; ``None``: it was given up meanwhile."""
        refusals = 0
        while self._phase() in _WAITS:
            if self._is_busy():
                time.sleep(_BUSY_PAUSE_S)
                continue
            try:
                return self._go(dry_run=dry_run)
            except CodeFileRefused:
                raise
            except Refused:
                # Another one may have been quicker, and may have ended since; nothing has happened then.
                refusals += not self._is_busy()
                if self._phase() not in _WAITS or refusals > 1:
                    raise
        return None

    def _go(self, *, dry_run: bool) -> ImportReport:
        plan = self._import.plan
        return import_codes(
            self._registry,
            self._uploads.path(self._import.id),
            pepper=self._pepper,
            account=str(plan.options["account"]),
            batch=str(plan.options["batch"]),
            skip_bad=plan.options["skip_bad"] is True,
            rejects=self._uploads.rejects(self._import.id),
            who=plan.who,
            why=plan.why,
            dry_run=dry_run,
            # One whose tags are sorted already is found again by its file.
            queued=None if dry_run or self._import.can_go_on else self._import,
            progress=self._note if dry_run else lambda _what, _done, _total: None,
        )

    def _is_busy(self) -> bool:
        try:
            with self._registry.importing():
                return False
        except Refused:
            return True

    def _note(self, _what: str, done: int, total: int) -> None:
        if time.monotonic() - self._noted > _NOTE_EVERY_S:
            self._noted = time.monotonic()
            self._registry.note_progress(self._import.id, phase=Phase.READING, done=done, total=total)

    def _phase(self) -> Phase | None:
        now = self._registry.find_import(self._import.id)
        return now.phase if now else None

    def _end(self, phase: Phase, report: Mapping[str, object]) -> None:
        """End an import that the engine has not ended itself; one that can go on is left as it is."""
        now = self._phase()
        if now in (Phase.QUEUED, Phase.READING):
            # Should it be given up in this very moment, it stays as it is.
            with suppress(Refused):
                self._registry.close_import(self._import.id, phase=phase, report=report, was=now)

    def _close(self, error: Exception) -> None:
        """Say why an import ended."""
        why = error.why if isinstance(error, ScanhookError) else f"it broke with {type(error).__name__}"
        self._end(Phase.REFUSED if isinstance(error, Refused) else Phase.FAILED, {"why": why})
        if isinstance(error, Refused) and self._phase() is not Phase.LOADING:
            self._uploads.forget(self._import.id)


def main() -> None:
    """Run one import, as the command line says."""
    settings, import_id, descriptor = sys.argv[1:]
    with suppress(OSError):
        os.nice(max(_NICE - os.nice(0), 0))
    # Else a helper of the import would hold the claim on behind us.
    os.set_inheritable(int(descriptor), False)  # noqa: FBT003
    try:
        run_import(load_settings(Path(settings)), int(import_id))
    except Refused:
        return  # the registry says so
    except ScanhookError:
        sys.exit(1)


if __name__ == "__main__":
    main()
