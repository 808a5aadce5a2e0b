"""Pure: the unit tests of Prometheus' promtool, read and run against rules that work offline."""

from app.rules.domain.promtool.notation import InputSeries
from app.rules.domain.promtool.reading import AlertTest, Case, ExpectedAlert, QueryTest, UnitTests, read_tests
from app.rules.domain.promtool.running import Failure, Fired, FiredAt, NotRun, Passed, Report, offline, run

__all__ = [
    "AlertTest",
    "Case",
    "ExpectedAlert",
    "Failure",
    "Fired",
    "FiredAt",
    "InputSeries",
    "NotRun",
    "Passed",
    "QueryTest",
    "Report",
    "UnitTests",
    "offline",
    "read_tests",
    "run",
]
