"""Severity: the five grades, their order, and the names that other systems have for them."""

from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    INFO = "INFO"

    @property
    def rank(self) -> int:
        """A number that grows with the severity: INFO is 0, CRITICAL is 4."""
        return _RANKS[self]


#: Levels of log entries from the least to the worst, with the names that logging libraries use for the same.
_LEVELS = (
    ("trace",),
    ("debug",),
    ("info", "information"),
    ("notice",),
    ("warning", "warn"),
    ("error", "err", "severe"),
)
_WORST = (("critical", "crit", "fatal"), ("alert",), ("emergency", "emerg", "panic"))
SEVERITIES_OF_LOGS: dict[str, int] = {name: rank for rank, names in enumerate((*_LEVELS, *_WORST)) for name in names}
_RANKS = {severity: rank for rank, severity in enumerate(reversed(Severity))}
_SYNONYMS = {
    Severity.CRITICAL: ("page", "p1"),
    Severity.HIGH: ("error", "major", "p2"),
    Severity.MEDIUM: ("warning", "minor", "p3"),
    Severity.LOW: ("p4",),
    Severity.INFO: ("none", "p5"),
}
_BY_NAME = {name: severity for severity in Severity for name in (severity.lower(), *_SYNONYMS[severity])}


def parse_severity(value: object) -> Severity:
    """The severity that `value` names, in any case and by any synonym; ValueError with the mend when it names none."""
    found = _BY_NAME.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"use one of {', '.join(Severity)}")
    return found
