"""A house whose five product systems are a sandbox's."""

from __future__ import annotations

import re

from scanhook.sandbox.sandbox import Sandbox
from scanhook.settings import House, load_settings
from tests.conftest import APP_ID

__all__ = ["send_to"]


def send_to(house: House, sandbox: Sandbox, *, tables: bool = True) -> House:
    """Let a house call a sandbox: its account is the sandbox's first, and each system has a caller.

    Nothing says which products of the union are wanted.

    :param tables: whether the settings name the systems.
    """
    lines = sandbox.settings
    text = house.path.read_text().replace(APP_ID, sandbox.main.app_id)
    base, _, rest = lines.partition("[accounts.")
    catalog = rest[rest.index("[catalog.pages]") :] if tables else ""
    catalog = re.sub(r"^(shop_app_ids|query) = .*\n", "", catalog, flags=re.MULTILINE)
    house.path.write_text(f"{text}\n{base}\n{catalog}\n")
    (house.base / "secrets" / "main.app_secret").write_text(sandbox.main.secret)
    return load_settings(house.path)
