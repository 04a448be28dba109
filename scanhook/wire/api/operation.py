"""What the API can do: one :class:`Operation` for each method of each path.

The same table serves the requests and writes the OpenAPI document, so that the two cannot drift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Response

from scanhook.office import ApiKey, KeyScope
from scanhook.wire.api.problems import FieldFault, not_found, problem
from scanhook.wire.api.schema import Answer, Given, OfProduct
from scanhook.wire.service import Service

__all__ = ["Call", "Operation", "Told"]

_COMMON_PROBLEMS = (500, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An answer with headers of its own, or one that is no JSON."""

    content: Answer | Response
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that may be answered.

    :param key: ``None`` where none is needed.
    :param path: the values that stand in the path.
    :param query: an instance of the operation's query model.
    :param body: an instance of the operation's body model.
    """

    service: Service
    key: ApiKey | None
    path: Mapping[str, Any]
    query: Any = None
    body: Any = None

    @property
    def who(self) -> str:
        """Who is named in the history."""
        return f"api:{self.caller}"

    @property
    def caller(self) -> str:
        """The name of the key."""
        if self.key is None:
            raise ValueError("an operation without a key has no caller")
        return self.key.name

    def account(self, given: str | None, *, field: str = "account") -> str:
        """Return the account that is meant: the given one, or the first.

        :raises Stop: 422, when the settings have none of that name.
        """
        names = list(self.service.accounts)
        if given is None:
            return names[0]
        if given not in names:
            raise problem(
                422,
                "some fields cannot be taken",
                errors=[FieldFault(field=field, message="the settings have no such account")],
            )
        return given

    def product(self, account: str | None, key_standard: str, key_str: str) -> Any:
        """Return the product that is meant.

        :raises Stop: 404, when there is none.
        """
        found = self.service.registry.find_product(self.account(account), key_standard, key_str)
        if found is None:
            raise not_found("there is no such product: see GET products, or add it with POST products")
        return found

    def chosen_product(self, given: OfProduct) -> Any:
        """Return the product that a filter names; ``None`` when it names none."""
        if given.keystandard is None or given.keystr is None:
            return None
        return self.product(given.account, given.keystandard, given.keystr)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    :param id: the ``operationId``.
    :param path: below ``/api/v1``, its variables in braces.
    :param tag: which group it belongs to.
    :param scope: which scope a key must have; ``None``: no key is needed.
    :param answer: the model of the answer; ``None``: a file, of ``media``.
    :param problems: which other statuses it may end with, besides those that its parts bring along.
    :param file_types: the media types of a body that is a file.
    :param media: the answer's media type.
    """

    id: str
    method: str
    path: str
    tag: str
    summary: str
    scope: KeyScope | None
    handle: Callable[[Call], Answer | Told]
    answer: type[Answer] | None
    status: int = 200
    query: type[Given] | None = None
    body: type[Given] | None = None
    problems: tuple[int, ...] = ()
    file_types: tuple[str, ...] = ()
    media: str = "application/json"

    def statuses(self) -> list[int]:
        """Return every status that a problem of it may have."""
        found = {*_COMMON_PROBLEMS, *self.problems}
        if self.scope is not None:
            found |= {401, 403}
        if self.query is not None:
            found.add(422)
        if self.body is not None:
            found |= {400, 413, 415, 422}
        if self.file_types:
            found |= {400, 413, 415}
        if "{" in self.path:
            found.add(404)
        return sorted(found)
