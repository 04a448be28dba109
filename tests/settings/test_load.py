from __future__ import annotations

from pathlib import Path

import pytest

from scanhook.errors import SettingsError
from scanhook.settings import find_config, load_settings
from tests.conftest import APP_ID, ENCODED_KEY, ORIGINAL_ID, TOKEN
from tests.settings.conftest import GOOD, Load, Refuse

TOKEN_LINE = f'token = "{TOKEN}"\n'
SECRET = "Xq7hunter2"


def test_the_file_given_is_used_before_all_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCANHOOK_CONFIG", "from-environment.toml")
    assert find_config(Path("given.toml")) == tmp_path / "given.toml"
    assert find_config() == tmp_path / "from-environment.toml"
    monkeypatch.setenv("SCANHOOK_CONFIG", "")
    assert find_config() == tmp_path / "scanhook.toml"


def test_a_missing_file_is_refused_with_the_command_that_makes_one(path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(path)
    assert str(refused.value) == (
        f"{path} is not there: make one with `scanhook init DIR`, or name yours with --config or $SCANHOOK_CONFIG"
    )


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read: Is a directory$"):
        load_settings(tmp_path)


def test_a_file_that_is_not_utf8_is_refused(path: Path) -> None:
    path.write_bytes(GOOD.encode("utf-16"))
    with pytest.raises(SettingsError) as refused:
        load_settings(path)
    assert str(refused.value) == f"{path} is not UTF-8"


def test_a_syntax_error_is_named_by_its_line(refuse: Refuse) -> None:
    assert refuse(GOOD + "mode = = 1\n") == "FILE: this is not TOML: Invalid value (at line 9, column 8)"


def test_a_syntax_error_does_not_repeat_the_value(refuse: Refuse) -> None:
    assert SECRET not in refuse(GOOD.replace(f'"{TOKEN}"', SECRET))


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        pytest.param(
            GOOD,
            f'{GOOD}[sevice]\nbind = "{SECRET}"\n',
            "FILE, line 9: sevice: there is no such setting; the README lists them all",
            id="table",
        ),
        pytest.param(
            "bind",
            f'bnd = "{SECRET}"\nbind',
            "FILE, line 2: service.bnd: there is no such setting; the README lists them all",
            id="name",
        ),
        pytest.param(
            "token",
            f'tokn = "{SECRET}"\ntoken',
            "FILE, line 7: accounts.main.tokn: there is no such setting; the README lists them all",
            id="name in an account",
        ),
        pytest.param(
            "[service]",
            f'{SECRET} = "{SECRET}"\n[service]',
            f"FILE, line 1: {SECRET}: there is no such setting; the README lists them all",
            id="name outside of every table",
        ),
        pytest.param(
            "accounts.main",
            "accounts.Main",
            "FILE, line 4: accounts.Main: a name is a small letter, then up to 31 small letters, digits, `-` and `_`",
            id="account",
        ),
    ],
)
def test_an_unknown_name_is_refused_with_its_line(refuse: Refuse, before: str, after: str, sentence: str) -> None:
    assert refuse(GOOD.replace(before, after, 1)) == sentence


