"""Opens the API of one of WeChat's systems, as the settings say: who calls, how a token is come by, and where.

The window is called by a Channels assistant, the albums by a WeCom application, the live goods and the union by a mini
program, the scan pages by an official account: five kinds of accounts, so that each system has a table of its own.
"""

from __future__ import annotations

from scanhook.errors import Refused
from scanhook.settings import AccountSettings, Settings
from scanhook.settings.wechat import SystemSettings, TokenSettings
from scanhook.wechat.api import Api
from scanhook.wechat.caller import Caller, System, TokenKind
from scanhook.wechat.fetching import Fetcher
from scanhook.wechat.keeper import SharedTokens
from scanhook.wechat.pace import Pace
from scanhook.wechat.sealing import token_name
from scanhook.wechat.server import Server
from scanhook.wechat.sources import CommandToken, NoToken, StaticToken
from scanhook.wechat.tokens import TokenKeep, TokenSource

__all__ = ["caller_of", "open_api"]

_WHO = {
    System.WINDOW: "the Channels assistant (视频号助手), since a shop's token is refused",
    System.LIVE: "the mini program that broadcasts",
    System.UNION: "the promoter's mini program (小程序联盟)",
}
_IN_CONSOLE = "the console has it (开发者密码 AppSecret)"
_IN_WECOM = "the WeCom console has it (the Secret of the application)"


def open_api(settings: Settings, system: System, *, keep: TokenKeep, account: str | None = None) -> Api:
    """Open the API of one of WeChat's systems. Whoever opens it closes it.

    :param keep: through which all workers share a token.
    :param account: an account of the settings calls, instead of who stands in ``[catalog.SYSTEM]``.
    :raises Refused: when the settings do not say who calls; the sentence says what to write where.
    """
    caller = caller_of(settings, system, account=account)
    wechat, pace = settings.wechat, Pace()
    bases = (wechat.wecom_base,) if system is System.ALBUMS else wechat.api_bases
    tokens = _source(caller, bases, timeout_s=wechat.timeout_s, keep=keep, pace=pace)
    return Api(bases, tokens=tokens, timeout_s=wechat.timeout_s, system=system, pace=pace)


def caller_of(settings: Settings, system: System, *, account: str | None = None) -> Caller:
    """Return who calls one of WeChat's systems.

    :param account: as :func:`open_api`.
    :raises Refused: as :func:`open_api`.
    """
    if system is System.ALBUMS:
        return _wecom_caller(settings, account)
    table: SystemSettings = getattr(settings.catalog, system.value)
    meant = table.account
    if not meant and not table.app_id and system is System.PAGES:
        meant = next(iter(settings.accounts))  # who is pushed scans to has the scan pages
    if name := account or meant:
        return _account_caller(settings, name, table if name == meant else None)
    place = f"[catalog.{system}]"
    if not table.app_id:
        raise Refused(
            f"the settings do not say who calls WeChat's {system}: write {place} with app_id and app_secret_file of "
            f"{_WHO.get(system, 'the official account')}; or with account = NAME, where it stands in [accounts.NAME]"
        )
    return _caller(place, table, table)


def _account_caller(settings: Settings, name: str, table: SystemSettings | None) -> Caller:
    if name not in settings.accounts:
        raise Refused(f"the settings have no account `{name}`; they have {', '.join(settings.accounts)}")
    account = settings.accounts[name]
    tokens = table if table is not None and "token_source" in table.model_fields_set else account
    return _caller(f"[accounts.{name}]", account, tokens)


def _wecom_caller(settings: Settings, account: str | None) -> Caller:
    albums, place = settings.catalog.albums, "[catalog.albums]"
    if account is not None:
        raise Refused(
            f"the account {account} is an official account, and albums belong to a WeCom company: "
            f"{place} says who calls; leave the account out"
        )
    if not albums.corp_id:
        raise Refused(
            f"the settings do not say who calls WeCom's albums: write {place} with corp_id (企业ID, ww…) and "
            "corp_secret_file of an application that may call 客户联系"
        )
    caller = Caller(
        place=place,
        app_id=albums.corp_id,
        kind=TokenKind(albums.token_source),
        secret=albums.corp_secret.get_secret_value(),
        token=albums.access_token.get_secret_value(),
        command=albums.token_command,
    )
    if caller.kind is TokenKind.GETTOKEN and not caller.secret:
        raise Refused(f"{place} has no corp_secret: {_put('corp_secret', albums.corp_secret_file, _IN_WECOM)}")
    return caller


def _caller(place: str, who: AccountSettings | SystemSettings, tokens: TokenSettings) -> Caller:
    caller = Caller(
        place=place,
        app_id=who.app_id,
        kind=TokenKind(tokens.token_source),
        secret=who.app_secret.get_secret_value(),
        token=tokens.access_token.get_secret_value(),
        command=tokens.token_command,
    )
    if caller.kind in (TokenKind.STABLE, TokenKind.TOKEN) and not caller.secret:
        raise Refused(
            f"{place} has no app_secret, and WeChat gives no access token without: "
            f"{_put('app_secret', who.app_secret_file, _IN_CONSOLE)}. "
            'Where a platform holds the tokens, write token_source = "command" instead'
        )
    return caller


def _put(name: str, file: str, where: str) -> str:
    """Say where a secret that is missing is found, and where it belongs."""
    if file:
        return f"the file {file} is empty: put the secret into it; {where}"
    return f'{where}; write {name}_file = "…" there'


def _source(caller: Caller, bases: tuple[str, ...], *, timeout_s: float, keep: TokenKeep, pace: Pace) -> TokenSource:
    match caller.kind:
        case TokenKind.STATIC:
            return StaticToken(caller.token)
        case TokenKind.COMMAND:
            return CommandToken(caller, pace=pace)
        case TokenKind.NONE:
            return NoToken()
    return SharedTokens(
        Fetcher(Server(bases, timeout_s=timeout_s, pace=pace), caller, pace=pace),
        caller=caller,
        name=token_name(keep.pepper, caller.kind.value, bases[0], caller.app_id, caller.secret),
        keep=keep,
        wait_s=2 * timeout_s,
        pace=pace,
    )
