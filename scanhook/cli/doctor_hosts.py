"""Asks every server that a PostgreSQL URL names, for ``scanhook doctor``: two that take writes lose scans."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.connection import PostgresConnection, PostgresSession, adapted
from scanhook.storage.postgres.tables import OURS
from scanhook.storage.postgres.wording import sentence
from scanhook.wire.ready import Check

__all__ = ["HostSeen", "ask_hosts", "look_at_hosts", "server_name"]

_WITHIN_S = 3.0
_CONNECT_S = 2
_PORT = "5432"
_STATE = f"""
SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', current_setting('server_version'),
CAST(extract(epoch FROM pg_postmaster_start_time()) AS text),
(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {OURS})
"""
_MAY_SEE_TIMELINE = "SELECT has_function_privilege('pg_control_checkpoint()', 'EXECUTE')"
_TIMELINE_OF_STANDBY = "SELECT timeline_id FROM pg_control_checkpoint()"
# Unlike the last checkpoint, it is the new one from the moment of a promotion on.
_TIMELINE_OF_PRIMARY = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSeen:
    """A server of the URL, as it answered.

    :param name: HOST:PORT.
    :param fault: why it could not be asked; then the others say nothing.
    :param standby: whether it follows another.
    :param read_only: whether it refuses writes although it follows none.
    :param started: when it was started: by this the same server is known again under another name.
    :param timeline: one higher after each promotion; ``None`` where we may not see it.
    :param sessions: how many connections of scanhook's it has in this database, but for the one that asked.
    """

    name: str
    fault: str | None = None
    standby: bool = False
    read_only: bool = False
    version: str = ""
    started: str = ""
    timeline: int | None = None
    sessions: int = 0

    @property
    def takes_writes(self) -> bool:
        """Whether what is written there is taken."""
        return not (self.fault or self.standby or self.read_only)

    @property
    def said(self) -> str:
        """What it is, in a few words."""
        if self.fault:
            return "unreachable"
        kind = "standby" if self.standby else "primary, but read-only" if self.read_only else "primary"
        timeline = "" if self.timeline is None else f", timeline {self.timeline}"
        return f"{kind}, PostgreSQL {self.version}{timeline}"


def server_name(host: str, port: object) -> str:
    """Write which server is meant: HOST:PORT."""
    return f"{host or 'localhost'}:{port or _PORT}"


def ask_hosts(address: Address) -> list[HostSeen]:
    """Ask every server of the URL what it is, each by itself, and for a few seconds at most."""
    return [_asked(name, conninfo) for name, conninfo in _each(address.conninfo)]


def look_at_hosts(address: Address, hosts: Sequence[HostSeen]) -> Iterator[Check]:
    """Say of each server what it is, and whether exactly one takes writes."""
    for host in hosts:
        fault = host.fault and (
            f"unreachable ({host.fault}): start it, or take it out of `[storage] url` if it is gone for good"
        )
        yield Check(name=f"host {host.name}" + ("" if fault else f" ({host.said})"), fault=fault)
    writers = list({host.started: host for host in hosts if host.takes_writes}.values())
    if len(writers) > 1:
        yield Check(name="hosts", fault=_split(writers))
        return
    if not writers:
        fault = "none that can be asked takes writes, and no scan is answered: start the primary, or promote a standby"
        yield Check(name="hosts", fault=fault)
        return
    if len(hosts) == 1:
        yield Check(
            name="hosts (one: when it dies, scans wait until it is back or the settings name another)", fault=None
        )
        return
    yield Check(name=f"hosts ({len(hosts)}; {writers[0].name} takes writes)", fault=_choice(address))


def _split(writers: Sequence[HostSeen]) -> str:
    which = " and ".join(f"{host.name} ({host.said}; {host.sessions} connections of scanhook's)" for host in writers)
    count = "two" if len(writers) == 2 else str(len(writers))
    return (
        f"{count} hosts take writes: {which}: which one do the services use? Stop the other at once, and change no "
        "setting on either before: what each takes, the other never has. After a fail-over the one with the highest "
        "timeline was promoted, and an old primary that came back must be made a standby anew"
    )


def _choice(address: Address) -> str | None:
    asked = conninfo_to_dict(address.conninfo).get("target_session_attrs")
    if asked in {"read-write", "primary"}:
        return None
    return (
        f"the URL names several servers, and target_session_attrs={asked} may choose one that only reads: write "
        "target_session_attrs=read-write"
    )


def _each(conninfo: str) -> Iterator[tuple[str, str]]:
    """Yield each server's name, and how to reach it alone."""
    said = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
    hosts, addresses, ports = (said.get(part, "").split(",") for part in ("host", "hostaddr", "port"))
    count = max(len(hosts), len(addresses))
    parts = zip(*(_filled(part, count) for part in (hosts, addresses, ports)), strict=True)
    for host, hostaddr, port in parts:
        alone: dict[str, Any] = {"host": host or None, "hostaddr": hostaddr or None, "port": port or None}
        yield (
            server_name(host or hostaddr, port),
            make_conninfo("", **{**said, **alone, "target_session_attrs": "any", "connect_timeout": _CONNECT_S}),
        )


def _filled(part: list[str], count: int) -> list[str]:
    return part * count if len(part) == 1 else part[:count] + [""] * (count - len(part))


def _asked(name: str, conninfo: str) -> HostSeen:
    try:
        with PostgresConnection.connect(conninfo, autocommit=True) as connection:
            adapted(connection)
            connection.until = time.monotonic() + _WITHIN_S
            session = PostgresSession(connection)
            ((standby, read_only, version, started, sessions),) = session.rows(_STATE)
            return HostSeen(
                name=name,
                standby=standby,
                read_only=read_only and not standby,
                version=version.split()[0],
                started=started,
                timeline=_timeline(session, standby=standby),
                sessions=sessions,
            )
    except psycopg.Error as error:
        return HostSeen(name=name, fault=sentence(error))


def _timeline(session: PostgresSession, *, standby: bool) -> int | None:
    if not standby:
        return int(session.value(_TIMELINE_OF_PRIMARY), 16)
    return int(session.value(_TIMELINE_OF_STANDBY)) if session.value(_MAY_SEE_TIMELINE) else None