@pytest.mark.parametrize("name", ["_env_prefix", "_env_file", "_case_sensitive", "_cli_parse_args"])
def test_a_switch_of_the_settings_library_is_no_setting(refuse: Refuse, name: str) -> None:
    assert refuse(f'{name} = "{SECRET}"\n{GOOD}') == (
        f"FILE, line 1: {name}: there is no such setting; the README lists them all"
    )


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ("bind", 'workers = "many"\nbind', "FILE, line 2: service.workers: "),
        ("bind", "workers = 0\nbind", "FILE, line 2: service.workers: "),
        ("bind", "threads = 1\nbind", "FILE, line 2: service.threads: "),
        ("bind", "timestamp_window_s = 0\nbind", "FILE, line 2: service.timestamp_window_s: "),
        ('"127.0.0.1:8000"', "8000", "FILE, line 2: service.bind: "),
        ('"127.0.0.1:8000"', '"localhost"', "FILE, line 2: service.bind: "),
        ('"127.0.0.1:8000"', '"127.0.0.1:0"', "FILE, line 2: service.bind: "),
        ('"127.0.0.1:8000"', '"127.0.0.1:65536"', "FILE, line 2: service.bind: "),
        ("bind", 'public_url = "scan.example.com"\nbind', "FILE, line 2: service.public_url: "),
        (TOKEN_LINE, "token = 12345\n", "FILE, line 7: accounts.main.token: "),
        (TOKEN_LINE, f'{TOKEN_LINE}previous_tokens = "{SECRET}"\n', "FILE, line 8: accounts.main.previous_tokens: "),
        (TOKEN_LINE, f'{TOKEN_LINE}mode = "{SECRET}"\n', "FILE, line 8: accounts.main.mode: "),
        ("[accounts", "[verifier]\nchain = []\n[accounts", "FILE, line 5: verifier.chain: "),
        ("[accounts", "[verifier]\ntimeout_s = 3.5\n[accounts", "FILE, line 5: verifier.timeout_s: "),
        ("[accounts", f'[verifier]\non_undecided = "{SECRET}"\n[accounts', "FILE, line 5: verifier.on_undecided: "),
    ],
)
def test_a_bad_value_is_refused_with_its_line(refuse: Refuse, before: str, after: str, place: str) -> None:
    sentence = refuse(GOOD.replace(before, after, 1))
    assert sentence.startswith(place)
    assert len(sentence) > len(place)
    assert SECRET not in sentence


@pytest.mark.parametrize(
    "given",
    ["", "ab", "a" * 33, "with-hyphen", "with blank", "ünïcödé", "A" * 31 + "\\n", "１２３４５"],
)
def test_a_token_that_no_console_accepts_is_refused(refuse: Refuse, given: str) -> None:
    sentence = refuse(GOOD.replace(TOKEN_LINE, f'token = "{given}"\n'))
    assert sentence == (
        "FILE, line 7: accounts.main.token: a token is 3 to 32 letters and digits: copy it from the console "
        "(令牌 Token)"
    )


@pytest.mark.parametrize("given", ["abc", "1" * 32])
def test_the_shortest_and_the_longest_token_are_accepted(load: Load, given: str) -> None:
    house = load(GOOD.replace(TOKEN_LINE, f'token = "{given}"\n'))
    assert house.settings.accounts["main"].token.get_secret_value() == given


@pytest.mark.parametrize("given", ["", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "+"])
def test_a_key_that_is_not_43_letters_and_digits_is_refused(refuse: Refuse, given: str) -> None:
    sentence = refuse(GOOD.replace(ENCODED_KEY, given))
    assert sentence == (
        "FILE, line 8: accounts.main.encoding_aes_key: an EncodingAESKey is 43 letters and digits: see the console "
        "(消息加解密密钥)"
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('previous_tokens = ["good1", "x"]', "accounts.main.previous_tokens: a token is 3 to 32 letters and digits"),
        (
            'previous_encoding_aes_keys = ["short"]',
            "accounts.main.previous_encoding_aes_keys: an EncodingAESKey is 43 letters and digits",
        ),
    ],
)
def test_previous_secrets_are_held_to_the_same_rules(refuse: Refuse, line: str, sentence: str) -> None:
    assert refuse(f"{GOOD}{line}\n").startswith(f"FILE, line 9: {sentence}")


