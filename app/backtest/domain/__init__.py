"""Pure: a rule judged at moments of the past, its alerts opened and resolved by the rules of the live system."""

from app.backtest.domain.judging import MAX_JUDGED, moments_of
from app.backtest.domain.rehearsal import rehearse
from app.backtest.domain.results import Curve, Fired, Rehearsal, Score, score

__all__ = ["MAX_JUDGED", "Curve", "Fired", "Rehearsal", "Score", "moments_of", "rehearse", "score"]
