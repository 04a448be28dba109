from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from scanhook.cli import main
from scanhook.message import CodeResult
from scanhook.registry import DEFAULT_VERDICTS, HEADER, Reason
from scanhook.release import VERSION
from scanhook.settings import House, Settings
from scanhook.settings.model import AccountSettings
from scanhook.wire.api import OPERATIONS
from scanhook.wire.app import create_app

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.zh-CN.md")
SECRETS_IN_FILES = (
    "monitor_token",
    "url",
    "token",
    "encoding_aes_key",
    "app_secret",
    "secret",
    "access_token",
    "corp_secret",
)


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _settings() -> Iterator[str]:
    files = {f"{name}_file" for name in SECRETS_IN_FILES}  # each stands in the row of its secret
    yield from (name for name in (*AccountSettings.model_fields, *_named_in_tables()) if name not in files)


def _named_in_tables() -> Iterator[str]:
    for table in _tables(Settings):
        yield from (name for name, field in table.model_fields.items() if not isinstance(field.default, BaseModel))


def _tables(within: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for field in within.model_fields.values():
        if isinstance(field.default, BaseModel):
            yield type(field.default)
            yield from _tables(type(field.default))


def _commands(group: click.Command, path: str) -> Iterator[str]:
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command
            yield from _commands(command, f"{path} {name}".strip())
    else:
        yield path


@pytest.mark.parametrize("readme", READMES)
def test_every_setting_stands_in_the_readme(readme: str) -> None:
    text = _text(readme)
    assert [name for name in _settings() if f"| `{name}` |" not in text] == []
    assert [name for name in SECRETS_IN_FILES if f"`{name}_file`" not in text] == []


@pytest.mark.parametrize("readme", READMES)
def test_every_command_stands_in_the_readme(readme: str) -> None:
    text = _text(readme)
    assert [command for command in _commands(main, "") if not re.search(rf"(scanhook |`){command}\b", text)] == []


@pytest.mark.parametrize("readme", READMES)
def test_every_route_stands_in_the_readme(readme: str, house: House) -> None:
    text = _text(readme)
    for rule in create_app(house).url_map.iter_rules():
        if rule.rule.startswith("/api/v1"):
            continue
        for method in (rule.methods or set()) & {"GET", "POST"}:
            assert f"`{method} {rule.rule.replace('<name>', 'NAME')}`" in text


def test_every_operation_of_the_api_stands_in_its_page() -> None:
    text = _text("deploy/api.md")
    named = [f"`{operation.method} {operation.path}`" for operation in OPERATIONS]
    assert [name for name in named if name not in text] == []
    assert [readme for readme in READMES if "(deploy/api.md)" not in _text(readme)] == []


@pytest.mark.parametrize("readme", READMES)
def test_the_verdict_table_is_the_one_that_is_used(readme: str) -> None:
    shown: dict[str, str] = {}
    for answer, reasons in re.findall(r"^\|[^|]+\| `(\w+)`[^|]*\| ([^|]+) \|$", _text(readme), re.MULTILINE):
        if answer in {*CodeResult, "success"}:
            shown |= dict.fromkeys(re.findall(r"`(\w+)`", reasons), answer)
    assert shown == {reason: DEFAULT_VERDICTS[reason] or "success" for reason in Reason}
    assert {*CodeResult, "success"} == set(shown.values())


@pytest.mark.parametrize("readme", READMES)
def test_the_readmes_code_file_has_the_header_that_is_asked_for(readme: str) -> None:
    assert f"```csv\n   {','.join(HEADER)},batch\n" in _text(readme)


@pytest.mark.parametrize("readme", READMES)
def test_the_examples_in_the_readme_can_be_read(readme: str) -> None:
    blocks = re.findall(r"^```(python|toml)\n(.*?)^```", _text(readme), re.MULTILINE | re.DOTALL)
    assert {language for language, _ in blocks} == {"python", "toml"}
    for language, code in blocks:
        ast.parse(code) if language == "python" else tomllib.loads(code)


@pytest.mark.parametrize("readme", READMES)
def test_the_nginx_snippet_is_the_file(readme: str) -> None:
    block = re.search(r"^   ```nginx\n(.*?)^   ```", _text(readme), re.MULTILINE | re.DOTALL)
    assert block
    assert re.sub(r"^   ", "", block[1], flags=re.MULTILINE) == _text("deploy/nginx.conf")


@pytest.mark.parametrize("readme", READMES)
def test_links_lead_to_files_that_are_there(readme: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", _text(readme))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_both_readmes_have_the_same_commands_to_copy() -> None:
    shells = [re.findall(r"```sh\n(.*?)```", _text(name), re.DOTALL) for name in READMES]
    assert shells[0] == shells[1]


def test_the_changelog_tells_of_this_version() -> None:
    assert f"## [{VERSION}] - " in _text("CHANGELOG.md")
