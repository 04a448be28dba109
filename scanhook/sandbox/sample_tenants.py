"""The sandbox's own tenants: one for each kind of account that WeChat's five product systems ask for."""

from __future__ import annotations

from scanhook.envelope import AesKey, Keyring, Mode
from scanhook.sandbox.route import Right
from scanhook.sandbox.tenant import Kind, Tenant

__all__ = ["sample_tenants"]

# Nothing is guarded by these: the sandbox serves this machine only, and they are the same everywhere.
_SECRETS = {
    name: f"sandbox0secret0of0{name}".ljust(32, "0") for name in ("main", "shop", "assistant", "goods", "other")
}


def sample_tenants(*, callback_url: str = "", landing_url: str = "") -> tuple[Tenant, ...]:
    """Return new tenants: ``main``, ``shop``, ``assistant``, and the company's ``goods`` and ``other``.

    :param callback_url: where ``main`` is pushed to; empty for nowhere.
    :param landing_url: where the product pages of ``main`` link to.
    """
    goods = Tenant(
        "wwsandboxcompany01",
        secret=_SECRETS["goods"],
        rights=frozenset({Right.ALBUMS}),
        kind=Kind.WECOM,
        name="goods",
    )
    return (
        Tenant(
            "wx5a0db0c0000000a1",
            secret=_SECRETS["main"],
            rights=frozenset({Right.SCAN}),
            name="main",
            keys=Keyring(
                mode=Mode.SAFE,
                original_id="gh_5a0db0c000a1",
                receive_id="wx5a0db0c0000000a1",
                tokens=("sandboxtoken",),
                aes_keys=(AesKey(encoded="sandbox" * 6 + "A"),),
            ),
            callback_url=callback_url,
            landing_url=landing_url,
        ),
        Tenant("wx5a0db0c0000000b2", secret=_SECRETS["shop"], rights=frozenset({Right.LIVE, Right.UNION}), name="shop"),
        Tenant("wx5a0db0c0000000c3", secret=_SECRETS["assistant"], rights=frozenset({Right.WINDOW}), name="assistant"),
        goods,
        Tenant(
            goods.app_id,
            secret=_SECRETS["other"],
            rights=goods.rights,
            kind=Kind.WECOM,
            name="other",
            beside=goods,
        ),
    )
