"""Pure: what a rule is, which series make it due, and what its windows say."""

from app.rules.domain.evaluation import Outcome, Verdict, evaluate
from app.rules.domain.rule import Aggregation, Definition, Health, Operator, Rule

__all__ = ["Aggregation", "Definition", "Health", "Operator", "Outcome", "Rule", "Verdict", "evaluate"]
