"""Pure: what a rule is, which series make it due, and what its windows say."""

from app.rules.domain.evaluation import evaluate
from app.rules.domain.rule import Aggregation, Definition, Health, NoData, Operator, Rule, Source
from app.rules.domain.verdict import Outcome, Verdict

__all__ = [
    "Aggregation",
    "Definition",
    "Health",
    "NoData",
    "Operator",
    "Outcome",
    "Rule",
    "Source",
    "Verdict",
    "evaluate",
]
