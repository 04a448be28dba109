from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import scanhook
import scanhook.wechat

MODULES = [
    info.name for info in pkgutil.walk_packages(scanhook.__path__, "scanhook.") if not info.name.endswith("__main__")
]


def _as_ruff_sorts(name: str) -> tuple[int, str]:
    return 0 if name.isupper() else 1 if name[0].isupper() else 2, name


def test_all_is_sorted_and_every_name_in_it_is_there() -> None:
    for name in ["scanhook", *MODULES]:
        module = importlib.import_module(name)
        names = getattr(module, "__all__", [])
        assert names == sorted(names, key=_as_ruff_sorts), name
        assert [missing for missing in names if not hasattr(module, missing)] == [], name


def test_the_public_api_is_this() -> None:
    assert scanhook.__all__ == [
        "CodeResult",
        "Finding",
        "House",
        "Question",
        "Reason",
        "ScanhookError",
        "SettingsError",
        "StorageError",
        "Verifier",
        "VerifierFailed",
        "VerifierPlug",
        "create_app",
        "create_blueprint",
        "create_door",
        "load_settings",
        "open_wechat",
    ]
    assert set(scanhook.__all__) <= set(dir(scanhook))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'create_ap'"):
        _ = scanhook.create_ap


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        pytest.param("scanhook", ("flask", "apsw", "pydantic", "prometheus_client"), id="the package"),
        pytest.param("scanhook.registry.crew", ("flask", "httpx2", "pydantic"), id="a helper of an import"),
        pytest.param("scanhook.cli.batches", ("flask", "httpx2", "scanhook.office"), id="a command"),
        pytest.param("scanhook.office", ("flask", "httpx2", "pydantic"), id="the catalog"),
    ],
)
def test_nothing_is_loaded_that_is_not_needed(module: str, heavy: tuple[str, ...]) -> None:
    script = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"


def test_a_name_that_the_clients_of_wechat_do_not_have_is_an_attribute_error() -> None:
    assert set(scanhook.wechat.__all__) <= set(dir(scanhook.wechat))
    with pytest.raises(AttributeError, match="no attribute 'Apy'"):
        _ = scanhook.wechat.Apy
