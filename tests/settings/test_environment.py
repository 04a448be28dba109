from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scanhook.settings.environment import from_environment
from tests.settings.conftest import GOOD

LOAD = """\
import sys
from scanhook.settings import load_settings
load_settings(sys.argv[1])
print("pydantic_settings" in sys.modules)
"""


def test_an_environment_without_settings_gives_none() -> None:
    assert from_environment() == {}


def test_values_and_lists_are_given_by_the_names_of_their_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANHOOK_SERVICE__WORKERS", "7")
    monkeypatch.setenv("SCANHOOK_ACCOUNTS__SHOP__TOKEN", "Abc")
    monkeypatch.setenv("SCANHOOK_VERIFIER__CHAIN", '["registry://", "https://brand.example.com"]')
    monkeypatch.setenv("SCANHOOK_CATALOG__UNION__QUERY", "tea")
    assert from_environment() == {
        "service": {"workers": "7"},
        "accounts": {"shop": {"token": "Abc"}},
        "verifier": {"chain": ["registry://", "https://brand.example.com"]},
        "catalog": {"union": {"query": "tea"}},
    }


def test_nothing_is_checked_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANHOOK_SERVICE__WORKERS", "many")
    assert from_environment() == {"service": {"workers": "many"}}


@pytest.mark.parametrize("variable", ["SCANHOOK_VERIFIER__CHAIN", "SCANHOOK_CATALOG__UNION__SHOP_APP_IDS"])
def test_a_list_that_is_not_json_is_an_error(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "registry://")
    with pytest.raises(ValueError, match="error parsing value"):
        from_environment()


@pytest.mark.parametrize(("variable", "loaded"), [("SCANHOOK_CONFIG", "False"), ("SCANHOOK_SERVICE__WORKERS", "True")])
def test_pydantic_settings_is_loaded_only_where_the_environment_holds_a_setting(
    path: Path, variable: str, loaded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(GOOD, encoding="utf-8")
    monkeypatch.setenv(variable, "3")
    shown = subprocess.run([sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True, check=True).stdout
    assert shown == f"{loaded}\n"
