"""The API's series as the dashboard uses them."""

from collections.abc import Sequence
from typing import Any, cast

from dashboard.client import Api, get

Series = dict[str, Any]
_MOST_NAMES = 10_000


def names(api: Api) -> tuple[list[str], bool]:
    """The metrics that are known, in order, and whether there are more of them."""
    answer = get(api, "/metrics/names", [("limit", str(_MOST_NAMES))])
    return answer["items"], bool(answer["truncated"])


def series_of(api: Api, metric: str) -> list[Series]:
    """The first thousand series of a metric."""
    return cast(list[Series], get(api, "/metrics/series", [("metric", metric), ("limit", "1000")])["items"])


def lines(
    api: Api, metric: str, matchers: Sequence[str], window: str, max_points: int = 240
) -> tuple[list[Series], bool]:
    """The points of a metric's series over the last `window`, and whether there are more series."""
    query = [("metric", metric), ("window", window), ("max_points", str(max_points))]
    answer = get(api, "/metrics/query", [*query, *(("matcher", text) for text in matchers)])
    return cast(list[Series], answer["series"]), bool(answer["truncated"])
