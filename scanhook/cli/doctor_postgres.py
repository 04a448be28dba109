"""Looks at the PostgreSQL server behind a house, for ``scanhook doctor``: what it keeps, and what it would lose."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterator, Sequence
from statistics import median

from psycopg.conninfo import conninfo_to_dict

from scanhook.cli.doctor_hosts import HostSeen, look_at_hosts, server_name
from scanhook.clock import Clock
from scanhook.errors import StorageError
from scanhook.settings import House
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.connection import PostgresSession
from scanhook.storage.postgres.pool import Connections
from scanhook.storage.postgres.tables import OURS, ROOMS, note_of
from scanhook.wire.ready import Check

__all__ = ["look_at_server", "standbys_needed"]

_WITHIN_S = 30.0
_CLOCK_SLACK_S = 5.0
_SLOW_S = 0.05
_LOOKS = 21
_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit", "data_checksums")
_STANDBYS = """
SELECT application_name, state, sync_state FROM pg_stat_replication ORDER BY application_name
"""
_SEES_STANDBYS = "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"
_ROOM = """
SELECT least(
  (SELECT setting::int FROM pg_settings WHERE name = 'max_connections')
    - (SELECT sum(setting::int) FROM pg_settings WHERE name IN
      ('superuser_reserved_connections', 'reserved_connections')),
  (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
  (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())
)
"""
_OTHERS = f"""
SELECT count(*) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
AND NOT (datname = current_database() AND {OURS} AND backend_type IS NOT NULL) IS TRUE
"""
_MACHINES = f"""
SELECT client_addr IS NOT DISTINCT FROM inet_client_addr(), count(*) FROM pg_stat_activity
WHERE datname = current_database() AND {OURS} AND backend_type IS NOT NULL GROUP BY client_addr
"""


def look_at_server(house: House, address: Address, clock: Clock, hosts: Sequence[HostSeen]) -> Iterator[Check]:
    """Look at the server, and at the way there.

    :param address: where the house's storage is.
    :param hosts: what each server of it is.
    """
    yield from look_at_hosts(address, hosts)
    try:
        with Connections(address, most=1).apart(within_s=_WITHIN_S) as connection:
            session = PostgresSession(connection)
            yield _server(session)
            yield _standbys(session, hosts)
            yield _schema(session)
            yield _tls(session)
            yield _clocks(session, clock)
            yield _round_trip(session)
            yield _connections(session, house)
    except StorageError as error:
        yield Check(name="PostgreSQL", fault=str(error))


def standbys_needed(names: str) -> int:
    """Return for how many standbys a commit waits, by ``synchronous_standby_names``.

    PostgreSQL's manual, "Runtime Config / Replication": ``FIRST n (…)``, ``ANY n (…)``, ``n (…)`` or a bare list.
    """
    if not names.strip():
        return 0
    found = re.match(r"\s*(?:FIRST\s+|ANY\s+)?(\d+)\s*\(", names, re.IGNORECASE)
    return int(found[1]) if found else 1


def _server(session: PostgresSession) -> Check:
    version = session.value("SHOW server_version")
    said = ", ".join(f"{name} {session.value(f'SHOW {name}')}" for name in _SETTINGS)
    zone = session.value("SHOW log_timezone")
    return Check(name=f"server (PostgreSQL {version}, {said}, time zone of its log {zone})", fault=None)


def _standbys(session: PostgresSession, hosts: Sequence[HostSeen]) -> Check:
    names = str(session.value("SHOW synchronous_standby_names"))
    needed = standbys_needed(names)
    is_seen = bool(session.value(_SEES_STANDBYS))
    found = session.rows(_STANDBYS) if is_seen else []
    good = [name for name, state, kind in found if state == "streaming" and kind in {"sync", "quorum"}]
    if is_seen and len(good) < needed:
        others = ", ".join(f"{name} {state}" for name, state, _ in found) or "none at all"
        fault = (
            f"a commit waits for {needed} of synchronous_standby_names = '{names}', and {len(good)} of them are "
            f"streaming (connected: {others}): every write hangs, and no scan is answered, until they are. "
            + _way_out(session, hosts)
        )
        return Check(name="standbys", fault=fault)
    if not needed and len(hosts) > 1:
        fault = (
            f"the URL names {len(hosts)} servers, and on {_place(session)} no commit waits for another "
            "(synchronous_standby_names is empty): what was answered last is lost with that machine. Let it wait for a "
            "standby: deploy/postgresql.md, “Primary and standby”"
        )
        return Check(name="standbys", fault=fault)
    if not is_seen:
        grant = "let the superuser run `GRANT pg_read_all_stats TO` scanhook's user"
        return Check(name=f"standbys (not seen: {grant})", fault=None, asked=False)
    if not needed:
        return Check(
            name=f"standbys ({len(found)}, none of them synchronous: what was answered last is lost with the primary's "
            "machine)",
            fault=None,
        )
    return Check(name=f"standbys ({len(good)} synchronous and streaming: {', '.join(good)})", fault=None)


def _way_out(session: PostgresSession, hosts: Sequence[HostSeen]) -> str:
    """Say what lets commits go on: what would complete a split is never said while two servers take writes."""
    writers = {host.started: host for host in hosts if host.takes_writes}
    if len(writers) != 1:
        return "Change nothing there before it is clear which server is the primary: see `hosts`"
    unknown = ", ".join(host.name for host in hosts if host.fault)
    first = f" (only if {unknown}, which cannot be asked, takes no writes: make sure that it is off)" if unknown else ""
    return (
        f"Start them; or go on without, by `ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf();` on "
        f"{_place(session)}, the only one that takes writes{first}"
    )


def _place(session: PostgresSession) -> str:
    info = session.connection.info
    return server_name(info.host, info.port)


def _schema(session: PostgresSession) -> Check:
    notes = {room: str(note_of(session.connection, room) or "none") for room in ROOMS}
    said = ", ".join(f"{room} {note.partition('/')[0]}" for room, note in notes.items())
    return Check(name=f"schema ({said})", fault=None)


def _tls(session: PostgresSession) -> Check:
    info = session.connection.info
    mode = conninfo_to_dict(info.dsn).get("sslmode", "prefer")
    if session.connection.pgconn.ssl_in_use:
        verified = "" if str(mode).startswith("verify") else "; nobody verifies whose: sslmode=verify-full does"
        return Check(name=f"TLS (in use{verified})", fault=None)
    if _is_local(info.hostaddr):
        return Check(name="TLS (not in use; the server is on this machine)", fault=None)
    fault = (
        f"what goes to {info.host} goes there unencrypted: switch `ssl` on there, and write sslmode=verify-full and "
        "sslrootcert in `[storage] url`"
    )
    return Check(name="TLS", fault=fault)


def _is_local(hostaddr: str) -> bool:
    return not hostaddr or ipaddress.ip_address(hostaddr).is_loopback  # none: a socket of this machine


def _clocks(session: PostgresSession, clock: Clock) -> Check:
    before = clock.now()
    theirs = session.value("SELECT CAST(extract(epoch FROM clock_timestamp()) AS float8)")
    apart_s = theirs - (before + clock.now()) / 2
    fault = (
        f"the server's clock is {abs(apart_s):,.0f} s {'ahead of' if apart_s > 0 else 'behind'} this machine's, by "
        "which scans are judged: let NTP set both"
    )
    return Check(
        name=f"clocks ({abs(apart_s):.1f} s apart)" if abs(apart_s) <= _CLOCK_SLACK_S else "clocks",
        fault=fault if abs(apart_s) > _CLOCK_SLACK_S else None,
    )


def _round_trip(session: PostgresSession) -> Check:
    took = []
    for _ in range(_LOOKS):
        begun = time.perf_counter()
        session.value("SELECT value FROM meta WHERE name = ?", ("registry",))
        took.append(time.perf_counter() - begun)
    usual = median(took)
    fault = f"a look-up takes {usual * 1000:,.0f} ms, and a scan needs several: bring the service nearer to its server"
    return Check(name=f"round trip ({usual * 1000:.2f} ms a look-up)", fault=fault if usual > _SLOW_S else None)


def _connections(session: PostgresSession, house: House) -> Check:
    workers, each = house.settings.service.workers, house.settings.storage.connections
    elsewhere = [int(count) for is_here, count in session.rows(_MACHINES) if not is_here]
    machines = 1 + len(elsewhere)
    wanted = machines * (workers + 1) * each
    there, others = int(session.value(_ROOM)), int(session.value(_OTHERS))
    said = f"{workers} workers and the housekeeper, {each} each"
    if elsewhere:
        who = f"{machines} machines, as far as they are connected now"
        now = f"; {sum(elsewhere)} are open from {'another' if machines == 2 else 'the others'}"
        said = f"on each machine as here {said}{now}"
    else:
        who, said = "this machine", f"{said}; no other is connected now, and each counts as much again"
    fault = (
        f"{who} may open {wanted} ({said}), and the server has room for {there}, of which others use {others}: "
        "raise max_connections there, or lower `[storage] connections`"
    )
    return Check(
        name=f"connections ({who}: {wanted} of {there} at most: {said}; other programs use {others})"
        if wanted + others <= there
        else "connections",
        fault=fault if wanted + others > there else None,
    )
