from __future__ import annotations

import gzip
import io
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from typing import IO, Any

import pytest

from scanhook import create_app
from scanhook.clock import SystemClock
from scanhook.errors import Refused
from scanhook.registry import open_registry
from scanhook.registry.importstore import ImportPlan, Kind, Phase
from scanhook.settings import House
from scanhook.storage import Pepper
from scanhook.wire import app
from scanhook.wire.api import uploading
from scanhook.wire.importer import run_import
from scanhook.wire.service import Service, open_service, storage_url
from scanhook.wire.uploads import RESERVE_BYTES, Uploads
from tests.machines import Machines
from tests.postgres import Databases
from tests.serving import wait_for
from tests.wire.api.conftest import GENUINE, Api, add_keys

HEADER = "keystandard,keystr,extinfo,status,batch\n"
FILE = HEADER + "qrcode,moment-frame,UPLOADED001,active,spring\nqrcode,moment-frame,UPLOADED002,inactive,\n"
TWICE = HEADER + "qrcode,moment-frame,GENUINE0001,active,x\nqrcode,moment-frame,UPLOADED003,active,x\n"
_ENDS = ("done", "refused", "failed", "interrupted")


def upload(api: Api, content: bytes | str = FILE, query: str = "", **more: Any) -> Any:
    body = content.encode() if isinstance(content, str) else content
    headers = {"Content-Type": "text/csv"} | dict(more.pop("headers", {}))
    return api("POST", f"/imports{query}", data=body, headers=headers, **more)


def ended(api: Api, import_id: int) -> Any:
    """Wait until an import has ended and show it."""
    wait_for(lambda: api.get(f"/imports/{import_id}")["phase"] in _ENDS, "the import has ended")
    uploads = Uploads(api.house.base / "data")
    wait_for(lambda: not uploads.is_running(import_id), "its process has ended")
    return api.get(f"/imports/{import_id}")


def left(api: Api) -> list[str]:
    """Return what lies in the folder of uploads, without the locks."""
    folder = api.house.base / "data" / "uploads"
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock") if folder.exists() else []


def verdict(api: Api, extinfo: str) -> str:
    return str(api.post("/codes/check", GENUINE | {"extinfo": extinfo})["reason"])


