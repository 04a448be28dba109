"""A house's accounts as tenants of a sandbox, and what the house still needs to call it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from scanhook.sandbox.paste import base_lines, catalog_lines
from scanhook.sandbox.route import Right
from scanhook.sandbox.sample_tenants import sample_tenants
from scanhook.sandbox.tenant import Kind, Tenant
from scanhook.sandbox.world import World
from scanhook.settings import AccountSettings, House
from scanhook.settings.wechat import SystemSettings, TokenSettings
from scanhook.wire.service import keyring

__all__ = ["house_tenants", "know_tokens", "landing_of", "missing_lines", "secret_commands"]

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  (where it listens is not where it is called)
_FETCHED = ("stable", "token", "gettoken")
"""The sources of a token that need a secret."""
_SYSTEMS = {"pages": Right.SCAN, "window": Right.WINDOW, "live": Right.LIVE, "union": Right.UNION}


def house_tenants(house: House) -> tuple[Tenant, ...]:
    """Return a tenant for each account and caller of the settings; sample ones call the systems that nobody does.

    Who has no secret gets that of a sample account.
    """
    settings, samples = house.settings, {tenant.name: tenant for tenant in sample_tenants()}
    by_id: dict[str, Tenant] = {}
    for number, (name, account) in enumerate(settings.accounts.items()):
        by_id[account.app_id] = Tenant(
            account.app_id,
            secret=account.app_secret.get_secret_value() or samples["main"].secret,
            rights=frozenset({Right.SCAN}),
            name=name,
            keys=keyring(account),
            callback_url=_address(house, "/wechat/callback" if number == 0 else f"/wechat/callback/{name}"),
            landing_url=_address(house, "/landing" if number == 0 else f"/landing/{name}"),
        )
    for name, right in _SYSTEMS.items():
        table: SystemSettings = getattr(settings.catalog, name)
        app_id = settings.accounts[table.account].app_id if table.account in settings.accounts else table.app_id
        if not app_id:
            continue
        secret = table.app_secret.get_secret_value() or samples["main"].secret
        tenant = by_id.setdefault(app_id, Tenant(app_id, secret=secret, rights=frozenset(), name=name))
        tenant.rights |= {right}
    albums = settings.catalog.albums
    company = (samples["goods"], samples["other"])
    if albums.corp_id:
        secret = albums.corp_secret.get_secret_value() or samples["goods"].secret
        company = (
            Tenant(albums.corp_id, secret=secret, rights=company[0].rights, kind=Kind.WECOM, name=company[0].name),
            company[1],
        )
    named = set().union(*(tenant.rights for tenant in by_id.values()))
    rest = (tenant for tenant in (samples["shop"], samples["assistant"]) if not tenant.rights <= named)
    return (*by_id.values(), *rest, *company)


def know_tokens(house: House, world: World) -> None:
    """Let the world take the tokens that the settings name, and the calls that go without one (``token_source``)."""
    callers: list[tuple[str, TokenSettings]] = [
        (account.app_id, account) for account in house.settings.accounts.values()
    ]
    catalog = house.settings.catalog
    callers += [(table.app_id, table) for table in (getattr(catalog, name) for name in _SYSTEMS) if table.app_id]
    for app_id, table in callers:
        match table.token_source:
            case "static":
                world.tokens.admit(world.tenant(app_id), table.access_token.get_secret_value())
            case "none":
                world.cloud = world.cloud or world.tenant(app_id)
    albums = catalog.albums
    if albums.corp_id and albums.token_source == "static":  # noqa: S105  (no secret)
        world.tokens.admit(world.tenant(albums.corp_id), albums.access_token.get_secret_value())


def missing_lines(house: House, world: World) -> Iterator[str]:
    """Yield what the settings need before the house calls the sandbox: tables, and where a secret is missing."""
    settings, catalog = house.settings, house.settings.catalog
    if {settings.wechat.api_base, settings.wechat.wecom_base} != {world.base_url}:
        yield base_lines(world)
    for missing in _missing_secrets(house, world):
        if not (missing.file and missing.may_be_shown):
            yield missing.line()
    if "pages" not in catalog.model_fields_set:
        yield f'[catalog.pages]\naccount = "{next(iter(settings.accounts))}"\n'  # so that the housekeeper reads them
    for name in _SYSTEMS:
        table: SystemSettings = getattr(catalog, name)
        if name != "pages" and not table.app_id and not table.account:
            yield catalog_lines(world, name)
    if not catalog.albums.corp_id:
        yield catalog_lines(world, "albums")


def secret_commands(house: House, world: World) -> Iterator[str]:
    """Yield the commands that fill the files of secrets that the settings name, and that are empty."""
    for missing in _missing_secrets(house, world):
        if missing.file and missing.may_be_shown:
            yield f"printf '%s\\n' {shlex.quote(missing.tenant.secret)} > {shlex.quote(missing.file)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _MissingSecret:
    """A secret that a table lacks.

    :param file: the file that should hold it; empty where the table names none.
    :param tenant: whose it is.
    """

    table: str
    setting: str
    file: str
    tenant: Tenant

    @property
    def may_be_shown(self) -> bool:
        """Whether it is a sample's; a real one is not shown."""
        return self.tenant.secret in {sample.secret for sample in sample_tenants()}

    def line(self) -> str:
        """Return the line that belongs into the table, as a comment: a table that is there cannot be pasted again."""
        begin = f"# [{self.table}] has no {self.setting}; "
        if self.may_be_shown:
            return f'{begin}write there: {self.setting} = "{self.tenant.secret}"\n'
        return f"{begin}here it is that of {self.tenant.name}\n"


def _missing_secrets(house: House, world: World) -> Iterator[_MissingSecret]:
    settings, catalog = house.settings, house.settings.catalog
    callers: list[tuple[str, AccountSettings | SystemSettings]] = [
        (f"accounts.{name}", account) for name, account in settings.accounts.items()
    ]
    callers += [(f"catalog.{name}", table) for name in _SYSTEMS if (table := getattr(catalog, name)).app_id]
    for place, table in callers:
        if not table.app_secret.get_secret_value() and table.token_source in _FETCHED:
            tenant = world.tenant(table.app_id)
            yield _MissingSecret(table=place, setting="app_secret", file=table.app_secret_file, tenant=tenant)
    albums = catalog.albums
    if albums.corp_id and not albums.corp_secret.get_secret_value() and albums.token_source in _FETCHED:
        yield _MissingSecret(
            table="catalog.albums",
            setting="corp_secret",
            file=albums.corp_secret_file,
            tenant=world.tenant(albums.corp_id),
        )


def landing_of(callback_url: str) -> str:
    """Return the landing page of the service that takes pushes there; empty when it is none of ours."""
    found = re.fullmatch(r"(.*)/wechat/callback(/[^/?#]+)?", callback_url)
    return f"{found[1]}/landing{found[2] or ''}" if found else ""


def _address(house: House, path: str) -> str:
    host, _, port = house.settings.service.bind.rpartition(":")
    return f"http://{_EVERYWHERE.get(host, host)}:{port}{path}"
