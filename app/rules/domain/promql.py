"""PromQL: whether a query can be read, and which queries say the same as a metric rule of our own."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import promql_parser as promql

from app.core.labels import Matcher, Op, parse_matcher
from app.rules.domain.rule import Aggregation, NoData, Operator, Source

#: How far back Prometheus looks for the last sample of a series.
LOOKBACK = timedelta(minutes=5)
_MAX_OPERATIONS = 300  # the parser follows the nesting on the C stack, and ends the process where that is used up
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`|#[^\n]*', re.DOTALL)
_SELECTOR = re.compile(r"\{[^{}]*\}")
_OPERATION = re.compile(r"[(\[{+\-*/%^<>=!:]|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)
_OPERATORS = {
    ">": Operator.GREATER_THAN,
    ">=": Operator.GREATER_OR_EQUAL,
    "<": Operator.LESS_THAN,
    "<=": Operator.LESS_OR_EQUAL,
    "==": Operator.EQUAL,
    "!=": Operator.NOT_EQUAL,
}
_TURNED = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!="}
_OVER_TIME = {
    "avg_over_time": Aggregation.AVG,
    "min_over_time": Aggregation.MIN,
    "max_over_time": Aggregation.MAX,
    "sum_over_time": Aggregation.SUM,
    "count_over_time": Aggregation.COUNT,
    "last_over_time": Aggregation.LAST,
    "stddev_over_time": Aggregation.STDDEV,
}
_QUANTILES = {0.5: Aggregation.P50, 0.95: Aggregation.P95, 0.99: Aggregation.P99}
_POOLED = {
    ("sum", "sum_over_time"): Aggregation.SUM,
    ("sum", "count_over_time"): Aggregation.COUNT,
    ("min", "min_over_time"): Aggregation.MIN,
    ("max", "max_over_time"): Aggregation.MAX,
}
_OPS = (
    (promql.MatchOp.Equal, Op.EQUAL),
    (promql.MatchOp.NotEqual, Op.NOT_EQUAL),
    (promql.MatchOp.Re, Op.MATCHES),
    (promql.MatchOp.NotRe, Op.NOT_MATCHES),
)


@dataclass(frozen=True)
class Unsupported:
    """Why a query says nothing that one of our own metric rules could say."""

    reason: str


class _Other(Exception):
    """The query has no like; the message is the reason."""


def check_query(query: str) -> None:
    """Nothing; ValueError with the parser's reason when the query cannot be read."""
    _parsed(query)


def _parsed(query: str) -> promql.Expr:
    n_operations = len(_OPERATION.findall(_SELECTOR.sub(" ", _QUOTED.sub(" ", query))))
    if n_operations > _MAX_OPERATIONS:
        raise ValueError(f"the query has more than {_MAX_OPERATIONS} operations; record parts of it as series")
    try:
        return promql.parse(query)
    except RecursionError:
        raise ValueError("the query nests too deep; record parts of it as series") from None
    except ValueError as error:
        raise ValueError(f"no PromQL: {str(error)[:200]}") from None


def as_conditions(query: str) -> Mapping[str, Any] | Unsupported:
    """The fields of a Definition that say the same as the query; Unsupported with the reason where none do.

    An instant vector is the last sample of each series within 5 minutes. rate() is near, not the same: Prometheus
    extrapolates where a series begins or ends within the window. `alert_labels` go under those of the rule itself.
    """
    try:
        expression = _parsed(query)
    except ValueError as error:
        return Unsupported(str(error))
    try:
        return {"source": Source.METRIC, **_condition(_bare(expression))}
    except _Other as error:
        return Unsupported(str(error))


def _bare(expression: Any) -> Any:
    while isinstance(expression, promql.ParenExpr):
        expression = expression.expr
    return expression


def _condition(expression: Any) -> dict[str, Any]:
    if isinstance(expression, promql.Call) and expression.func.name in ("absent", "absent_over_time"):
        return _absent(expression)
    if not isinstance(expression, promql.BinaryExpr) or str(expression.op) not in _OPERATORS:
        raise _Other("only a comparison with a number, absent() and absent_over_time() run offline")
    if expression.modifier is not None and expression.modifier.return_bool:
        raise _Other("bool keeps every series, whatever the comparison says")
    left, right, sign = _bare(expression.lhs), _bare(expression.rhs), str(expression.op)
    limit = _number(right)
    if limit is None:
        left, limit, sign = right, _number(left), _TURNED[sign]
    if limit is None:
        raise _Other("both sides are series; only a comparison with a number runs offline")
    if _number(left) is not None:
        raise _Other("both sides are numbers; there is no series to watch")
    if not math.isfinite(limit):
        raise _Other("the threshold is no finite number")
    # A series without samples is not in a query's result, and so its alert ends.
    return {**_vector(left), "operator": _OPERATORS[sign], "threshold": limit, "no_data": NoData.OK}


def _number(expression: Any) -> float | None:
    expression = _bare(expression)
    if isinstance(expression, promql.UnaryExpr):
        inner = _number(expression.expr)
        return None if inner is None else -inner
    return float(expression.val) if isinstance(expression, promql.NumberLiteral) else None


def _vector(expression: Any) -> dict[str, Any]:
    if isinstance(expression, promql.VectorSelector):
        return {**_selected(expression), "aggregation": Aggregation.LAST, "window": LOOKBACK}
    if isinstance(expression, promql.Call):
        return _over_time(expression)
    if isinstance(expression, promql.AggregateExpr):
        return _pooled(expression)
    raise _Other(f"arithmetic and {type(expression).__name__} do not run offline")


