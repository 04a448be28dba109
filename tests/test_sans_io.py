from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import scanhook

ROOT = Path(scanhook.__file__).parent
STAGES = ("envelope", "message", "reply")
MODULES = [path for stage in STAGES for path in sorted((ROOT / stage).rglob("*.py"))]
PROMISE = "Performs no I/O"

FORBIDDEN = {
    *("flask", "werkzeug", "gunicorn", "apsw", "sqlite3", "psycopg", "httpx2", "structlog", "prometheus_client"),
    *("time", "datetime", "random", "secrets"),
    *("os", "io", "pathlib", "shutil", "tempfile", "subprocess"),
    *("socket", "ssl", "select", "selectors", "asyncio", "threading", "logging"),
}
FORBIDDEN_CALLS = {"open", "print", "input", "exec", "eval", "__import__"}
# A stage imports only stages to its left, and the errors.
ALLOWED = {
    "envelope": {"scanhook.errors", "scanhook.envelope"},
    "message": {"scanhook.errors", "scanhook.envelope", "scanhook.message"},
    "reply": {"scanhook.errors", "scanhook.envelope", "scanhook.message", "scanhook.reply"},
}


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)


def _imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            names.add(node.module or "")
    return names


every_module = pytest.mark.parametrize("path", MODULES, ids=_name)


def test_all_three_stages_are_looked_at() -> None:
    assert {_name(path).split(".")[1] for path in MODULES} == set(STAGES)
    assert len(MODULES) >= 14


@every_module
def test_a_module_promises_in_its_first_paragraph_to_perform_no_io(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first_paragraph = " ".join(docstring.split("\n\n")[0].split())
    assert PROMISE in first_paragraph


@every_module
def test_a_module_imports_nothing_that_tells_the_time_or_touches_the_world(path: Path) -> None:
    imported = {name.split(".")[0] for name in _imported(ast.parse(path.read_text(encoding="utf-8")))}
    assert not imported & FORBIDDEN


@every_module
def test_a_module_calls_no_builtin_that_touches_the_world(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & FORBIDDEN_CALLS


@every_module
def test_a_module_imports_only_stages_to_its_left(path: Path) -> None:
    stage = _name(path).split(".")[1]
    ours = {name for name in _imported(ast.parse(path.read_text(encoding="utf-8"))) if name.startswith("scanhook")}
    assert {".".join(name.split(".")[:2]) for name in ours} <= ALLOWED[stage]
    assert "scanhook" not in ours  # the package itself reaches everything


def test_importing_them_loads_no_web_framework_no_database_and_no_other_stage() -> None:
    script = (
        "import sys, scanhook.envelope, scanhook.message, scanhook.reply\n"
        "print(*sorted({'.'.join(name.split('.')[:2]) for name in sys.modules if name.startswith('scanhook')}))\n"
        "print(*sorted({'flask', 'werkzeug', 'apsw', 'sqlite3', 'httpx2', 'pydantic', 'click'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    ours, theirs = done.stdout.split("\n")[:2]
    assert ours.split() == ["scanhook", "scanhook.envelope", "scanhook.errors", "scanhook.message", "scanhook.reply"]
    assert theirs == ""
