"""Who calls: the key in ``Authorization: Bearer sh_…``, and what it may do."""

from __future__ import annotations

from flask import request

from scanhook.office import ApiKey, KeyScope, OfficeStore
from scanhook.wire.api.problems import problem

__all__ = ["admit"]

_REALM = 'Bearer realm="scanhook"'


def admit(office: OfficeStore, needed: KeyScope) -> ApiKey:
    """Return the key that the request bears.

    :raises Stop: 401 without a key that is in use, 403 when its scope does not cover what is needed.
    :raises StorageError: when the keys cannot be read.
    """
    scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not presented:
        raise problem(
            401,
            "send a key in the header `Authorization: Bearer sh_…`; `scanhook apikeys add` makes one",
            headers={"WWW-Authenticate": _REALM},
        )
    key = office.find_key(presented.strip())
    if key is None:
        raise problem(
            401,
            "the key is none of ours, or was revoked: see `scanhook apikeys list`",
            headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'},
        )
    if not key.may(needed):
        raise problem(
            403,
            f"this needs a key of the scope `{needed}`, and yours has `{key.scope}`",
            headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{needed}"'},
        )
    return key
