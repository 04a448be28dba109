from __future__ import annotations

import ast
import functools
from pathlib import Path

import scanhook

ROOT = Path(scanhook.__file__).parent
GROUND = ("errand", "errors", "clock", "interrupt", "loopback", "release", "settings", "tied")
STAGES = ("envelope", "message", "storage", "registry", "verdict", "journal", "reply", "wechat", "office")
# Who may import what: a stage only what stands to its left, and the ground floor; the ground floor only itself.
ALLOWED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(GROUND, GROUND),
    **{stage: (*GROUND, *STAGES[: index + 1]) for index, stage in enumerate(STAGES)},
    "stages": (*GROUND, *STAGES),
    "receive": (*GROUND, *STAGES, "stages"),
    "asking": (*GROUND, *STAGES, "receive"),
    "tickets": (*GROUND, *STAGES),
    "sandbox": (*GROUND, "envelope", "message", "sandbox"),
    "bench": (*GROUND, "envelope", "message", "sandbox", "bench"),
    "wire": (*GROUND, *STAGES, "receive", "asking", "tickets", "wire"),
    "cli": (*GROUND, *STAGES, "receive", "asking", "tickets", "sandbox", "bench", "wire", "cli"),
}
OUTSIDE = ("__init__", "__main__")


@functools.cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def _imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively: write the whole name"
            names.add(str(node.module))
    return names


def _rooms() -> list[Path]:
    return [
        path
        for path in sorted(ROOT.rglob("*.py"))
        if path.relative_to(ROOT).parts[0].removesuffix(".py") not in OUTSIDE
    ]


def test_a_room_imports_only_what_stands_to_its_left() -> None:
    strayed = []
    for path in _rooms():
        room = path.relative_to(ROOT).parts[0].removesuffix(".py")
        taken = {name.split(".")[1] for name in _imports(path) if name.startswith("scanhook.")}
        strayed += [(str(path.relative_to(ROOT)), name) for name in sorted(taken - set(ALLOWED[room]))]
    assert strayed == []


def test_nobody_imports_the_whole_house() -> None:
    assert [path for path in _rooms() if "scanhook" in _imports(path)] == []


def test_a_file_says_what_it_is_and_stays_short() -> None:
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in _rooms()}
    assert [str(path) for path in _rooms() if not ast.get_docstring(_parsed(path))] == []
    assert {name: lines for name, text in texts.items() if (lines := text.count("\n")) > 350} == {}


def test_the_tests_mirror_the_source() -> None:
    here = Path(__file__).parent
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert {room for room in rooms if not any((here / room).glob("test_*.py"))} == set()
