"""What helper processes do before and after a load: they make pushes, and open answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from scanhook.bench.check import Checker, CheckTask
from scanhook.bench.making import Maker, MakeTask
from scanhook.bench.plan import Plan
from scanhook.envelope import AesKey, Keyring, Mode

__all__ = ["Equipment", "Hands"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What a helper needs; all of it can be sent to another process, which a key that is ready for use cannot.

    :param path: of the callback.
    """

    plan: Plan
    path: str
    mode: Mode
    original_id: str
    receive_id: str
    token: str = field(repr=False)
    encoding_aes_keys: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, keys: Keyring, plan: Plan, path: str) -> Self:
        """Return what helpers need to push for an account."""
        return cls(
            plan=plan,
            path=path,
            mode=keys.mode,
            original_id=keys.original_id,
            receive_id=keys.receive_id,
            token=keys.tokens[0],
            encoding_aes_keys=tuple(key.encoded for key in keys.aes_keys),
        )

    def keyring(self) -> Keyring:
        """Return the account's keys."""
        return Keyring(
            mode=self.mode,
            original_id=self.original_id,
            receive_id=self.receive_id,
            tokens=(self.token,),
            aes_keys=tuple(AesKey(encoded=key) for key in self.encoding_aes_keys),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """The work of one helper."""

    maker: Maker
    checker: Checker

    @classmethod
    def hired(cls, equipment: Equipment, _number: int) -> Self:
        """Return the work of a helper, whichever it is."""
        plan, keys = equipment.plan, equipment.keyring()
        return cls(maker=Maker(plan=plan, keys=keys, path=equipment.path), checker=Checker(plan=plan, keys=keys))

    def __call__(self, task: MakeTask | CheckTask) -> tuple[int, list[Any]]:
        """Do a task; returns the number of the first thing in it, and what came of each."""
        return self.maker(task) if isinstance(task, MakeTask) else self.checker(task)

    def finish(self) -> None:
        """Nothing is kept between two tasks."""