@pytest.mark.parametrize(
    ("gone", "left", "sentence"),
    [
        (TOKEN_LINE, "", "FILE, line 4: accounts.main: token is missing: copy it from the console (令牌 Token)"),
        (
            f'encoding_aes_key = "{ENCODED_KEY}"\n',
            "",
            "FILE, line 4: accounts.main: encoding_aes_key is missing, and safe mode needs it: copy it from the "
            "console (消息加解密密钥)",
        ),
        (
            f'"{APP_ID}"',
            '""',
            "FILE, line 5: accounts.main: app_id is empty: it stands in the console under 设置与开发 → 基本配置 "
            "(开发者ID AppID, wx…)",
        ),
        (
            f'"{ORIGINAL_ID}"',
            '""',
            "FILE, line 6: accounts.main: original_id is empty: it stands in the console under 账号设置 → 账号详情 "
            "(原始ID, gh_…)",
        ),
        (
            GOOD,
            "[service]\n",
            "FILE: accounts: it is missing: add the table, or make a new file with `scanhook init DIR`",
        ),
    ],
)
def test_what_is_missing_is_named_with_where_to_find_it(refuse: Refuse, gone: str, left: str, sentence: str) -> None:
    assert refuse(GOOD.replace(gone, left)) == sentence


def test_a_file_without_any_account_says_how_to_get_one(refuse: Refuse) -> None:
    sentence = refuse("[accounts]\n")
    assert sentence.startswith("FILE, line 1: accounts: ")
    assert "scanhook init" in sentence


def test_plain_mode_needs_no_key(load: Load) -> None:
    house = load(GOOD.replace(f'encoding_aes_key = "{ENCODED_KEY}"', 'mode = "plain"'))
    assert house.settings.accounts["main"].mode == "plain"


def test_every_fault_is_told_at_once(refuse: Refuse) -> None:
    text = GOOD.replace('bind = "127.0.0.1:8000"', "workers = 99").replace(TOKEN_LINE, 'token = "x"\n')
    first, second = refuse(text).splitlines()
    assert first.startswith("FILE, line 2: service.workers: ")
    assert second.startswith("FILE, line 7: accounts.main.token: ")