@pytest.fixture
def in_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let imports run in this process, which is quicker."""

    monkeypatch.setattr(uploading, "start_import", _run_here)


def _run_here(house: House, import_id: int, claim: IO[bytes]) -> None:
    with claim, suppress(Refused):
        run_import(house, import_id)


def test_an_upload_is_imported_by_a_process_of_its_own(api: Api) -> None:
    response = upload(api, query="?file=new.csv&why=the+spring+batch", scope="operate")
    assert response.status_code == 202
    assert response.headers["Location"] == f"/api/v1/imports/{response.json['id']}"
    assert response.json["phase"] in ("queued", "reading", "loading", "done")
    told = ended(api, response.json["id"])
    assert {
        name: told[name] for name in ("phase", "kind", "file", "who", "why", "codes", "refused", "error", "rejects")
    } == {
        "phase": "done",
        "kind": "import",
        "file": "new.csv",
        "who": "api:operate-key",
        "why": "the spring batch",
        "codes": 2,
        "refused": 0,
        "error": None,
        "rejects": False,
    }
    assert (told["done"], told["total"], told["resumable"], told["dry_run"]) == (2, 2, False, False)
    assert [verdict(api, code) for code in ("UPLOADED001", "UPLOADED002")] == ["active", "not_active"]
    assert [batch["name"] for batch in api.get("/batches")["items"]][2:] == ["spring", "new"]
    assert left(api) == []
    assert api.get("/imports", scope="read")["items"][0] == told
    assert api.get(f"/changes/{told['change']}")["action"] == "import"


@pytest.mark.usefixtures("in_here")
def test_a_gzipped_upload_without_a_length_is_imported(api: Api) -> None:
    body = io.BytesIO(gzip.compress(FILE.encode()))
    response = upload(
        api,
        b"",
        "?batch=given",
        input_stream=body,
        headers={"Content-Type": "application/gzip", "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert ended(api, response.json["id"])["codes"] == 2
    assert "given" in [batch["name"] for batch in api.get("/batches")["items"]]


@pytest.mark.usefixtures("in_here")
def test_one_refused_line_refuses_the_file_and_the_list_says_which(api: Api) -> None:
    told = ended(api, upload(api, TWICE).json["id"])
    assert (told["phase"], told["refused"], told["rejects"]) == ("refused", 1, True)
    rejects = api("GET", f"/imports/{told['id']}/rejects", scope="read")
    assert rejects.text.replace("\r", "") == "line,reason\n2,its code is registered already\n"
    assert rejects.headers["Content-Disposition"] == f"inline; filename=import-{told['id']}.rejects.csv"
    rejects.close()
    assert verdict(api, "UPLOADED003") == "unknown_code"
    again = ended(api, upload(api, TWICE, "?skip_bad=true").json["id"])
    assert (again["phase"], again["refused"], again["codes"]) == ("done", 1, 1)
    assert verdict(api, "UPLOADED003") == "active"
    assert left(api) == [f"{told['id']}.rejects.csv", f"{again['id']}.rejects.csv"]


@pytest.mark.usefixtures("in_here")
def test_a_dry_run_tells_everything_and_imports_nothing(api: Api) -> None:
    told = ended(api, upload(api, query="?dry_run=true").json["id"])
    assert (told["phase"], told["dry_run"], told["codes"], told["change"]) == ("done", True, 2, None)
    assert verdict(api, "UPLOADED001") == "unknown_code"
    assert ended(api, upload(api, TWICE, "?dry_run=true").json["id"])["phase"] == "refused"


@pytest.mark.usefixtures("in_here")
def test_a_file_that_is_no_code_file_is_refused_without_a_path_of_this_machine(api: Api) -> None:
    told = ended(api, upload(api, "a,b\n1,2\n", "?file=wrong.csv").json["id"])
    assert told["phase"] == "refused"
    assert told["error"].startswith("wrong.csv")
    assert str(api.house.base) not in str(told)
    assert left(api) == []


def test_an_import_whose_process_is_gone_is_interrupted_and_can_be_resumed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(uploading, "start_import", lambda _house, _import_id, claim: claim.close())
        told = upload(api).json
    assert (told["phase"], told["resumable"]) == ("interrupted", True)
    resumed = api("POST", f"/imports/{told['id']}/resume", scope="operate")
    assert resumed.status_code == 202
    assert ended(api, told["id"])["phase"] == "done"
    assert verdict(api, "UPLOADED001") == "active"
    assert api.problem("POST", f"/imports/{told['id']}/resume")["status"] == 409


def test_an_import_that_runs_cannot_be_resumed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    claims: list[Any] = []
    monkeypatch.setattr(uploading, "start_import", lambda _house, _import_id, claim: claims.append(claim))
    told = upload(api).json
    assert (told["phase"], told["resumable"]) == ("queued", False)
    assert "is running" in api.problem("POST", f"/imports/{told['id']}/resume")["detail"]
    claims[0].close()
    assert api.get(f"/imports/{told['id']}")["phase"] == "interrupted"


def test_what_the_disk_keeps_is_private(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "start_import", lambda _house, _import_id, claim: claim.close())
    upload(api)
    folder = api.house.base / "data" / "uploads"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("query", "body", "headers", "status"),
    [
        ("", b"", {}, 400),
        ("", FILE, {"Content-Type": "multipart/form-data"}, 415),
        ("", FILE, {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("?account=nobody", FILE, {}, 422),
        ("?batch=" + "x" * 65, FILE, {}, 422),
        ("?batch=%07", FILE, {}, 422),
        ("?batch=spring+", FILE, {}, 422),
        ("?why=a%00b", FILE, {}, 422),
        ("?skip_bad=perhaps", FILE, {}, 422),
        ("?format=csv", FILE, {}, 422),
    ],
)
def test_an_upload_that_cannot_be_taken_leaves_nothing(
    api: Api, query: str, body: bytes | str, headers: dict[str, str], status: int
) -> None:
    before = api.get("/imports")["items"]
    assert upload(api, body, query, headers=headers).status_code == status
    assert api.get("/imports")["items"] == before
    assert left(api) == []


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_over_the_limit_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch, *, chunked: bool) -> None:
    monkeypatch.setattr(uploading, "UPLOAD_MAX_BYTES", 100)
    more: dict[str, Any] = {"environ_overrides": {"wsgi.input_terminated": True}} if chunked else {}
    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    if chunked:
        more["input_stream"] = io.BytesIO(FILE.encode())
    response = upload(api, b"" if chunked else FILE, headers=headers, **more)
    assert response.status_code == 413
    assert left(api) == []


def test_too_many_uploads_at_once_are_told_to_come_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    full = threading.BoundedSemaphore(1)
    full.acquire()
    monkeypatch.setattr(uploading, "_places", full)
    response = upload(api)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")


def test_an_upload_leaves_scans_their_room_on_the_disk(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(api.house.base)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=RESERVE_BYTES + len(FILE) - 1))
    response = upload(api)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "60")
    assert response.json["detail"].startswith("there is no room for it")
    assert left(api) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=RESERVE_BYTES + len(FILE)))
    monkeypatch.setattr(uploading, "start_import", lambda _house, _import_id, claim: claim.close())
    assert upload(api).status_code == 202


def test_no_more_imports_wait_than_the_machine_has_room_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    claims: list[Any] = []
    monkeypatch.setattr(uploading, "start_import", lambda _house, _import_id, claim: claims.append(claim))
    made = [upload(api).json["id"] for _ in range(8)]
    response = upload(api)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "60")
    assert [item["id"] for item in api.get("/imports")["items"]][:8] == made[::-1]
    claims[3].close()
    assert upload(api).status_code == 202
    assert api("POST", f"/imports/{made[3]}/resume").status_code == 503
    for claim in claims:
        claim.close()


def test_an_import_that_ends_while_somebody_resumes_it_stays_done(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(uploading, "start_import", lambda _house, _import_id, claim: claim.close())
        import_id = upload(api).json["id"]
    claim = Uploads.claim

    def slow(uploads: Uploads, number: int) -> IO[bytes]:
        run_import(api.house, number)
        return claim(uploads, number)

    monkeypatch.setattr(Uploads, "claim", slow)
    told = api.problem("POST", f"/imports/{import_id}/resume")
    assert (told["status"], told["detail"][:18]) == (409, "the import is done")
    assert not Uploads(api.house.base / "data").is_running(import_id)
    run_import(api.house, import_id)
    assert api.get(f"/imports/{import_id}")["phase"] == "done"
    assert verdict(api, "UPLOADED001") == "active"


@pytest.mark.parametrize(
    ("why", "shown"),
    [
        ("the codes cannot be sorted in /srv/brand/data: make room", "the codes cannot be sorted in data: make room"),
        ("/home/mei/codes.csv holds no code: see qrcode/x", "codes.csv holds no code: see qrcode/x"),
    ],
)
def test_an_import_shows_no_folder_of_this_machine(api: Api, why: str, shown: str) -> None:
    with closing(
        open_registry(storage_url(api.house), pepper=Pepper.load(api.house.pepper_path), clock=SystemClock())
    ) as registry:
        plan = ImportPlan(kind=Kind.IMPORT, file="codes.csv", who="mei", why="new codes")
        import_id = registry.start_import(plan)
        registry.close_import(import_id, phase=Phase.FAILED, report={"why": why})
    assert api.get(f"/imports/{import_id}")["error"] == shown


def test_imports_come_page_by_page(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "start_import", lambda _house, _import_id, claim: claim.close())
    made = [upload(api).json["id"] for _ in range(3)]
    first = api.get("/imports?limit=2")
    assert [item["id"] for item in first["items"]] == [made[2], made[1]]
    upload(api)
    assert api.get(f"/imports?limit=2&cursor={first['next_cursor']}")["items"][0]["id"] == made[0]


def test_an_import_that_cannot_be_started_can_be_resumed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_house: object, _import_id: int, claim: Any) -> None:
        claim.close()
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(uploading, "start_import", full)
    response = upload(api)
    assert response.status_code == 503
    assert "could not be started (Cannot allocate memory): resume it" in response.json["detail"]
    (shown, *_) = api.get("/imports")["items"]
    assert (shown["phase"], shown["resumable"]) == ("interrupted", True)


def test_an_import_without_refused_lines_has_no_list_of_them(shared_api: Api) -> None:
    (first, *_) = shared_api.get("/imports")["items"]
    assert first["rejects"] is False
    assert shared_api.problem("GET", f"/imports/{first['id']}/rejects")["status"] == 404


@pytest.mark.parametrize("path", ["/imports/99", "/imports/99/rejects", "/imports/x"])
def test_an_import_that_is_not_there_is_a_problem(shared_api: Api, path: str) -> None:
    assert shared_api.problem("GET", path)["status"] == 404


@pytest.fixture
def machines(house: House, storages: Databases, pepper: Pepper, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    """Return machines on one database, whose services are closed behind the test."""
    with storages.lend() as url, ExitStack() as opened:

        def open_one(*arguments: Any, **named: Any) -> Service:
            return opened.enter_context(closing(open_service(*arguments, **named)))

        monkeypatch.setattr(app, "open_service", open_one)
        yield Machines(url=url, house=house, pepper=pepper, monkeypatch=monkeypatch)


def test_an_upload_lies_on_the_machine_that_took_it(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "start_import", lambda _house, _id, claim: claim.close())
    keys = add_keys(machines.on("web-1"))
    other, one = (
        Api(house=machine, client=create_app(machine).test_client(), keys=keys)
        for machine in (machines.on("web-2"), machines.on("web-1"))
    )
    told = upload(one)
    import_id = told.json["id"]
    assert (told.json["machine"], told.json["resumable"]) == ("web-1", True)

    machines.on("web-2")
    shown = other.get(f"/imports/{import_id}")
    assert (shown["machine"], shown["resumable"], shown["phase"]) == ("web-1", False, "queued")
    refused = other.problem("POST", f"/imports/{import_id}/resume")
    assert (refused["status"], refused["detail"]) == (
        409,
        "its file lies on the machine web-1: resume it there, or upload it again",
    )
    gone = other.problem("GET", f"/imports/{import_id}/rejects")
    assert (gone["status"], gone["detail"]) == (
        409,
        "the list of its refused lines lies on the machine web-1: ask there",
    )

    machines.on("web-1")
    monkeypatch.setattr(uploading, "start_import", _run_here)
    assert one.post(f"/imports/{import_id}/resume", None)["phase"] == "done"
    assert other.get(f"/imports/{import_id}")["phase"] == "done"
    machines.on("web-2")
    assert other.problem("GET", f"/imports/{import_id}/rejects")["status"] == 404
