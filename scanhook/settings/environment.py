"""Reads settings from the environment. Loaded only where it holds one: pydantic-settings takes longer than the rest."""

from __future__ import annotations

from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, SettingsError

from scanhook.settings.model import Settings

__all__ = ["from_environment"]


class _Settings(Settings, BaseSettings):
    """The names and the types of all settings, for whoever looks them up in the environment; never made."""

    model_config = SettingsConfigDict(env_prefix="SCANHOOK_", env_nested_delimiter="__", defer_build=True)


def from_environment() -> dict[str, Any]:
    """Return the tables that the environment gives, with the values in it; nothing is checked yet.

    :raises ValueError: when the text of a list or of a whole table is not JSON.
    """
    try:
        return EnvSettingsSource(_Settings)()
    except SettingsError as error:
        raise ValueError(str(error)) from None