def test_a_secret_is_read_from_a_file_beside_the_settings(
    load: Load, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token.txt").write_text("FromFile1\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    house = load(GOOD.replace(TOKEN_LINE, 'token_file = "token.txt"\n'))
    assert house.settings.accounts["main"].token.get_secret_value() == "FromFile1"


def test_a_secret_and_its_file_together_are_refused(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text(SECRET)
    sentence = refuse(GOOD.replace(TOKEN_LINE, f'{TOKEN_LINE}token_file = "token.txt"\n'))
    assert sentence == "FILE, line 4: accounts.main: both token and token_file are given: leave one of them out"


def test_a_secret_file_that_is_not_there_is_refused(refuse: Refuse, tmp_path: Path) -> None:
    sentence = refuse(GOOD.replace(TOKEN_LINE, 'token_file = "gone.txt"\n'))
    assert sentence == (
        f"FILE, line 7: accounts.main: token_file names {tmp_path / 'gone.txt'}, which cannot be read: "
        "No such file or directory"
    )


def test_a_secret_file_that_is_not_text_is_refused(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_bytes(b"\xff\xfe\xff")
    sentence = refuse(GOOD.replace(TOKEN_LINE, 'token_file = "token.txt"\n'))
    assert sentence == (
        f"FILE, line 7: accounts.main: token_file names {tmp_path / 'token.txt'}, which cannot be read: it is not text"
    )


def test_a_bad_secret_in_a_file_is_refused_without_being_told(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text(f"{SECRET}-{SECRET}")
    sentence = refuse(GOOD.replace(TOKEN_LINE, 'token_file = "token.txt"\n'))
    assert "a token is 3 to 32 letters and digits" in sentence
    assert SECRET not in sentence


@pytest.mark.parametrize(
    ("table", "name"), [("accounts.main", "app_secret"), ("service", "monitor_token"), ("verifier", "secret")]
)
def test_every_secret_has_a_file_of_its_own(load: Load, tmp_path: Path, table: str, name: str) -> None:
    (tmp_path / "secret.txt").write_text(f"  {SECRET}\n")
    text = GOOD if table != "verifier" else f"{GOOD}[verifier]\n"
    house = load(text.replace(f"[{table}]", f'[{table}]\n{name}_file = "secret.txt"'))
    of_table = {
        "accounts.main": house.settings.accounts["main"],
        "service": house.settings.service,
        "verifier": house.settings.verifier,
    }[table]
    assert getattr(of_table, name).get_secret_value() == SECRET


def test_no_secret_shows_in_a_printed_house(load: Load) -> None:
    shown = repr(load(GOOD.replace(TOKEN_LINE, f'{TOKEN_LINE}app_secret = "{SECRET}"\n')))
    assert not [secret for secret in (TOKEN, ENCODED_KEY, SECRET) if secret in shown]


def test_the_pepper_and_the_storage_start_at_the_settings_file(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    house = load(GOOD)
    assert house.base == tmp_path
    assert house.pepper_path == tmp_path / "secrets" / "pepper"


def test_an_absolute_path_stays_as_it_is(load: Load, tmp_path: Path) -> None:
    house = load(f'{GOOD}[storage]\npepper_file = "{tmp_path}/elsewhere/pepper"\n')
    assert house.pepper_path == tmp_path / "elsewhere" / "pepper"


def test_the_environment_wins_over_the_file(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANHOOK_SERVICE__BIND", "0.0.0.0:9000")
    monkeypatch.setenv("SCANHOOK_SERVICE__WORKERS", "7")
    monkeypatch.setenv("SCANHOOK_ACCOUNTS__MAIN__TOKEN", "1234567")
    monkeypatch.setenv("SCANHOOK_ACCOUNTS__MAIN__PREVIOUS_TOKENS", '["Older1", "Older2"]')
    settings = load(GOOD).settings
    account = settings.accounts["main"]
    assert (settings.service.bind, settings.service.workers) == ("0.0.0.0:9000", 7)
    assert account.token.get_secret_value() == "1234567"
    assert [token.get_secret_value() for token in account.previous_tokens] == ["Older1", "Older2"]
    assert account.original_id == ORIGINAL_ID


def test_a_secret_may_come_from_a_file_that_the_environment_names(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mounted").write_text("FromFile1\n")
    monkeypatch.setenv("SCANHOOK_ACCOUNTS__MAIN__TOKEN_FILE", str(tmp_path / "mounted"))
    house = load(GOOD.replace(TOKEN_LINE, ""))
    assert house.settings.accounts["main"].token.get_secret_value() == "FromFile1"


def test_a_secret_in_the_environment_wins_over_a_file_that_the_settings_name(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token.txt").write_text("FromFile1")
    monkeypatch.setenv("SCANHOOK_ACCOUNTS__MAIN__TOKEN", "FromEnvironment1")
    house = load(GOOD.replace(TOKEN_LINE, 'token_file = "token.txt"\n'))
    assert house.settings.accounts["main"].token.get_secret_value() == "FromEnvironment1"


def test_a_file_that_the_environment_names_wins_over_a_secret_in_the_settings(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mounted").write_text("FromFile1")
    monkeypatch.setenv("SCANHOOK_ACCOUNTS__MAIN__TOKEN_FILE", str(tmp_path / "mounted"))
    assert load(GOOD).settings.accounts["main"].token.get_secret_value() == "FromFile1"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SCANHOOK_SERVICE__BIND", f"{SECRET} is no address"),
        ("SCANHOOK_SERVICE__WORKERS", SECRET),
        ("SCANHOOK_SERVICE__BNID", SECRET),
        ("SCANHOOK_ACCOUNTS__MAIN__TOKEN", f"{SECRET}-{SECRET}"),
        ("SCANHOOK_ACCOUNTS__MAIN__ENCODING_AES_KEY", SECRET),
        ("SCANHOOK_ACCOUNTS__MAIN__MODE", SECRET),
        ("SCANHOOK_VERIFIER__CHAIN", SECRET),
        ("SCANHOOK_ACCOUNTS__MAIN__PREVIOUS_TOKENS", SECRET),
        ("SCANHOOK_ACCOUNTS__MAIN__APP_SECRET_FILE", "/nowhere/secret"),
    ],
)
def test_a_bad_variable_is_named_and_not_repeated(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    sentence = refuse(GOOD)
    assert sentence.startswith("environment")
    assert variable in sentence
    assert SECRET not in sentence


def test_of_two_lists_in_the_environment_the_bad_one_is_named(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANHOOK_ACCOUNTS__MAIN__PREVIOUS_TOKENS", '["Older1"]')
    monkeypatch.setenv("SCANHOOK_VERIFIER__CHAIN", f"{SECRET}://")
    assert refuse(GOOD) == ('environment, SCANHOOK_VERIFIER__CHAIN: write a list in JSON, such as ["…", "…"]')


def test_a_table_in_the_environment_that_cannot_be_read_is_refused(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCANHOOK_ACCOUNTS__MAIN", f'{{"token": {SECRET}')
    sentence = refuse(GOOD)
    assert "SCANHOOK_ACCOUNTS__MAIN" in sentence
    assert SECRET not in sentence


@pytest.mark.parametrize(
    "variable",
    [
        "SCANHOOK_BIND",
        "SCANHOOK_SERVICE",
        "SCANHOOK_SERVICE_BIND",
        "SCANHOOK_CONFIGURATION",
        "SCANHOOK_ACCOUNT__MAIN__TOKEN",
        "SCANHOOK_PORTAL",
    ],
)
def test_a_variable_that_is_no_setting_is_refused(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, SECRET)
    assert refuse(GOOD) == (
        f"environment: {variable} is no setting; the settings are called like SCANHOOK_SERVICE__BIND"
    )


@pytest.mark.parametrize(
    "variable",
    [
        "SCANHOOK_SERVICE_HOST",
        "SCANHOOK_SERVICE_PORT",
        "SCANHOOK_SERVICE_PORT_HTTP",
        "SCANHOOK_PORT",
        "SCANHOOK_PORT_8000_TCP",
        "SCANHOOK_PORT_8000_TCP_PROTO",
        "SCANHOOK_PORT_8000_TCP_ADDR",
        "SCANHOOKS_OF_SOMEBODY_ELSE",
    ],
)
def test_what_kubernetes_gives_every_container_is_ignored(
    load: Load, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "tcp://10.0.0.1:8000")
    assert load(GOOD).settings.service.bind == "127.0.0.1:8000"


def test_the_first_account_is_the_first_in_the_file(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANHOOK_ACCOUNTS__ALPHA__TOKEN", "FromEnvironment1")
    monkeypatch.setenv("SCANHOOK_ACCOUNTS__ALPHA__APP_ID", "wx1")
    alpha = GOOD[GOOD.index("[accounts") :].replace("main", "alpha")
    zulu = GOOD[GOOD.index("[accounts") :].replace("main", "zulu")
    house = load(zulu + alpha)
    assert list(house.settings.accounts) == ["zulu", "alpha"]
    assert house.settings.accounts["alpha"].app_id == "wx1"
    assert house.settings.accounts["zulu"].app_id == APP_ID


def test_an_account_may_stand_in_the_environment_alone(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("APP_ID", "wx1"),
        ("ORIGINAL_ID", "gh_1"),
        ("TOKEN", "Second1"),
        ("ENCODING_AES_KEY", "B" * 43),
    ):
        monkeypatch.setenv(f"SCANHOOK_ACCOUNTS__SECOND__{name}", value)
    house = load(GOOD)
    assert list(house.settings.accounts) == ["main", "second"]
    assert house.settings.accounts["second"].original_id == "gh_1"
