"""Opens the office and the APIs of WeChat's systems for whoever has a house: commands, and programs of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scanhook.clock import SystemClock
from scanhook.office import OfficeStore, open_office
from scanhook.settings import House, Settings, find_config, load_settings
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.lock import use_storage
from scanhook.wechat import Api, System, TokenKeep, open_api

__all__ = ["OpenOffice", "office_of", "open_wechat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOffice:
    """The office of a house, from which WeChat is called.

    :param keep: through which all who call share a token.
    """

    settings: Settings
    store: OfficeStore
    keep: TokenKeep

    @contextmanager
    def api(self, system: System, *, account: str | None = None) -> Iterator[Api]:
        """Open the API of one of WeChat's systems until the block is left.

        :param account: as for :func:`open_wechat`.
        :raises Refused: when the settings do not say who calls; the sentence says what to write where.
        """
        with closing(open_api(self.settings, system, keep=self.keep, account=account)) as api:
            yield api


@contextmanager
def office_of(house: House) -> Iterator[OpenOffice]:
    """Open a house's office until the block is left; nobody can exchange its file meanwhile.

    :raises SettingsError: when the pepper is missing, or the storage's URL names no engine.
    :raises StorageError: when the office cannot be opened.
    :raises Refused: when its file is being exchanged.
    """
    url, clock = StorageUrl.of(house), SystemClock()
    url.check_made()
    pepper = Pepper.load(house.pepper_path)
    with closing(use_storage(url)), closing(open_office(url, pepper=pepper, clock=clock)) as store:
        keep = TokenKeep(store=store.tokens, url=url, pepper=pepper, clock=clock)
        yield OpenOffice(settings=house.settings, store=store, keep=keep)


@contextmanager
def open_wechat(
    config: House | Path | str | None, system: System | str, *, account: str | None = None
) -> Iterator[Api]:
    """Open the API of one of WeChat's systems, as ``[catalog.SYSTEM]`` says, until the block is left.

    Its token is the one that the running service has, too.

    :param config: the settings file, or settings that were loaded; else ``$SCANHOOK_CONFIG``, else ``./scanhook.toml``.
    :param system: one of ``pages``, ``albums``, ``window``, ``live``, ``union``.
    :param account: an account of the settings calls instead.
    :raises Refused: when the settings do not say who calls; the sentence says what to write where.
    :raises SettingsError: when the settings, or the pepper that they name, cannot be used.
    :raises StorageError: when the storage, which keeps the tokens, cannot be opened.

    .. versionadded:: 0.2.0
    """
    house = config if isinstance(config, House) else load_settings(find_config(Path(config) if config else None))
    with office_of(house) as office, office.api(System(system), account=account) as api:
        yield api
