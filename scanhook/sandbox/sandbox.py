"""A sandbox that is served: what a test, or a program of a developer's, does with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from scanhook.sandbox.faults import Fault, FaultKind, Faults
from scanhook.sandbox.paste import settings_of
from scanhook.sandbox.pushing import Pusher
from scanhook.sandbox.scan import PERSONS, Item, Person, Scan, Seen
from scanhook.sandbox.tenant import Tenant
from scanhook.sandbox.tickets import Scene
from scanhook.sandbox.trace import Trace
from scanhook.sandbox.world import World

__all__ = ["Sandbox"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A WeChat of your own on loopback; public API, as is the pytest fixture ``wechat_sandbox`` that gives one.

    :param url: such as ``http://127.0.0.1:9000``: both ``api_base`` and ``wecom_base``.
    """

    world: World
    url: str
    pusher: Pusher = field(repr=False)

    @property
    def tenants(self) -> Mapping[str, Tenant]:
        """The tenants by their names."""
        return {tenant.name: tenant for tenant in self.world.tenants}

    @property
    def main(self) -> Tenant:
        """The first tenant: of the samples an official account with the scan right."""
        return self.world.tenants[0]

    @property
    def settings(self) -> str:
        """What a ``scanhook.toml`` needs to call this sandbox, and to be pushed to by it."""
        return settings_of(self.world)

    @property
    def faults(self) -> Faults:
        """What goes wrong, and may be told to."""
        return self.world.faults

    def break_calls(
        self,
        kind: FaultKind | str,
        *,
        calls: int | None = 1,
        path: str = "/",
        seconds: float = 0.0,
        code: int = 0,
        acts: bool = False,
    ) -> None:
        """Let the next calls go wrong; see :class:`~scanhook.sandbox.faults.Fault`.

        :raises ValueError: as for a fault.
        """
        fault = Fault(kind=FaultKind(kind), calls=calls, path=path, seconds=seconds, code=code, acts=acts)
        with self.world.lock:
            self.world.faults.tell(fault)

    def issue_ticket(
        self,
        keystandard: str,
        keystr: str,
        *,
        openid: str = PERSONS[0].openid,
        scene: Scene = "scan",
        is_check: bool = False,
        is_contact: bool = False,
        tenant: Tenant | None = None,
    ) -> str:
        """Return a fresh wxticket, good for 20 minutes.

        :param tenant: whose page it is; else the first one.
        """
        return self.world.tickets.issue(
            tenant or self.main,
            openid=openid,
            keystandard=keystandard,
            keystr=keystr,
            scene=scene,
            is_check=is_check,
            is_contact=is_contact,
        )

    def scan(
        self,
        keystandard: str,
        keystr: str,
        extinfo: str = "",
        *,
        person: Person = PERSONS[0],
        tenant: Tenant | None = None,
    ) -> Trace:
        """Let somebody scan an item: all that WeChat pushes then goes to the tenant's callback URL.

        These are three pushes; two where the item's page has no module ``anti_fake``, and none where the page is not
        published and the person no tester.

        :returns: what was sent, what came back, and what WeChat's window would show.
        :raises Refused: when the tenant takes no pushes.
        """
        tenant = tenant or self.main
        line = self.pusher.line(tenant)
        item = Item(key_standard=keystandard, key_str=keystr, ext_info=extinfo)
        scan = self.pusher.as_page_says(tenant, Scan(item=item, person=person))
        trace = self.pusher.scanner.scan(line, scan)
        if scan.seen is Seen.NOTHING:
            return trace
        return replace(trace, steps=(*trace.steps, self.pusher.scanner.report_region(line, scan)))
