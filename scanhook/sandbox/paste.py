"""Writes the lines of ``scanhook.toml`` that fit a sandbox. Performs no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator

from scanhook.envelope import Keyring
from scanhook.sandbox.offers import UnionShelf
from scanhook.sandbox.route import Right
from scanhook.sandbox.tenant import Kind, Tenant
from scanhook.sandbox.world import World

__all__ = ["base_lines", "catalog_lines", "settings_of"]

_SYSTEMS = {
    "pages": Right.SCAN,
    "albums": Right.ALBUMS,
    "window": Right.WINDOW,
    "live": Right.LIVE,
    "union": Right.UNION,
}


def base_lines(world: World) -> str:
    """Return the lines that send a house to the sandbox instead of to WeChat."""
    return f'[wechat]\napi_base = "{world.base_url}"\nwecom_base = "{world.base_url}"\n'


def settings_of(world: World) -> str:
    """Return all lines: the addresses, an account for each tenant that has keys, and who calls which system."""
    tables = [base_lines(world), *(_account(tenant, tenant.keys) for tenant in world.tenants if tenant.keys)]
    return "\n".join([*tables, *filter(None, (catalog_lines(world, name) for name in _SYSTEMS))])


def catalog_lines(world: World, system: str) -> str:
    """Return the lines that say who calls one of the five systems; empty when no tenant may."""
    tenant = next((tenant for tenant in world.tenants if _SYSTEMS[system] in tenant.rights), None)
    if tenant is None:
        return ""
    shops = sorted({offer.shop_app_id for offer in tenant.shelf(UnionShelf).offers}) if system == "union" else ()
    listed = [f"shop_app_ids = {json.dumps(shops)}"] if shops else []
    return "\n".join([f"[catalog.{system}]", *_caller(tenant), *listed, ""])


def _account(tenant: Tenant, keys: Keyring) -> str:
    lines = [
        f"[accounts.{tenant.name}]",
        f'app_id = "{tenant.app_id}"',
        f'original_id = "{keys.original_id}"',
        f'token = "{keys.tokens[0]}"',
        *(f'encoding_aes_key = "{key.encoded}"' for key in keys.aes_keys[:1]),
        f"app_secret = {json.dumps(tenant.secret)}",
        f'mode = "{keys.mode.value}"',
    ]
    return "\n".join([*lines, ""])


def _caller(tenant: Tenant) -> Iterator[str]:
    if tenant.kind is Kind.WECOM:
        yield f'corp_id = "{tenant.app_id}"'
        yield f"corp_secret = {json.dumps(tenant.secret)}"
    elif tenant.keys:
        yield f'account = "{tenant.name}"'
    else:
        yield f'app_id = "{tenant.app_id}"'
        yield f"app_secret = {json.dumps(tenant.secret)}"
