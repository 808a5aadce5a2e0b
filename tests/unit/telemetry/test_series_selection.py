"""Selecting series by matchers gives what each matcher says on its own."""

import pytest

from app.core.labels import matches_all, parse_matcher
from app.telemetry.domain import Series, SeriesIndex

SERIES = [
    Series.of("m", labels)
    for labels in (
        {},
        {"host": "web-1", "env": "prod"},
        {"host": "web-2", "env": "prod"},
        {"host": "db-1", "env": "prod"},
        {"host": "web-1", "env": "test"},
    )
]


@pytest.mark.parametrize(
    ("matchers", "positions"),
    [
        ([], [0, 1, 2, 3, 4]),
        (['host="web-1"'], [1, 4]),
        (['host="web-1"', 'env="prod"'], [1]),
        (['host="web-1"', 'env="none"'], []),
        (['host=~"web.*"'], [1, 2, 4]),
        (['host=~"web.*"', 'env="prod"'], [1, 2]),
        (['host=""'], [0]),
        (['host!=""', 'env!="prod"'], [4]),
        (['host!~"web.*"'], [0, 3]),
        (['absent="x"'], []),
    ],
)
def test_select(matchers, positions):
    parsed = [parse_matcher(text) for text in matchers]
    assert SeriesIndex(SERIES).select(parsed) == positions
    assert [n for n, one in enumerate(SERIES) if matches_all(parsed, one.labels)] == positions
