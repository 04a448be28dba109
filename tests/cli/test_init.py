from __future__ import annotations

import base64
import os
import pty
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from scanhook.cli import main
from scanhook.errors import SettingsError
from scanhook.settings import load_settings
from scanhook.storage import Pepper
from scanhook.wire.service import open_service
from tests.cli.conftest import run
from tests.conftest import APP_ID, ENCODED_KEY, ORIGINAL_ID, TOKEN
from tests.postgres import GUARDED, PASSWORD, Address
from tests.serving import environment

IDS = ("--app-id", APP_ID, "--original-id", ORIGINAL_ID)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """Return the folder of a house that is not there yet."""
    return tmp_path / "new" / "house"


@pytest.fixture
def _no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("_no_umask")
def test_a_new_house_is_private_whatever_the_umask(new: Path) -> None:
    run("init", new, *IDS)
    assert {str(path.relative_to(new)): mode_of(path) for path in (new / "secrets", new / "data")} == {
        "secrets": 0o700,
        "data": 0o700,
    }
    files = [path for path in new.rglob("*") if path.is_file()]
    assert {"scanhook.toml", "pepper", "main.app_secret", "registry.db", "journal.db", "office.db"} <= {
        path.name for path in files
    }
    assert {path.name: mode_of(path) for path in files if mode_of(path) != 0o600} == {}


def test_a_new_house_can_be_served(new: Path) -> None:
    run("init", new, *IDS)
    house = load_settings(new / "scanhook.toml")
    account = house.settings.accounts["main"]
    assert (account.app_id, account.original_id, account.mode) == (APP_ID, ORIGINAL_ID, "safe")
    assert house.settings.service.bind == "127.0.0.1:8000"
    open_service(house).close()


def test_secrets_that_are_not_given_are_made(new: Path, tmp_path: Path) -> None:
    made = []
    for folder in (new, tmp_path / "another"):
        run("init", folder, *IDS)
        account = load_settings(folder / "scanhook.toml").settings.accounts["main"]
        token, key = account.token.get_secret_value(), account.encoding_aes_key.get_secret_value()
        assert re.fullmatch("[A-Za-z0-9]{32}", token)
        assert re.fullmatch("[A-Za-z0-9]{43}", key)
        raw = base64.b64decode(key + "=", validate=True)
        assert base64.b64encode(raw).decode() == key + "="  # no bit of the key is lost
        made += [token, key, Pepper.load(folder / "secrets" / "pepper").id]
    assert len(set(made)) == 6


def test_secrets_that_are_given_are_used(new: Path) -> None:
    secrets = ("--token", TOKEN, "--encoding-aes-key", ENCODED_KEY, "--app-secret", "0123456789abcdef")
    result = run("init", new, *IDS, *secrets, "--mode", "compat")
    account = load_settings(new / "scanhook.toml").settings.accounts["main"]
    assert account.token.get_secret_value() == TOKEN
    assert account.encoding_aes_key.get_secret_value() == ENCODED_KEY
    assert account.app_secret.get_secret_value() == "0123456789abcdef"
    assert account.mode == "compat"
    assert "兼容模式" in result.stdout
    assert not [secret for secret in (TOKEN, ENCODED_KEY, "0123456789abcdef") if secret in result.output]


