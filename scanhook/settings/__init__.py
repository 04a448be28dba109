"""The settings: one TOML file, the environment over it."""

from scanhook.settings.load import CONFIG_VARIABLE, House, find_config, load_settings, settings_in_environment
from scanhook.settings.model import AccountSettings, ServiceSettings, Settings, StorageSettings, VerifierSettings

__all__ = [
    "CONFIG_VARIABLE",
    "AccountSettings",
    "House",
    "ServiceSettings",
    "Settings",
    "StorageSettings",
    "VerifierSettings",
    "find_config",
    "load_settings",
    "settings_in_environment",
]
