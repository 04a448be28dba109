"""``POST /imports``: code files are uploaded, and a process of its own imports each. It can be resumed when it died.

The body goes to the disk as it comes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Annotated

from flask import request, url_for
from pydantic import AfterValidator, Field

from scanhook.errors import Refused
from scanhook.office import KeyScope
from scanhook.registry.importstore import Import, ImportPlan, Kind, Phase, is_elsewhere
from scanhook.wire.api.imports import ImportShown, find_import, is_resumable, shown_import, uploads_of
from scanhook.wire.api.operation import Call, Operation, Told
from scanhook.wire.api.problems import Stop, not_found, problem
from scanhook.wire.api.schema import AccountName, Given, Why, printable
from scanhook.wire.importer import start_import
from scanhook.wire.uploads import Uploads

__all__ = ["OPERATIONS"]

FILE_TYPES = ("text/csv", "application/gzip", "application/octet-stream")
"""How a code file may be sent."""
UPLOAD_MAX_BYTES = 8 << 30
"""About 2·10⁸ codes; gzipped, far more."""
UPLOADS_AT_ONCE = 8
"""Of one worker; each takes a thread for as long as its sender likes."""
IMPORTS_AT_ONCE = 8
"""Each has a process, although all but one of them wait."""


_places = threading.BoundedSemaphore(UPLOADS_AT_ONCE)


def _without_blanks(text: str) -> str:
    if text != text.strip():
        raise ValueError("it has blanks at its ends")
    return text


Name = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(printable), AfterValidator(_without_blanks)]


class UploadOptions(Given):
    """What to do with a code file."""

    account: AccountName | None = None
    batch: Annotated[Name | None, Field(description="Of lines that name none.")] = None
    file: Annotated[Name | None, Field(description="What people call the file.")] = None
    skip_bad: Annotated[bool, Field(description="Take the good lines although others are refused.")] = False
    dry_run: Annotated[bool, Field(description="Read, check and audit the file, and import nothing.")] = False
    why: Why | None = None


def _upload(call: Call) -> Told:
    if request.mimetype not in FILE_TYPES:
        raise problem(415, f"send the code file as it is, as {', '.join(FILE_TYPES)}")
    _check_size(request.content_length or 0)
    plan = _plan(call)
    uploads, registry = uploads_of(call), call.service.registry
    _check_processes(uploads)
    with _place(), uploads.receiving(_counted(request.stream.read, uploads)) as received:
        _check_processes(uploads)
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


def _check_processes(uploads: Uploads) -> None:
    if uploads.running() >= IMPORTS_AT_ONCE:
        raise problem(503, "too many imports wait already: try again", headers={"Retry-After": "60"})


def _check_size(size: int) -> None:
    if size > UPLOAD_MAX_BYTES:
        raise problem(413, f"a code file is at most {UPLOAD_MAX_BYTES} bytes: gzip it, or split it")


def _counted(read: Callable[[int], bytes], uploads: Uploads) -> Callable[[int], bytes]:
    """Return a way to read that ends where a file is too large or the disk full: a chunked body tells no length."""
    size = 0

    def counted(count: int) -> bytes:
        nonlocal size
        piece = read(count)
        size += len(piece)
        _check_size(size)
        if not uploads.has_room(len(piece)):
            raise problem(
                503,
                "there is no room for it: the rest of the disk is kept for scans; see `scanhook storage check`",
                headers={"Retry-After": "60"},
            )
        return piece

    return counted


def _plan(call: Call) -> ImportPlan:
    query: UploadOptions = call.query
    file = query.file or f"upload-{datetime.fromtimestamp(call.service.clock.now(), tz=UTC):%Y-%m-%d}.csv"
    options: dict[str, object] = {
        "account": call.account(query.account),
        "batch": query.batch or file.removesuffix(".gz").removesuffix(".csv").strip() or "upload",
        "skip_bad": query.skip_bad,
    }
    if query.dry_run:
        options["dry_run"] = True
    return ImportPlan(kind=Kind.IMPORT, file=file, who=call.who, why=query.why or f"import of {file}", options=options)


def _resume(call: Call) -> Told:
    found, uploads = find_import(call), uploads_of(call)
    if not is_resumable(found, uploads):
        raise _not_resumable(call, found)
    _check_processes(uploads)
    try:
        claim = uploads.claim(found.id)
    except Refused as error:
        raise problem(409, error.why) from None
    # Whoever held the claim before us may have brought it to its end.
    now = find_import(call)
    if not is_resumable(now, uploads):
        claim.close()
        raise _not_resumable(call, now)
    return _started(call, found.id, claim)


def _not_resumable(call: Call, found: Import) -> Stop:
    if found.machine and is_elsewhere(call.service.registry, found):
        return problem(
            409,
            f"its file lies on the machine {found.machine.name}: resume it there, or upload it again",
        )
    return problem(409, f"the import is {found.phase}, or its file is gone: upload the file again")


def _started(call: Call, import_id: int, claim: IO[bytes]) -> Told:
    try:
        start_import(call.service.house, import_id, claim)
    except OSError as error:
        raise problem(503, f"the import {import_id} could not be started ({error.strerror}): resume it") from None
    found = call.service.registry.find_import(import_id)
    if found is None:
        raise not_found("the import is not there any more")
    where = url_for(".api_show_import", id=import_id)
    return Told(content=shown_import(found, uploads_of(call)), headers={"Location": where})


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
