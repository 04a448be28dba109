"""From a question to a verdict: the verifiers, their chain, and the time they have."""

from scanhook.verdict.judge import BUDGET_S, Judge, Link, Unfinished
from scanhook.verdict.plugs import ENTRY_POINT_GROUP, VerifierFactory, VerifierPlug, verifier_from_url
from scanhook.verdict.registry import RegistryVerifier, reason_of
from scanhook.verdict.verifier import Finding, GroupVerifier, Question, Verdict, Verifier

__all__ = [
    "BUDGET_S",
    "ENTRY_POINT_GROUP",
    "Finding",
    "GroupVerifier",
    "Judge",
    "Link",
    "Question",
    "RegistryVerifier",
    "Unfinished",
    "Verdict",
    "Verifier",
    "VerifierFactory",
    "VerifierPlug",
    "reason_of",
    "verifier_from_url",
]
