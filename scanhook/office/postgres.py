"""The office on PostgreSQL: tables in the storage's database."""

from __future__ import annotations
