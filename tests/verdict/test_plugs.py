from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanhook.errors import SettingsError, Undecided
from scanhook.message import CodeResult
from scanhook.registry import Reason
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.verdict import (
    ENTRY_POINT_GROUP,
    Judge,
    Link,
    RegistryVerifier,
    Verdict,
    Verifier,
    VerifierPlug,
    verifier_from_url,
)
from tests.verdict.questions import never, question
from tests.verdict.service import SECRET, BrandService

PUBLIC = "https://verify.example.com/codes"


def plug(url: str, registry: SqliteRegistry, *, secret: str = SECRET, private: bool = False) -> VerifierPlug:
    return VerifierPlug(url=url, registry=registry, secret=secret, allow_private_addresses=private)


def test_registry_is_scanhooks_own(registry: SqliteRegistry) -> None:
    verifier = verifier_from_url(plug("registry://", registry, secret=""))

    assert isinstance(verifier, RegistryVerifier)
    assert verifier.verify(question("A1")).reason == "active"


@pytest.mark.parametrize("url", [PUBLIC, "HTTPS://verify.example.com:8443/", "https://[2606:4700::1111]/"])
def test_https_is_a_brands_own_service(registry: SqliteRegistry, url: str) -> None:
    verifier = verifier_from_url(plug(url, registry))

    assert verifier.waits
    assert type(verifier).__name__ == "HttpVerifier"
    verifier.close()


def test_http_is_a_service_in_ones_own_network(registry: SqliteRegistry, service: BrandService) -> None:
    verifier = verifier_from_url(plug(service.url, registry, private=True))

    assert verifier.verify(question()).reason == "active"
    verifier.close()


def test_http_is_refused_unless_private_addresses_are_allowed(registry: SqliteRegistry, service: BrandService) -> None:
    with pytest.raises(SettingsError, match=r"http:// sends codes in the clear.*allow_private_addresses = true"):
        verifier_from_url(plug(service.url, registry))


@pytest.mark.parametrize("url", ["https://", "https:///path", "https://:443/", "https:verify.example.com"])
def test_a_url_without_a_host_is_refused(registry: SqliteRegistry, url: str) -> None:
    with pytest.raises(SettingsError, match="the URL names no host"):
        verifier_from_url(plug(url, registry))


@pytest.mark.parametrize(
    "url", ["https://[::1", "https://verify.example.com:99999/", "https://verify.example.com:port/", "https://a b/"]
)
def test_a_url_that_is_none_is_refused(registry: SqliteRegistry, url: str) -> None:
    with pytest.raises(SettingsError, match=r"verifier\.chain"):
        verifier_from_url(plug(url, registry))


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
        "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
        "whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp",
        "a password with twenty-four characters and more",
        "geheimnis-ß-geheimnis-ß-geheimnis",
    ],
    ids=["none", "prefix", "23 bytes", "23 bytes without prefix", "cut off", "words", "not ASCII"],
)
def test_a_secret_of_at_least_24_bytes_is_required(registry: SqliteRegistry, secret: str) -> None:
    with pytest.raises(SettingsError, match="at least 24 bytes in base64; make one with: openssl rand") as refused:
        verifier_from_url(plug(PUBLIC, registry, secret=secret))

    assert not secret.removeprefix("whsec_") or secret not in str(refused.value)


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_"), "whsec_" + "QUFB" * 16])
def test_a_secret_with_and_without_its_prefix_is_taken(registry: SqliteRegistry, secret: str) -> None:
    verifier_from_url(plug(PUBLIC, registry, secret=secret)).close()


@pytest.mark.parametrize("url", ["brand://codes", "registry", "", "://", "verify.example.com/codes"])
def test_a_scheme_that_nobody_brings_is_refused_with_the_remedy(registry: SqliteRegistry, url: str) -> None:
    with pytest.raises(SettingsError, match=r"install the package that brings it \(entry-point group scanhook"):
        verifier_from_url(plug(url, registry))


def test_a_plug_does_not_show_the_secret(registry: SqliteRegistry) -> None:
    assert SECRET not in repr(plug(PUBLIC, registry))


PYPROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "brand-of-tea-verifier"
version = "1.0"

[project.entry-points."scanhook.verifiers"]
tea = "brand_of_tea:TeaVerifier"
missing-tea = "brand_of_tea:Missing"
spilt-tea = "brand_of_tea:spill"
sour-tea = "brand_of_tea:refuse"
half-tea = "brand_of_tea:HalfVerifier"

[tool.setuptools]
py-modules = ["brand_of_tea"]
"""
MODULE = '''\
"""A verifier as somebody else would write it: with nothing but scanhook's public API."""

from scanhook import CodeResult, Finding, Question, Reason, SettingsError, VerifierFailed, VerifierPlug


class TeaVerifier:
    waits = True

    def __init__(self, plug: VerifierPlug) -> None:
        self.prefix = plug.url.removeprefix("tea://")
        self.closed = False

    def verify(self, question: Question) -> Finding:
        if question.ext_info == "spoilt":
            raise VerifierFailed("the tea is spoilt")
        if question.ext_info.startswith(self.prefix):
            return Finding(reason=Reason.RECALLED, code_result=CodeResult.NOT_ACTIVE)
        return Finding(reason=Reason.UNKNOWN_CODE)

    def close(self) -> None:
        self.closed = True


def spill(plug: VerifierPlug) -> TeaVerifier:
    raise KeyError(plug.url)


def refuse(plug: VerifierPlug) -> TeaVerifier:
    raise SettingsError("the tea is sour: buy another")


class HalfVerifier:
    waits = False

    def __init__(self, plug: VerifierPlug) -> None:
        self.close = print
'''


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package and install it with pip into a folder of its own."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "brand_of_tea.py").write_text(MODULE)
    options = ("--no-index", "--no-build-isolation", "--no-deps", "--no-cache-dir", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "install", "--quiet", *options, "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture
def _on_the_path(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(installed)
    yield
    sys.modules.pop("brand_of_tea", None)


@pytest.mark.usefixtures("_on_the_path")
def test_a_package_that_is_installed_brings_a_verifier(registry: SqliteRegistry) -> None:
    chain = ("registry://", "tea://T-")
    verifiers: list[Verifier] = [verifier_from_url(plug(url, registry)) for url in chain]
    judge = Judge([Link(name=url.partition(":")[0], verifier=each) for url, each in zip(chain, verifiers, strict=True)])

    def verdict(ext_info: str) -> Verdict:
        return judge.judge(question(ext_info), late=never)

    answers = {code: verdict(code) for code in ("A1", "T-1", "Z9")}
    assert {code: (v.code_result, v.reason, v.verifier) for code, v in answers.items()} == {
        "A1": (CodeResult.REAL, Reason.ACTIVE, "registry"),
        "T-1": (CodeResult.NOT_ACTIVE, Reason.RECALLED, "tea"),
        "Z9": (CodeResult.FAKE, Reason.UNKNOWN_CODE, "tea"),
    }
    with pytest.raises(Undecided, match="tea: the tea is spoilt"):
        verdict("spoilt")
    judge.close()
    assert type(verifiers[1]).__module__ == "brand_of_tea"
    assert getattr(verifiers[1], "closed", None) is True


@pytest.mark.usefixtures("_on_the_path")
@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("missing-tea://", "of brand_of_tea:Missing cannot be made: AttributeError"),
        ("spilt-tea://", "of brand_of_tea:spill cannot be made: KeyError"),
        ("sour-tea://", "^the tea is sour: buy another$"),
        ("half-tea://", "of brand_of_tea:HalfVerifier has no `verify`"),
    ],
)
def test_a_package_whose_verifier_cannot_be_made_is_told(registry: SqliteRegistry, url: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        verifier_from_url(plug(url, registry))


def test_a_package_that_is_not_installed_brings_nothing(registry: SqliteRegistry) -> None:
    assert ENTRY_POINT_GROUP == "scanhook.verifiers"
    with pytest.raises(SettingsError, match="no verifier is called `tea`"):
        verifier_from_url(plug("tea://T-", registry))
