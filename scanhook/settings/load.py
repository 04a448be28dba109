"""Reads the settings: the TOML file, the environment over it, and secrets from files of their own."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from scanhook.errors import SettingsError
from scanhook.settings.model import Settings
from scanhook.settings.places import line_of

__all__ = ["CONFIG_VARIABLE", "House", "find_config", "load_settings", "settings_in_environment"]

CONFIG_VARIABLE = "SCANHOOK_CONFIG"
DEFAULT_CONFIG = "scanhook.toml"

_VARIABLE = re.compile(r"SCANHOOK_(CONFIG$|(" + "|".join(name.upper() for name in Settings.model_fields) + r")__)")
_LISTS = (
    "API_FALLBACKS",
    "CHAIN",
    "PREVIOUS_ENCODING_AES_KEYS",
    "PREVIOUS_TOKENS",
    "SHOP_APP_IDS",
    "TOKEN_COMMAND",
)
_NO_SUCH_SETTING = "there is no such setting; the README lists them all"
# Kubernetes gives every container these, wherever a service is called scanhook.
_KUBERNETES = re.compile(r"SCANHOOK_(SERVICE_(HOST|PORT)|PORT)(_|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The settings and where they lie: relative paths in them start from the file's folder.

    :param path: the settings file.
    """

    path: Path
    settings: Settings

    @property
    def base(self) -> Path:
        """The folder of the settings file."""
        return self.path.parent

    @property
    def pepper_path(self) -> Path:
        """Where the pepper lies."""
        return self.base / self.settings.storage.pepper_file


def find_config(given: Path | None = None) -> Path:
    """Return the settings file to use: the one given, else ``$SCANHOOK_CONFIG``, else ``./scanhook.toml``."""
    return (given or Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)).absolute()


def settings_in_environment() -> list[str]:
    """Return the names of the variables in the environment that hold a setting, sorted."""
    return sorted(name for name in os.environ if "__" in name and _VARIABLE.match(name.upper()))


def load_settings(path: Path | str) -> House:
    """Read a settings file and the environment.

    :raises SettingsError: when a name is unknown, or a value is missing or out of its range. The message has one line
        for each fault, with the file, the line and the remedy; it repeats no value.
    """
    path = Path(path).absolute()
    text = _read(path)
    environ = {name.upper(): value for name, value in os.environ.items() if name.upper().startswith("SCANHOOK_")}
    _check_environment(environ)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: this is not TOML: {error}") from None
    try:
        return House(path=path, settings=Settings.model_validate(_with_environment(tables, path.parent, environ)))
    except ValidationError as error:
        faults = [
            _sentence(fault, path, text, environ) for fault in error.errors(include_url=False, include_input=False)
        ]
        raise SettingsError("\n".join(faults)) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(
            f"{path} is not there: make one with `scanhook init DIR`, or name yours with --config or ${CONFIG_VARIABLE}"
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None


def _check_environment(environ: Mapping[str, str]) -> None:
    for name in sorted(environ):
        if not _VARIABLE.match(name) and not _KUBERNETES.match(name):
            raise SettingsError(
                f"environment: {name} is no setting; the settings are called like SCANHOOK_SERVICE__BIND"
            )


def _with_environment(tables: dict[str, Any], base: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the tables of the file with what the environment gives over them; paths in the file start from ``base``.

    :raises SettingsError: when the environment holds what cannot be read.
    """
    _let_environment_win(tables, environ)
    tables = _with_paths(tables, base)
    if not any(_VARIABLE.match(name) and "__" in name for name in environ):
        return tables
    from scanhook.settings.environment import from_environment  # noqa: PLC0415  (slow to load, and rarely needed)

    try:
        return _laid_over(tables, from_environment())
    except ValueError:
        raise SettingsError(_bad_list(environ)) from None


def _laid_over(tables: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **tables,
        **{
            name: _laid_over(tables[name], value)
            if isinstance(value, dict) and isinstance(tables.get(name), dict)
            else value
            for name, value in over.items()
        },
    }


def _bad_list(environ: Mapping[str, str]) -> str:
    """Name the variable of the environment that should hold a list and does not."""
    for variable in sorted(filter(_VARIABLE.match, environ)):
        if variable.split("__")[-1] in _LISTS:
            try:
                json.loads(environ[variable])
            except ValueError:
                return f'environment, {variable}: write a list in JSON, such as ["…", "…"]'
    return "environment: a value cannot be read: write whole tables as single values, such as SCANHOOK_SERVICE__BIND"


def _let_environment_win(tables: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Take out of the file the twin of what the environment gives: ``token`` where it gives ``TOKEN_FILE``."""
    for variable in environ:
        if _VARIABLE.match(variable) and "__" in variable:
            *place, name = variable.removeprefix("SCANHOOK_").lower().split("__")
            table: Any = tables
            for part in place:
                table = table.get(part) if isinstance(table, dict) else None
            if isinstance(table, dict):
                table.pop(name.removesuffix("_file") if name.endswith("_file") else f"{name}_file", None)


def _with_paths(tables: dict[str, Any], base: Path) -> dict[str, Any]:
    """Make every path in the file absolute, so that nothing depends on where scanhook is started."""
    return {
        name: _with_paths(value, base)
        if isinstance(value, dict)
        else str(base / value)
        if name.endswith("_file") and isinstance(value, str)
        else value
        for name, value in tables.items()
    }


def _sentence(fault: Mapping[str, Any], path: Path, text: str, environ: Mapping[str, str]) -> str:
    place = tuple(str(part) for part in fault["loc"] if part != "[key]")
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        message = _NO_SUCH_SETTING
    elif fault["type"] == "too_short" and place == ("accounts",):
        message = "there is no account in it: add [accounts.main], or make a new file with `scanhook init DIR`"
    elif fault["type"] == "missing":
        message = "it is missing: add the table, or make a new file with `scanhook init DIR`"
    elif fault["type"] == "string_type":
        message = "write a text in quotes"
    elif fault["type"] in ("int_parsing", "int_type", "float_parsing", "float_type"):
        message = "write a number"
    elif fault["type"] == "string_pattern_mismatch":
        message = "a name is a small letter, then up to 31 small letters, digits, `-` and `_`"
    # A rule about a whole table begins its sentence with the name of the value it is about.
    inner = (*place, *message.split()[0].split("."))
    line = line_of(text, inner) or line_of(text, place)
    variables = ["SCANHOOK_" + "__".join(names).upper() for names in (inner, place)]
    variable = next((name for name in variables if name in environ), None)
    where = f"environment, {variable}" if variable else f"{path}, line {line}" if line else str(path)
    return ": ".join((where, *([".".join(place)] if place else []), message))
