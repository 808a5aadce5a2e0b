"""Series as promtool's tests write them: `up{job="a"}` with values like `0x5 1+2x3 _ stale`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from app.rules.domain.promql import series_named
from app.telemetry.domain import Numbers

MAX_VALUES = 100_000
_NUMBER = r"(?:inf|nan|(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)"
_ITEM = re.compile(
    rf"(?P<blank>_)(?:x(?P<blanks>\d{{1,9}}))?|(?P<stale>stale)"
    rf"|(?P<first>[-+]?{_NUMBER})(?:(?P<step>[-+]{_NUMBER})?x(?P<more>\d{{1,9}}))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class InputSeries:
    """A series of a test: times in ms from the test's begin, ascending, and values.

    At the times in `stale` the series ends; a later sample begins it anew.
    """

    metric: str
    labels: Mapping[str, str]
    times: npt.NDArray[np.int64]
    values: Numbers
    stale: tuple[int, ...]


def series_of(name: str, values: str, interval: timedelta) -> InputSeries:
    """The series that a name and values in promtool's notation tell; ValueError with the mend.

    `a+bxn` and `a-bxn` are n + 1 values from a on, `axn` is a and n times a again, `_` and `_xn` are no samples.
    """
    metric, labels = series_named(name)
    parts: list[Numbers] = []
    kept: list[npt.NDArray[np.int64]] = []
    stale: list[int] = []
    n = 0
    for text in values.split():
        found = _ITEM.fullmatch(text)
        if found is None:
            kind = "histograms do not run offline" if "{{" in text else "use 3, 1+2x5, 3x5, _, _x5 or stale"
            raise ValueError(f'"{text[:50]}" is no value; {kind}')
        n_more = int(found["more"] or 0) if found["first"] else int(found["blanks"] or 1) - 1
        if n + n_more + 1 > MAX_VALUES:
            raise ValueError(f"a series has at most {MAX_VALUES} values; write fewer")
        if found["stale"]:
            stale.append(n)
        elif found["first"]:
            steps = np.full(n_more + 1, float(found["step"] or 0))
            steps[0] = float(found["first"])
            # Added up one by one, as promtool does, so that rounding is the same.
            parts.append(np.add.accumulate(steps) if found["step"] else np.full(n_more + 1, steps[0]))
            kept.append(np.arange(n, n + n_more + 1, dtype=np.int64))
        n += n_more + 1
    step_ms = interval // timedelta(milliseconds=1)
    return InputSeries(
        metric,
        labels,
        np.concatenate(kept) * step_ms if kept else np.empty(0, np.int64),
        np.concatenate(parts) if parts else np.empty(0),
        tuple(position * step_ms for position in stale),
    )
