"""Real PostgreSQL servers for the tests: the engine's own programs, from a wheel, on loopback."""

from tests.postgres.databases import Databases
from tests.postgres.server import GUARDED, OWNER, PASSWORD, SUPERUSER, Address, Server
from tests.postgres.sharing import shared_server

__all__ = ["GUARDED", "OWNER", "PASSWORD", "SUPERUSER", "Address", "Databases", "Server", "shared_server"]
