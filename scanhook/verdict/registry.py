"""``registry://``: the verifier that asks scanhook's own registry."""

from __future__ import annotations

from collections.abc import Sequence

from scanhook.errors import StorageError, VerifierFailed
from scanhook.message import CodeResult
from scanhook.registry import CodeRecord, LookUp, Product, Reason, RegistryStore, State, has_right_check
from scanhook.verdict.verifier import Finding, Question

__all__ = ["RegistryVerifier", "reason_of"]

_REASONS = {
    State.ACTIVE: Reason.ACTIVE,
    State.ISSUED: Reason.NOT_ACTIVE,
    State.SUSPENDED: Reason.SUSPENDED,
    State.RECALLED: Reason.RECALLED,
    State.EXPIRED: Reason.EXPIRED,
    State.VOID: Reason.VOID,
    State.STOLEN: Reason.STOLEN,
}


class RegistryVerifier:
    """Answers from the registry: in microseconds, or in one round trip to another machine, whose time it bounds itself.

    So it needs no thread of its own, and no part of the time that other verifiers have.
    """

    waits = False

    def __init__(self, registry: RegistryStore) -> None:
        self._registry = registry

    def verify(self, question: Question) -> Finding:
        """Look the code up.

        :raises VerifierFailed: when the registry cannot be read, or belongs to another pepper.
        """
        try:
            return self.verify_all([question])[0]
        except StorageError as error:
            raise VerifierFailed(error.why) from error

    def verify_all(self, questions: Sequence[Question]) -> list[Finding]:
        """Look codes up, all in the same state of the registry.

        :raises StorageError: where :meth:`verify` raises.
        """
        asked = [
            (question.account, question.key_standard, question.key_str, question.ext_info) for question in questions
        ]
        try:
            found = self._registry.look_up_all(asked)
        except StorageError as error:
            raise StorageError(f"the registry gives no answer: {error}") from error
        return [
            Finding(reason=reason_of(look_up, now=question.asked_at), look_up=look_up)
            for question, look_up in zip(questions, found, strict=True)
        ]

    def close(self) -> None:
        """Leave the registry open: it belongs to the service."""


def reason_of(look_up: LookUp, *, now: float) -> Reason:
    """Name the reason that a look-up gives.

    :param now: seconds since 1970; activation and expiry times are compared with it.
    """
    if look_up.product is None:
        return Reason.UNKNOWN_PRODUCT
    if look_up.code is not None:
        return _reason_of_code(look_up.product, look_up.code, now)
    if not look_up.normal:
        return Reason.NO_CODE
    if look_up.product.loading:
        return Reason.NOT_LOADED
    if look_up.product.normalisation.check and not has_right_check(look_up.normal):
        return Reason.UNREADABLE
    return Reason.UNKNOWN_CODE


def _reason_of_code(product: Product, code: CodeRecord, now: float) -> Reason:
    reason = _REASONS[code.state_at(now)]
    # Recalled and expired are stricter than issued and yet answered `real`: labels that were stolen before anybody
    # activated them must not become genuine by that.
    if product.answer_to(reason) is CodeResult.REAL and code.is_issued_at(now):
        return Reason.NOT_ACTIVE
    return reason
