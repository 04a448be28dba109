"""Where a PostgreSQL storage is: the URL as libpq understands it, and what scanhook asks of every connection."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from scanhook.errors import SettingsError

__all__ = ["SCHEMA", "Address"]

SCHEMA = "scanhook"
"""Every table of ours lies in it, so that the database may hold others."""

_NAME = "scanhook"
_CONNECT_TIMEOUT_S = 2
"""For each host of the URL; libpq takes no less."""
_ASKED = {
    "search_path": SCHEMA,
    # Even where the server's own default is less: what was answered must survive the machine.
    "synchronous_commit": "on",
    "default_transaction_isolation": "'read committed'",
    # A statement that waits for a lock gives up before whoever waits for it does.
    "lock_timeout": "5s",
    # One that is cancelled while it waits for the standby counts as done, although the standby may lack it.
    "statement_timeout": "0",
    # Whoever stops inside a transaction has locks that scans wait for; none of ours computes for long in one.
    "idle_in_transaction_session_timeout": "5s",
    # One whose client has gone stops. A server on a system that cannot tell refuses that, and with it the connection.
    "client_connection_check_interval": "2s",
    # A machine that vanishes says no farewell: what its sessions hold is free 11 s after its last word.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
    # All that a scan needs is found by keys. A plan made while a table was empty must not read all of it later.
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "timezone": "UTC",
    "client_min_messages": "warning",
}
_ASKED_APART = "-c idle_in_transaction_session_timeout=60s"
_DEFAULTS = {
    # Of several hosts, the one that is the primary; a standby could only read.
    "target_session_attrs": "read-write",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "5000",
}
_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,40}")
_OPTION = re.compile(r"(?:^|\s)(?:-c\s*|--)([A-Za-z0-9_.-]+)\s*=")
_UNREADABLE = (
    "storage.url cannot be read: write postgresql://USER:PASSWORD@HOST:5432/DATABASE, with %XX in the place of "
    "characters like @ : / ? # in user and password"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A database, and how to connect to it.

    :param place: for people: hosts and name of the database, without user and password.
    :param conninfo: for libpq.
    """

    place: str
    conninfo: str = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read ``postgresql://USER@HOST[,HOST…]/DATABASE?…``; every parameter of libpq's may stand behind the ``?``.

        :raises SettingsError: when libpq cannot read it, no database is named, or it sets what scanhook sets itself.
            The sentence shows nothing of it but the name of a parameter.
        """
        try:
            said = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
        except psycopg.ProgrammingError:
            # libpq's own sentence quotes the URL, and with it the password.
            raise SettingsError(_unknown_parameter(url) or _UNREADABLE) from None
        if _is_torn(said):
            raise SettingsError(_UNREADABLE)
        if not said.get("dbname"):
            raise SettingsError("storage.url names no database: postgresql://USER@HOST/DATABASE")
        _check_options(said.get("options", ""))
        options = " ".join([said.pop("options", ""), *(f"-c {name}={_quoted(v)}" for name, v in _ASKED.items())])
        said.setdefault("connect_timeout", str(_CONNECT_TIMEOUT_S))
        # By its beginning an upgrade knows who else is there.
        name = said.pop("application_name", "")
        said["application_name"] = name if name.startswith(_NAME) else f"{_NAME} {name}".strip()
        conninfo = make_conninfo(**{**_DEFAULTS, **said}, options=options.strip())
        return cls(place=_place(said), conninfo=conninfo)

    @property
    def conninfo_apart(self) -> str:
        """For libpq, for work that holds a connection for long and that no scan waits for."""
        options = conninfo_to_dict(self.conninfo).get("options", "")
        return make_conninfo(self.conninfo, options=f"{options} {_ASKED_APART}")


def _unknown_parameter(url: str) -> str | None:
    """Say which parameter libpq does not know, where it is sure that it is one, and no piece of a password."""
    before, _, query = url.partition("?")
    if "@" in query:
        return None
    try:
        if _is_torn({name: str(value) for name, value in conninfo_to_dict(before).items()}):
            return None
    except psycopg.ProgrammingError:
        return None
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} | {"ssl"}
    for name in (unquote(pair.partition("=")[0]) for pair in query.split("&")):
        if name in _ASKED:
            return f"storage.url: what comes behind the ? is libpq's, and scanhook sets `{name}` itself: leave it out"
        if name not in known and _PARAMETER.fullmatch(name):
            return (
                f"storage.url: libpq knows no parameter `{name}`: see its list, “Parameter Key Words” in PostgreSQL's "
                "manual; a setting of the server's is written options=-c%20NAME%3DVALUE"
            )
    return None


def _check_options(options: str) -> None:
    """Find out whether what scanhook stands on is left to it.

    :raises SettingsError: when it is not.
    """
    for name in (found.lower().replace("-", "_") for found in _OPTION.findall(options)):
        if name in _ASKED:
            raise SettingsError(f"storage.url: its `options` set `{name}`, which scanhook sets itself: leave it out")


def _is_torn(said: dict[str, str]) -> bool:
    """Tell whether a password that was not quoted has got into what people are told: the host, the port, the name."""
    ports = said.get("port", "").split(",")
    return any("@" in said.get(part, "") for part in ("host", "dbname")) or any(p and not p.isdecimal() for p in ports)


def _quoted(value: str) -> str:
    return value.strip("'").replace(" ", "\\ ")


def _place(said: dict[str, str]) -> str:
    hosts = said.get("host") or said.get("hostaddr") or ""
    named = hosts.split(",")
    ports = said.get("port", "").split(",")
    if len(ports) == 1:
        ports *= len(named)
    where = ",".join(f"{host}:{port}" if port else host for host, port in zip(named, ports, strict=False))
    return f"postgresql://{where}/{said['dbname']}"
