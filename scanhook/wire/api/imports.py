"""``GET /imports``: how far imports are and what came of them, as their processes write it into the registry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from flask import send_file
from pydantic import Field

from scanhook.office import KeyScope
from scanhook.registry.importstore import Import, Kind, Phase, is_elsewhere
from scanhook.wire.api.operation import Call, Operation, Told
from scanhook.wire.api.paging import number_after, write_cursor
from scanhook.wire.api.problems import not_found, problem
from scanhook.wire.api.schema import Answer, Moment, Paged
from scanhook.wire.uploads import Uploads

__all__ = ["OPERATIONS", "ImportShown", "find_import", "is_resumable", "shown_import", "uploads_of"]

_FOLDERS = re.compile(r"(?<![^\s(`'\"])(?:/[^/\s]+)*/(?=[^/\s])")
_ENDED = (Phase.DONE, Phase.REFUSED, Phase.DROPPED)


class ImportPhase(StrEnum):
    """How far an import is; ``interrupted``: its process is gone, and it can be resumed."""

    QUEUED = "queued"
    READING = "reading"
    LOADING = "loading"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    DROPPED = "dropped"
    INTERRUPTED = "interrupted"


class ImportShown(Answer):
    """An import."""

    id: int
    kind: Kind
    file: str
    machine: Annotated[
        str | None, Field(description="Which machine has its files, where several share the storage; only it resumes.")
    ]
    phase: ImportPhase
    dry_run: bool
    who: str
    why: str
    started_at: Moment
    ended_at: Moment | None
    done: Annotated[int, Field(description="Of `total`; bytes while it is read, codes while they are stored.")]
    total: int
    codes: Annotated[int | None, Field(description="How many codes the file brings; once it is read.")]
    refused: Annotated[int | None, Field(description="How many lines are refused; once it is read.")]
    warnings: Annotated[list[str], Field(description="What staff should know of the codes.")]
    error: Annotated[str | None, Field(description="Why it brought nothing.")]
    report: Annotated[dict[str, Any], Field(description="What the audit found.")]
    change: Annotated[int | None, Field(description="The newest change that it wrote into the history.")]
    rejects: Annotated[bool, Field(description="Whether refused lines are listed at `/imports/{id}/rejects`.")]
    resumable: bool


class ImportPage(Answer):
    """Imports, the newest first."""

    items: list[ImportShown]
    next_cursor: str | None


def uploads_of(call: Call) -> Uploads:
    """Return the folder of uploads."""
    return Uploads(call.service.registry.folder)


def shown_import(found: Import, uploads: Uploads) -> ImportShown:
    """Show an import."""
    running = uploads.is_running(found.id)
    # Of an import that was not uploaded, nobody here can tell whether its process still runs.
    stopped = found.phase in (Phase.QUEUED, Phase.READING, Phase.LOADING) and uploads.began_here(found.id)
    report: Mapping[str, Any] = found.report
    why = report.get("why")
    warnings = report.get("warnings")
    return ImportShown(
        id=found.id,
        kind=found.plan.kind,
        file=found.plan.file,
        machine=found.machine.name if found.machine else None,
        phase=ImportPhase.INTERRUPTED if stopped and not running else ImportPhase(found.phase.value),
        dry_run=bool(found.plan.options.get("dry_run")),
        who=found.plan.who,
        why=found.plan.why,
        started_at=found.started_at,
        ended_at=found.ended_at,
        done=found.done,
        total=found.total,
        codes=report.get("codes"),
        refused=report.get("refused"),
        warnings=[str(warning) for warning in warnings] if isinstance(warnings, list) else [],
        error=_error(str(why), found, uploads) if why else None,
        report={name: value for name, value in report.items() if name not in ("why", "warnings")},
        change=found.change_id or None,
        rejects=uploads.rejects(found.id).exists(),
        resumable=is_resumable(found, uploads) and not running,
    )


def _error(why: str, found: Import, uploads: Uploads) -> str:
    """Name the file as its sender does, and no folder of this machine."""
    return _FOLDERS.sub("", why.replace(str(uploads.path(found.id)), found.plan.file))


def is_resumable(found: Import, uploads: Uploads) -> bool:
    """Tell whether an upload's import has not ended and its file is still here."""
    return found.plan.kind is Kind.IMPORT and found.phase not in _ENDED and uploads.is_here(found.id)


def find_import(call: Call) -> Import:
    """Return the import that the path names.

    :raises Stop: 404, when there is none.
    """
    found = call.service.registry.find_import(call.path["id"])
    if found is None:
        raise not_found("there is no such import: see GET imports")
    return found


def _list(call: Call) -> ImportPage:
    query: Paged = call.query
    registry = call.service.registry
    found = registry.imports(before=number_after("imports", query.cursor), limit=query.limit + 1)
    page = found[: query.limit]
    return ImportPage(
        items=[shown_import(each, uploads_of(call)) for each in page],
        next_cursor=write_cursor("imports", page[-1].id) if len(found) > query.limit else None,
    )


def _show(call: Call) -> ImportShown:
    return shown_import(find_import(call), uploads_of(call))


def _rejects(call: Call) -> Told:
    found = find_import(call)
    path = uploads_of(call).rejects(found.id)
    if not path.exists():
        if found.machine and found.report.get("refused") != 0 and is_elsewhere(call.service.registry, found):
            raise problem(409, f"the list of its refused lines lies on the machine {found.machine.name}: ask there")
        raise not_found("no line of it was refused, or the list was deleted since")
    name = f"import-{found.id}.rejects.csv"
    # Whole, whatever part of it somebody asks for: the document promises nothing else.
    return Told(content=send_file(path, mimetype="text/csv", download_name=name, conditional=False, etag=False))


OPERATIONS = (
    Operation(
        id="list_imports",
        method="GET",
        path="/imports",
        tag="imports",
        summary="List the imports, the newest first.",
        scope=KeyScope.READ,
        handle=_list,
        query=Paged,
        answer=ImportPage,
    ),
    Operation(
        id="show_import",
        method="GET",
        path="/imports/{id}",
        tag="imports",
        summary="Show how far an import is and what came of it.",
        scope=KeyScope.READ,
        handle=_show,
        answer=ImportShown,
    ),
    Operation(
        id="list_rejects",
        method="GET",
        path="/imports/{id}/rejects",
        tag="imports",
        summary="The refused lines of an import as CSV: number and reason; never what stood in them.",
        scope=KeyScope.READ,
        handle=_rejects,
        answer=None,
        problems=(409,),
        media="text/csv",
    ),
)
