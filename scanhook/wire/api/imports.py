"""``/imports``: code files are uploaded here, and a process of their own imports them.

The body goes to the disk as it comes. The import's progress is read from the registry, where its process writes it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from flask import request, send_file, url_for
from pydantic import AfterValidator, Field

from scanhook.errors import Refused
from scanhook.office import KeyScope
from scanhook.registry.importstore import Import, ImportPlan, Kind, Phase
from scanhook.wire.api.operation import Call, Operation, Told
from scanhook.wire.api.paging import number_after, write_cursor
from scanhook.wire.api.problems import not_found, problem
from scanhook.wire.api.schema import AccountName, Answer, Given, Moment, Paged, Why, printable
from scanhook.wire.importer import start_import
from scanhook.wire.uploads import Uploads

__all__ = ["OPERATIONS"]

FILE_TYPES = ("text/csv", "application/gzip", "application/octet-stream")
"""How a code file may be sent."""
UPLOAD_MAX_BYTES = 8 << 30
"""About 2·10⁸ codes; gzipped, far more."""
UPLOADS_AT_ONCE = 8
"""Of one worker; each takes a thread for as long as its sender likes."""

_ENDED = (Phase.DONE, Phase.REFUSED, Phase.DROPPED)
_places = threading.BoundedSemaphore(UPLOADS_AT_ONCE)


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


Name = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(printable)]


class UploadOptions(Given):
    """What to do with a code file."""

    account: AccountName | None = None
    batch: Annotated[Name | None, Field(description="Of lines that name none.")] = None
    file: Annotated[Name | None, Field(description="What people call the file.")] = None
    skip_bad: Annotated[bool, Field(description="Take the good lines although others are refused.")] = False
    dry_run: Annotated[bool, Field(description="Read, check and audit the file, and import nothing.")] = False
    why: Why | None = None


class ImportShown(Answer):
    """An import."""

    id: int
    kind: Kind
    file: str
    phase: ImportPhase
    dry_run: bool
    who: str
    why: str
    started_at: Moment
    ended_at: Moment | None
    done: Annotated[int, Field(description="Of `total`: bytes while it is read, codes while they are stored.")]
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


def _uploads(call: Call) -> Uploads:
    return Uploads(call.service.registry.folder)


def _shown(found: Import, uploads: Uploads) -> ImportShown:
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
        resumable=_resumable(found, uploads) and not running,
    )


def _error(why: str, found: Import, uploads: Uploads) -> str:
    """Name the file as its sender does, and no path of this machine."""
    return why.replace(str(uploads.path(found.id)), found.plan.file)


def _resumable(found: Import, uploads: Uploads) -> bool:
    return found.phase not in _ENDED and uploads.is_here(found.id)


def _find(call: Call) -> Import:
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
        items=[_shown(each, _uploads(call)) for each in page],
        next_cursor=write_cursor("imports", page[-1].id) if len(found) > query.limit else None,
    )


def _show(call: Call) -> ImportShown:
    return _shown(_find(call), _uploads(call))


def _rejects(call: Call) -> Told:
    found = _find(call)
    path = _uploads(call).rejects(found.id)
    if not path.exists():
        raise not_found("no line of it was refused, or the list was deleted since")
    return Told(content=send_file(path, mimetype="text/csv", download_name=f"import-{found.id}.rejects.csv"))


def _upload(call: Call) -> Told:
    if request.mimetype not in FILE_TYPES:
        raise problem(415, f"send the code file as it is, as {', '.join(FILE_TYPES)}")
    _check_size(request.content_length or 0)
    plan = _plan(call)
    uploads, registry = _uploads(call), call.service.registry
    with _place(), uploads.receiving(_counted(request.stream.read)) as received:
        import_id = registry.start_import(plan, phase=Phase.QUEUED)
        claim = uploads.claim(import_id)
        uploads.adopt(received, import_id)
    return _started(call, import_id, claim)


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise problem(503, "too many uploads at once: try again", headers={"Retry-After": "30"})
    try:
        yield
    finally:
        _places.release()


def _check_size(size: int) -> None:
    if size > UPLOAD_MAX_BYTES:
        raise problem(413, f"a code file is at most {UPLOAD_MAX_BYTES} bytes: gzip it, or split it")


def _counted(read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Return a way to read that ends where a file is too large: a chunked body does not say its length."""
    size = 0

    def counted(count: int) -> bytes:
        nonlocal size
        piece = read(count)
        size += len(piece)
        _check_size(size)
        return piece

    return counted


def _plan(call: Call) -> ImportPlan:
    query: UploadOptions = call.query
    file = query.file or f"upload-{datetime.fromtimestamp(call.service.clock.now(), tz=UTC):%Y-%m-%d}.csv"
    options: dict[str, object] = {
        "account": call.account(query.account),
        "batch": query.batch or file.removesuffix(".gz").removesuffix(".csv") or "upload",
        "skip_bad": query.skip_bad,
    }
    if query.dry_run:
        options["dry_run"] = True
    return ImportPlan(kind=Kind.IMPORT, file=file, who=call.who, why=query.why or f"import of {file}", options=options)


def _resume(call: Call) -> Told:
    found, uploads = _find(call), _uploads(call)
    if not _resumable(found, uploads):
        raise problem(409, f"the import is {found.phase}, or its file is gone: upload the file again")
    try:
        claim = uploads.claim(found.id)
    except Refused as error:
        raise problem(409, error.why) from None
    return _started(call, found.id, claim)


def _started(call: Call, import_id: int, claim: Any) -> Told:
    try:
        start_import(call.service.house, import_id, claim)
    except OSError as error:
        raise problem(503, f"the import {import_id} could not be started ({error.strerror}): resume it") from None
    found = call.service.registry.find_import(import_id)
    if found is None:
        raise not_found("the import is not there any more")
    where = url_for(".api_show_import", id=import_id)
    return Told(content=_shown(found, _uploads(call)), headers={"Location": where})


OPERATIONS = (
    Operation(
        id="upload_codes",
        method="POST",
        path="/imports",
        tag="imports",
        summary="Upload a code file, and import it: all of it becomes visible at once, or nothing.",
        scope=KeyScope.OPERATE,
        handle=_upload,
        query=UploadOptions,
        file_types=FILE_TYPES,
        answer=ImportShown,
        status=202,
    ),
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
        media="text/csv",
    ),
    Operation(
        id="resume_import",
        method="POST",
        path="/imports/{id}/resume",
        tag="imports",
        summary="Go on with an import whose process is gone.",
        scope=KeyScope.OPERATE,
        handle=_resume,
        answer=ImportShown,
        status=202,
        problems=(409,),
    ),
)
