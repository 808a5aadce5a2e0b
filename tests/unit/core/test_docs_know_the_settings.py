"""The table in docs/operations.md holds every setting with its default."""

from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from app.core.durations import format_duration
from app.settings import Settings


def as_shown(default):
    if isinstance(default, timedelta):
        return format_duration(default)
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default in ("", ()) else str(default)


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_a_setting_is_documented_with_its_default(setting):
    row = f"| `ALERTING_{setting.name.upper()}` | {as_shown(setting.default)} | {setting.metadata['about']} |"
    assert row in Path("docs/operations.md").read_text()