def _over_time(call: promql.Call) -> dict[str, Any]:
    name, arguments = call.func.name, [_bare(argument) for argument in call.args]
    if name == "quantile_over_time":
        quantile = _number(arguments[0])
        if quantile not in _QUANTILES:
            raise _Other("of quantiles only 0.5, 0.95 and 0.99 run offline")
        return {**_ranged(arguments[1]), "aggregation": _QUANTILES[quantile]}
    if name in _OVER_TIME:
        return {**_ranged(arguments[0]), "aggregation": _OVER_TIME[name]}
    if name == "rate":
        return {**_ranged(arguments[0]), "aggregation": Aggregation.RATE, "min_samples": 2}
    if name in ("increase", "delta"):
        raise _Other(f"{name}() extrapolates to the ends of its window, and the aggregation delta does not")
    raise _Other(f"{name}() does not run offline")


def _pooled(expression: promql.AggregateExpr) -> dict[str, Any]:
    """One window of all samples of a group says the same only where the order of adding up does not matter."""
    inner, name = _bare(expression.expr), str(expression.op)
    if expression.modifier is not None and expression.modifier.type != promql.AggModifierType.By:
        raise _Other("without() names the labels that are dropped; only by() runs offline")
    labels = tuple(expression.modifier.labels) if expression.modifier is not None else ()
    aggregation = _POOLED.get((name, inner.func.name)) if isinstance(inner, promql.Call) else None
    if aggregation is None:
        raise _Other(
            f"{name}() of the last sample of each series is another number than {name} over all samples of a window; "
            "sum of sum_over_time or count_over_time, min of min_over_time and max of max_over_time run offline"
        )
    return {**_over_time(inner), "aggregation": aggregation, "group_by": tuple(dict.fromkeys(labels))}


def _absent(call: promql.Call) -> dict[str, Any]:
    argument = _bare(call.args[0])
    if isinstance(argument, promql.VectorSelector):
        selector, found = argument, {**_selected(argument), "window": LOOKBACK}
    elif isinstance(argument, promql.MatrixSelector):
        selector, found = argument.vector_selector, _ranged(argument)
    else:
        raise _Other(f"only {call.func.name}() of a plain selector runs offline")
    labels = {"operator": Operator.ABSENT, "threshold": None, "group_by": (), "alert_labels": _equal_labels(selector)}
    return {**found, **labels}


def _equal_labels(selector: promql.VectorSelector) -> dict[str, str]:
    """The labels of what is absent: those that the selector asks for by equality, once."""
    names = [one.name for one in selector.matchers.matchers]
    equal = [one for one in selector.matchers.matchers if one.op == promql.MatchOp.Equal and one.value]
    labels = {one.name: one.value for one in equal if one.name != "__name__" and names.count(one.name) == 1}
    if any("{{" in value for value in labels.values()):
        raise _Other("a label holds {{, which would begin a template")
    return labels


def _ranged(expression: Any) -> dict[str, Any]:
    if not isinstance(expression, promql.MatrixSelector):
        raise _Other("subqueries do not run offline")
    return {**_selected(expression.vector_selector), "window": expression.range}


def _selected(selector: promql.VectorSelector) -> dict[str, Any]:
    if selector.offset or selector.at is not None:
        raise _Other("offset and @ do not run offline")
    if selector.matchers.or_matchers:
        raise _Other("alternatives (or) in a selector do not run offline")
    metric, matchers = selector.name or "", []
    for one in selector.matchers.matchers:
        if one.name != "__name__":
            matchers.append(_matcher(one))
        elif one.op == promql.MatchOp.Equal:
            metric = one.value
        else:
            raise _Other("the metric is given by a pattern; a rule watches one metric")
    if not metric:
        raise _Other("the query names no metric; a rule watches one metric")
    return {"metric": metric, "labels": tuple(matchers)}


def _matcher(one: promql.Matcher) -> str:
    op = next(ours for theirs, ours in _OPS if one.op == theirs)
    try:
        text = str(Matcher(one.name, op, one.value))
        parse_matcher(text)
    except ValueError as error:
        raise _Other(str(error)) from None
    return text


def series_named(text: str) -> tuple[str, dict[str, str]]:
    """Metric and labels of a series like `up{job="a"}`; ValueError with the mend when the text names none."""
    selector = _parsed(text)
    mend = 'name a series like up{job="a"}'
    if not isinstance(selector, promql.VectorSelector) or selector.offset or selector.at is not None:
        raise ValueError(f'"{text[:100]}" is no series; {mend}')
    matchers = selector.matchers.matchers
    if selector.matchers.or_matchers or any(one.op != promql.MatchOp.Equal for one in matchers):
        raise ValueError(f'"{text[:100]}" selects series by more than =; {mend}')
    labels = {one.name: one.value for one in matchers if one.value}
    metric = labels.pop("__name__", selector.name or "")
    if not metric:
        raise ValueError(f'"{text[:100]}" has no metric; {mend}')
    return metric, labels


def asks_for_absence(query: str) -> bool:
    """Whether absent() or absent_over_time() stands in the query; False for one that cannot be read."""
    try:
        expression = _parsed(query)
    except ValueError:
        return False
    found = False

    def visit(one: promql.Expr) -> bool:
        nonlocal found
        found = found or (isinstance(one, promql.Call) and one.func.name in ("absent", "absent_over_time"))
        return not found

    promql.walk(expression, visit)
    return found
