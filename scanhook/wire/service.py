"""Puts the parts of a house together, as its settings say."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import SecretStr

from scanhook.clock import Clock, SystemClock
from scanhook.envelope import AesKey, Keyring, Mode
from scanhook.journal import JournalStore
from scanhook.office import OfficeStore, Presentation, open_office
from scanhook.receive import Account, Meter, Receiver
from scanhook.registry import Product, RegistryStore
from scanhook.settings import AccountSettings, House
from scanhook.storage import Pepper
from scanhook.tickets import Binder
from scanhook.verdict import Judge, Link, VerifierPlug, verifier_from_url
from scanhook.wechat import System, TokenKeep, open_api
from scanhook.wire.desk import TicketDesk
from scanhook.wire.storage import OpenStorage, open_storage, storage_url

__all__ = ["OpenStorage", "Service", "keyring", "open_service", "open_storage", "storage_url"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A house that is open: everything that a web layer or a command needs.

    :param accounts: by name, the first account first.
    """

    house: House
    storage: OpenStorage
    office: OfficeStore
    judge: Judge
    receiver: Receiver
    desk: TicketDesk
    accounts: MappingProxyType[str, Account]
    clock: Clock

    def close(self) -> None:
        """Wait for WeChat and for verifiers that still run, then close the storage."""
        self.desk.close()
        self.judge.close()
        self.office.close()
        self.storage.close()

    @property
    def pepper(self) -> Pepper:
        """The key of all hashes."""
        return self.storage.pepper

    @property
    def registry(self) -> RegistryStore:
        """Products, batches and codes."""
        return self.storage.registry

    @property
    def journal(self) -> JournalStore:
        """What was scanned."""
        return self.storage.journal

    def presentation(self, product: Product) -> Presentation | None:
        """Return the name and the picture that a product is shown with; ``None`` where nobody gives either.

        :raises StorageError: when the catalog cannot be read.
        """
        account = self.house.settings.accounts.get(product.account)
        return self.office.catalog.presentation(product, owner=account.app_id if account else "")


def open_service(house: House, *, meter: Meter | None = None, clock: Clock | None = None) -> Service:
    """Open a house.

    :raises SettingsError: when the pepper is missing, or a verifier cannot be made.
    :raises PepperMismatch: when the storage was made with another pepper.
    :raises StorageError: when the storage cannot be opened.
    """
    clock = clock or SystemClock()
    with ExitStack() as undo:
        storage = open_storage(house, clock=clock)
        undo.callback(storage.close)
        office = open_office(storage_url(house), pepper=storage.pepper, clock=clock)
        undo.callback(office.close)
        service = _assemble(house, storage, office, meter=meter or Meter(), clock=clock)
        undo.pop_all()
    return service


def _assemble(house: House, storage: OpenStorage, office: OfficeStore, *, meter: Meter, clock: Clock) -> Service:
    verifier, judge = house.settings.verifier, _judge(house, storage)
    return Service(
        house=house,
        storage=storage,
        office=office,
        judge=judge,
        receiver=Receiver(
            registry=storage.registry,
            judge=judge,
            journal=storage.journal,
            pepper=storage.pepper,
            clock=clock,
            meter=meter,
            success_when_undecided=verifier.on_undecided == "success",
            keep_openid=house.settings.journal.keep_openid_days > 0,
        ),
        desk=_desk(house, storage, office, judge=judge, clock=clock),
        accounts=MappingProxyType(
            {
                name: Account(
                    name=name,
                    keys=keyring(account),
                    window_s=house.settings.service.timestamp_window_s,
                    forwards=bool(account.forward_url),
                )
                for name, account in house.settings.accounts.items()
            }
        ),
        clock=clock,
    )


def _desk(house: House, storage: OpenStorage, office: OfficeStore, *, judge: Judge, clock: Clock) -> TicketDesk:
    settings = house.settings
    keep = TokenKeep(store=office.tokens, url=storage_url(house), pepper=storage.pepper, clock=clock)
    return TicketDesk(
        Binder(
            registry=storage.registry,
            journal=storage.journal,
            # An eighth of a worker's threads may wait for verifiers here: places that no scan needs.
            judge=judge.apart(waiters_max=max(1, settings.service.threads // 8)),
            pepper=storage.pepper,
            clock=clock,
            window_s=settings.wechat.ticket_window_s,
        ),
        open_api=lambda account: open_api(settings, System.PAGES, keep=keep, account=account),
        # A quarter of a worker's threads may wait for WeChat; scans need none of them.
        waiters_max=max(1, settings.service.threads // 4),
    )


def _judge(house: House, storage: OpenStorage) -> Judge:
    verifier = house.settings.verifier
    plugs = (
        VerifierPlug(
            url=url,
            registry=storage.registry,
            secret=verifier.secret.get_secret_value(),
            allow_private_addresses=verifier.allow_private_addresses,
        )
        for url in verifier.chain
    )
    return Judge(
        [Link(name=plug.url.partition(":")[0], verifier=verifier_from_url(plug)) for plug in plugs],
        timeout_s=verifier.timeout_s,
        # Half of a worker's threads may wait for verifiers; the other half is there for scans that need not.
        waiters_max=house.settings.service.threads // 2,
    )


def keyring(account: AccountSettings) -> Keyring:
    """Return what an account opens and seals its pushes with."""
    encoded = _plain(account.encoding_aes_key, *account.previous_encoding_aes_keys)
    return Keyring(
        mode=Mode(account.mode),
        original_id=account.original_id,
        receive_id=account.receive_id or account.app_id,
        tokens=_plain(account.token, *account.previous_tokens),
        aes_keys=tuple(AesKey(encoded=key) for key in encoded),
    )


def _plain(*secrets: SecretStr) -> tuple[str, ...]:
    return tuple(secret.get_secret_value() for secret in secrets if secret.get_secret_value())