def test_what_to_do_next_is_told(new: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.cli.init.own_command", lambda: "scanhook")
    result = run("init", new, *IDS)
    for command in ("codes import FILE.csv", "doctor", "serve"):
        assert f"  scanhook {command} --config {new}/scanhook.toml\n" in result.stdout
    assert f"Keep a copy of {new}/secrets/pepper in a safe place" in result.stdout
    here = new.parent / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr("scanhook.cli.init.own_command", lambda: ".venv/bin/scanhook")
    assert "  .venv/bin/scanhook serve\n" in run("init", ".", *IDS).stdout


@pytest.mark.parametrize("there", ["scanhook.toml", "secrets/pepper", "data"])
def test_a_folder_that_holds_a_house_or_part_of_one_is_refused(new: Path, there: str) -> None:
    run("init", new, *IDS)
    for other in {"scanhook.toml", "secrets/pepper", "data"} - {there}:
        (new / other).rename(new.parent / Path(other).name)
    before = {path: path.read_bytes() for path in new.rglob("*") if path.is_file()}
    result = run("init", new, *IDS, code=1)
    assert result.stderr == (
        f"error: {new}/{there} is there already: choose another folder, or go on with the house that is there\n"
    )
    assert {path: path.read_bytes() for path in new.rglob("*") if path.is_file()} == before


ODD = "holds characters that no id or secret of WeChat's has"


@pytest.mark.parametrize(
    ("option", "bad", "sentence"),
    [
        ("--token", 'a"b', f"token {ODD}"),
        ("--token", "a\\b", f"token {ODD}"),
        ("--app-id", "ünïcödé", f"app_id {ODD}"),
        ("--original-id", "a\nb", f"original_id {ODD}"),
        ("--token", "ab", "a token is 3 to 32 letters and digits; this one is not"),
        ("--encoding-aes-key", "short", "an EncodingAESKey is 43 letters and digits; this one is not"),
    ],
)
def test_a_refused_value_leaves_nothing_behind(new: Path, option: str, bad: str, sentence: str) -> None:
    result = run("init", new, *IDS, option, bad, code=1)
    assert result.stderr == f"error: {sentence}\n"
    assert [path for path in new.rglob("*") if path.is_file()] == []
    run("init", new, *IDS, "--token", TOKEN)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("init", tmp_path / "file" / "house", *IDS, code=1)
    assert result.stderr == f"error: {tmp_path}/file/house/secrets cannot be made: Not a directory\n"


def test_a_mode_that_wechat_does_not_know_is_a_usage_error(new: Path) -> None:
    assert "'open' is not one of 'safe', 'compat', 'plain'" in run("init", new, "--mode", "open", code=2).stderr
    assert not new.exists()


def test_without_a_terminal_the_ids_stay_empty_and_the_start_says_where_they_stand(new: Path) -> None:
    result = run("init", new)
    path = new / "scanhook.toml"
    assert f"Fill in `app_id` in {path}: AppID (wx…, console: 设置与开发 → 基本配置)." in result.stdout
    assert f"Fill in `original_id` in {path}: original id (gh_…, console: 账号设置 → 账号详情" in result.stdout
    with pytest.raises(SettingsError) as refused:
        load_settings(path)
    assert str(refused.value) == (
        f"{path}, line 12: accounts.main: app_id is empty: it stands in the console under 设置与开发 → 基本配置 "
        "(开发者ID AppID, wx…)"
    )
    assert path.read_text().splitlines()[11] == 'app_id = ""'


def test_on_a_terminal_the_ids_are_asked_for(new: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "scanhook", "init", str(new)]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, env=environment(tmp_path / "home")) as asking:
        os.close(theirs)
        os.write(ours, f"  {APP_ID} \n{ORIGINAL_ID}\n".encode())
        said = asking.communicate()[0].decode()
    os.close(ours)
    assert asking.returncode == 0
    assert "AppID (wx…" in said
    assert "Fill in" not in said
    account = load_settings(new / "scanhook.toml").settings.accounts["main"]
    assert (account.app_id, account.original_id) == (APP_ID, ORIGINAL_ID)


def on(url: str) -> tuple[str, str]:
    return "--storage", url


def test_a_house_on_postgresql_has_its_tables_there(new: Path, empty_database: str) -> None:
    result = run("init", new, *IDS, *on(empty_database))
    house = load_settings(new / "scanhook.toml")
    assert house.settings.storage.url.get_secret_value() == empty_database
    assert mode_of(new / "scanhook.toml") == 0o600
    assert list((new / "data").iterdir()) == []
    assert f" doctor --config {new}/scanhook.toml\n" in result.stdout
    open_service(house).close()


def test_the_password_is_in_the_settings_and_nowhere_else(new: Path, postgres: Address, empty_database: str) -> None:
    url = postgres.url(empty_database.rpartition("/")[2], user=GUARDED, password=PASSWORD)
    result = run("init", new, *IDS, *on(url))
    house = load_settings(new / "scanhook.toml")
    assert house.settings.storage.url.get_secret_value() == url
    for told in (result.output, repr(house), str(house.settings)):
        assert PASSWORD not in told
        assert quote(PASSWORD, safe="") not in told
    open_service(house).close()


