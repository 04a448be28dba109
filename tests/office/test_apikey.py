from __future__ import annotations

import pytest

from scanhook.office.apikey import ApiKey, KeyScope, new_key, public_id

READ, OPERATE, ADMIN = KeyScope.READ, KeyScope.OPERATE, KeyScope.ADMIN


@pytest.mark.parametrize(
    ("scope", "covered"), [(READ, [READ]), (OPERATE, [READ, OPERATE]), (ADMIN, [READ, OPERATE, ADMIN])]
)
def test_each_scope_holds_those_before_it(scope: KeyScope, covered: list[KeyScope]) -> None:
    key = ApiKey(id="0000000000", name="erp", scope=scope, created_at=0)

    assert [needed for needed in KeyScope if key.may(needed)] == covered


def test_a_revoked_key_may_nothing() -> None:
    key = ApiKey(id="0000000000", name="erp", scope=ADMIN, created_at=0, revoked_at=1)

    assert [needed for needed in KeyScope if key.may(needed)] == []


def test_no_two_keys_are_alike() -> None:
    keys = [new_key() for _ in range(1000)]

    assert len({key[14:] for key in keys}) == len({public_id(key) for key in keys}) == 1000


@pytest.mark.parametrize(
    ("presented", "id_"),
    [
        ("sh_0123456789_" + "a" * 43, "0123456789"),
        ("sk_0123456789_" + "a" * 43, None),
        ("sh_0123456789_" + "a" * 42, None),
        ("sh_0123456789_" + "a" * 44, None),
        ("sh_0123456789_" + "-" * 43, None),
        ("sh_0123456789_" + "ａ" * 43, None),
        ("sh_0123456789_" + "a" * 43 + "\n", None),
        ("Bearer sh_0123456789_" + "a" * 43, None),
    ],
)
def test_only_what_looks_like_a_key_has_an_id(presented: str, id_: str | None) -> None:
    assert public_id(presented) == id_
