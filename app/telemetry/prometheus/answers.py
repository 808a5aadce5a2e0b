"""What the answer of a Prometheus-compatible server means: labelled values, or why it cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.core.labels import Labels, label_problems
from app.telemetry.datasources.domain import QueryFailed, SourceFailed

MAX_ANSWERS = 10_000
#: Error types that speak of the query; the others speak of the server.
_OF_THE_QUERY = frozenset({"bad_data", "execution"})
_SHOWN = 300  # characters of a server's own words


@dataclass(frozen=True)
class Answer:
    """One result of an instant query; a scalar has no labels. The value may be NaN or infinite."""

    labels: Labels
    value: float


def answers_of(status: int, body: bytes, location: str = "") -> list[Answer]:
    """The results in an HTTP answer; SourceFailed or QueryFailed says why there are none."""
    if 300 <= status < 400:
        where = f" to {_shown(location)}" if location else ""
        raise SourceFailed(f"HTTP {status} redirects{where}; redirects are not followed, so set the final URL")
    if status in (401, 403):
        raise SourceFailed(f"HTTP {status}: the server refuses us; check username and password, token, headers")
    if status == 404:
        raise SourceFailed("HTTP 404: there is no /api/v1/query under this URL; check its path")
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, Mapping) or said.get("status") not in ("success", "error"):
        words = _shown(body[: 4 * _SHOWN].decode("utf-8", "replace"))
        raise SourceFailed(f"HTTP {status} without an answer of the query API" + (f": {words}" if words else ""))
    if said["status"] == "error" or status >= 400:
        raise _failure(status, said)
    return _results(said.get("data"))


def _failure(status: int, said: Mapping[str, Any]) -> Exception:
    kind, words = _shown(said.get("errorType") or "error"), _shown(said.get("error") or "no reason given")
    if kind in _OF_THE_QUERY and status < 500:
        return QueryFailed(f"{kind}: {words}")
    return SourceFailed(f"HTTP {status}, {kind}: {words}", answered=True)


def _results(data: object) -> list[Answer]:
    kind = data.get("resultType") if isinstance(data, Mapping) else None
    found = data.get("result") if isinstance(data, Mapping) else None
    if kind in ("matrix", "string"):
        raise QueryFailed(f"the query returns a {kind}; ask for an instant vector, like rate(x[5m]) instead of x[5m]")
    if kind not in ("vector", "scalar") or not isinstance(found, list):
        raise SourceFailed(f"the answer is of an unknown type, {_shown(kind)}")
    if kind == "scalar":
        return [Answer({}, _number(found))]
    if len(found) > MAX_ANSWERS:
        raise QueryFailed(
            f"the query returns {len(found):,} series; at most {MAX_ANSWERS:,} are taken, so aggregate it"
        )
    answers = [_answer(item) for item in found]
    seen: set[tuple[tuple[str, str], ...]] = set()
    for one in answers:
        key = tuple(sorted(one.labels.items()))
        if key in seen:
            raise QueryFailed(
                f"the query returns two series with the labels {_labels(one.labels)}; "
                "keep the label that tells them apart, or aggregate it"
            )
        seen.add(key)
    return answers


def _answer(item: object) -> Answer:
    metric = item.get("metric") if isinstance(item, Mapping) else None
    if not isinstance(item, Mapping) or not isinstance(metric, Mapping):
        raise SourceFailed("the answer holds a result without labels")
    if "value" not in item and "histogram" in item:
        raise QueryFailed("the query returns a native histogram; ask for a number of it, like histogram_quantile()")
    labels = {name: value for name, value in metric.items() if name != "__name__" and value != ""}
    if problems := label_problems(labels):
        name, messages = next(iter(problems.items()))
        where = f"label {name[:100]}: " if name else ""
        raise QueryFailed(f"the query returns labels that cannot be used: {where}{messages[0]}")
    if any("\x00" in text for pair in labels.items() for text in pair):
        raise QueryFailed("the query returns labels that cannot be used: the character U+0000 cannot be stored")
    return Answer(labels, _number(item.get("value")))


def _number(point: object) -> float:
    """The value of a `[time, "value"]`; Go's spellings of NaN and infinity are Python's too."""
    if isinstance(point, list) and len(point) == 2 and isinstance(point[1], str):
        try:
            return float(point[1])
        except ValueError:
            raise SourceFailed(f'the answer holds a value that is no number: "{_shown(point[1])}"') from None
    raise SourceFailed('the answer holds a value that is no [time, "number"]')


def _labels(labels: Labels) -> str:
    return "{" + _shown(", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))) + "}"


def _shown(words: object) -> str:
    """A server's words, short, on one line, and such that every database can store them."""
    return " ".join(str(words).replace("\x00", " ").split())[:_SHOWN]