def test_the_url_can_come_from_standard_input(new: Path, empty_database: str) -> None:
    arguments = ["init", str(new), *IDS, "--storage", "-"]
    result = CliRunner().invoke(main, arguments, input=f"{empty_database}\n", catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert load_settings(new / "scanhook.toml").settings.storage.url.get_secret_value() == empty_database


@pytest.mark.parametrize("in_file", [True, False])
def test_a_url_of_the_environment_is_used_and_not_written_down(
    new: Path, tmp_path: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch, *, in_file: bool
) -> None:
    if in_file:
        (tmp_path / "url").write_text(f"{empty_database}\n")
        monkeypatch.setenv("SCANHOOK_STORAGE__URL_FILE", str(tmp_path / "url"))
    else:
        monkeypatch.setenv("SCANHOOK_STORAGE__URL", empty_database)
    run("init", new, *IDS)
    assert empty_database not in (new / "scanhook.toml").read_text()
    house = load_settings(new / "scanhook.toml")
    assert house.settings.storage.url.get_secret_value() == empty_database
    open_service(house).close()
    refused = run("init", new.parent / "other", *IDS, *on("sqlite:///data"), code=1).stderr
    assert "SCANHOOK_STORAGE__URL is set, and wins over the settings: unset it, or leave out --storage" in refused


def test_a_file_of_the_environment_that_cannot_be_read_is_refused(
    new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCANHOOK_STORAGE__URL_FILE", str(tmp_path / "gone"))
    assert "SCANHOOK_STORAGE__URL_FILE: url_file names" in run("init", new, *IDS, code=1).stderr
    assert not new.exists()


def test_another_folder_can_be_named_for_sqlite(new: Path) -> None:
    run("init", new, *IDS, *on("sqlite:///elsewhere"))
    assert (new / "elsewhere" / "registry.db").exists()
    open_service(load_settings(new / "scanhook.toml")).close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: f"{url}x", "make it with `createdb --encoding UTF8 --template template0 --owner USER "),
        (lambda url: url.replace("scanhook@", "ann:s3cret@"), "make it with `createuser --login --pwprompt ann`"),
        (lambda url: url.replace("scanhook@", "guarded:s3cret@"), "the server refuses scanhook's user or password"),
        (lambda url: re.sub(r":\d+/", ":9/", url), "the server cannot be reached (Connection refused)"),
        (lambda url: url.replace("scanhook@", "ann:s3cret/@"), "with %XX in the place of characters like @ : / ? #"),
        (lambda url: url.rpartition("/")[0], "storage.url names no database"),
        (lambda url: url.replace("postgresql:", "mysql:"), "`postgresql://USER@HOST/DATABASE`"),
        (lambda url: f"{url}\x07", "a character that cannot be printed"),
    ],
)
def test_a_database_that_cannot_be_used_leaves_nothing_behind(
    new: Path, empty_database: str, change: Callable[[str], str], said: str
) -> None:
    refused = run("init", new, *IDS, *on(change(empty_database)), code=1)
    assert said in refused.stderr
    assert "s3cret" not in refused.output
    assert not new.parent.exists()
    run("init", new, *IDS, *on(empty_database))


def test_a_database_that_holds_a_storage_is_refused_and_left_alone(new: Path, empty_database: str) -> None:
    run("init", new, *IDS, *on(empty_database))
    before = Pepper.load(new / "secrets" / "pepper").id
    other = new.parent / "other"
    refused = run("init", other, *IDS, *on(empty_database), code=1).stderr
    assert f"holds a storage of scanhook's already (made with the pepper {before})" in refused
    assert "for one more machine on it, copy settings and secrets of the house that made it" in refused
    assert not other.exists()
    open_service(load_settings(new / "scanhook.toml")).close()


def test_one_more_machine_works_with_the_copied_settings_and_secrets(new: Path, empty_database: str) -> None:
    run("init", new, *IDS, *on(empty_database))
    other = new.parent / "other"
    (other / "secrets").mkdir(parents=True)
    for name in ("scanhook.toml", "secrets/pepper", "secrets/main.app_secret"):
        (other / name).write_bytes((new / name).read_bytes())
    open_service(load_settings(other / "scanhook.toml")).close()
    assert mode_of(other / "data") == 0o700
