"""The API's series as the dashboard uses them."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from dashboard.client import Api, get

Series = dict[str, Any]
_MOST_NAMES = 1000


def known_series(api: Api, metric: str = "") -> tuple[list[Series], bool]:
    """Series that are known, of one metric if it is named, and whether there are more of them."""
    query = [("limit", str(_MOST_NAMES)), *([("metric", metric)] if metric else [])]
    answer = get(api, "/metrics/series", query)
    return answer["items"], bool(answer["truncated"])


def names_of(series: Iterable[Series]) -> list[str]:
    """The metrics that these series are of, in order."""
    return sorted({one["metric"] for one in series})


def lines(
    api: Api, metric: str, matchers: Sequence[str], window: str, max_points: int = 240
) -> tuple[list[Series], bool]:
    """The points of a metric's series over the last `window`, and whether there are more series."""
    query = [("metric", metric), ("window", window), ("max_points", str(max_points))]
    answer = get(api, "/metrics/query", [*query, *(("matcher", text) for text in matchers)])
    return cast(list[Series], answer["series"]), bool(answer["truncated"])
