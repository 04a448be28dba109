"""What the landing page is about, and the languages it says it in. The words lie beside, one file for each language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType

__all__ = ["LANGUAGES", "Outcome", "Says", "Tone", "Words", "words_for"]

_BEIJING = timezone(timedelta(hours=8))


class Tone(StrEnum):
    """How the page looks."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    PLAIN = "plain"


class Outcome(StrEnum):
    """What the page is about: the first are of an item that the visitor has scanned, the others explain."""

    GENUINE = "genuine"
    RECALLED = "recalled"
    EXPIRED = "expired"
    NOT_ACTIVE = "not_active"
    NOT_CONFIRMED = "not_confirmed"
    SUSPENDED = "suspended"
    NOT_LOADED = "not_loaded"
    VOID = "void"
    STOLEN = "stolen"
    UNKNOWN_CODE = "unknown_code"
    UNREADABLE = "unreadable"
    FAKE = "fake"
    NO_CODE = "no_code"
    NO_VERDICT = "no_verdict"
    SHARED = "shared"
    OLD_LINK = "old_link"
    OTHER_PRODUCT = "other_product"
    NO_EXTINFO = "no_extinfo"
    NOT_SCANNED = "not_scanned"
    TRY_AGAIN = "try_again"
    NOT_SET_UP = "not_set_up"
    TOO_MANY = "too_many"

    @property
    def tone(self) -> Tone:
        """How the page looks that says it."""
        return _TONES.get(self, Tone.PLAIN)


_TONES = {
    Outcome.GENUINE: Tone.GOOD,
    Outcome.EXPIRED: Tone.WARN,
    Outcome.NOT_ACTIVE: Tone.WARN,
    Outcome.NOT_CONFIRMED: Tone.WARN,
    Outcome.SUSPENDED: Tone.WARN,
    Outcome.NOT_LOADED: Tone.WARN,
    Outcome.OTHER_PRODUCT: Tone.WARN,
    Outcome.NO_EXTINFO: Tone.WARN,
    Outcome.NOT_SCANNED: Tone.WARN,
    **dict.fromkeys(
        (Outcome.RECALLED, Outcome.VOID, Outcome.STOLEN, Outcome.UNKNOWN_CODE, Outcome.UNREADABLE, Outcome.FAKE),
        Tone.BAD,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """A headline, and what stands below it."""

    headline: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language.

    :param lang: for the page's ``lang``.
    :param day: the pattern of a date, ``minute`` that of a date with the time of the day.
    :param months: what stands for ``{month}`` in them.
    :param not_yours: what stands below the time of the visitor's scan.
    :param counts_from: since when there are counts that began anew.
    :param others: how many persons have checked an item that more than one has.
    :param others_since: the same since the counts began anew.
    """

    lang: str
    day: str
    minute: str
    months: tuple[str, ...]
    first_check: str
    persons: str
    counts_from: str
    your_scan: str
    not_yours: str
    product: str
    key: str
    only_you: str
    others: str
    others_since: str
    changed: str
    privacy: str
    by_brand: str
    outcomes: Mapping[Outcome, Says]

    @classmethod
    def load(cls, name: str) -> Words:
        """Read a language from its file.

        :param name: such as ``zh``.
        """
        read = tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
        outcomes = {
            Outcome(outcome): Says(headline=says["headline"], lines=tuple(says["lines"]))
            for outcome, says in read.pop("outcomes").items()
        }
        return cls(months=tuple(read.pop("months")), outcomes=MappingProxyType(outcomes), **read)

    def write(self, pattern: str, seconds: float) -> str:
        """Write a time of Beijing's, which all of China has.

        :param pattern: ``day`` or ``minute``.
        :param seconds: since 1970.
        """
        at = datetime.fromtimestamp(seconds, tz=_BEIJING)
        month = self.months[at.month - 1]
        return pattern.format(year=at.year, month=month, day=at.day, hour=at.hour, minute=at.minute)


LANGUAGES: Mapping[str, Words] = MappingProxyType({name: Words.load(name) for name in ("zh", "en")})


def words_for(wanted: str | None, *, any_given: bool) -> Words:
    """Return the language to speak.

    :param wanted: the one of ``LANGUAGES`` that the browser prefers; ``None``: none of them.
    :param any_given: whether the browser named any language at all.
    """
    return LANGUAGES[wanted or ("en" if any_given else "zh")]
