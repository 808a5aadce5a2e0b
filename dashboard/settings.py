"""What the dashboard takes from its environment; the only place in it that reads one."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Settings:
    """The settings in force; each is ALERTING_<NAME> in the environment."""

    api_url: str = "http://127.0.0.1:8000"
    home: Path = Path(".run")
    dashboard_port: int = 8501
    refresh_s: float = 2.0
    max_alerts: int = 50


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that `environ` names; ValueError says which one cannot be used."""
    given = {name: text.strip() for name, text in environ.items() if text.strip()}
    port = given.get("ALERTING_PORT") or given.get("PORT") or "8000"
    return Settings(
        api_url=given.get("ALERTING_API_URL", f"http://127.0.0.1:{port}").rstrip("/"),
        home=Path(given.get("ALERTING_HOME", ".run")),
        dashboard_port=_whole(given, "ALERTING_DASHBOARD_PORT", 8501, 1, 65535),
        refresh_s=max(0.5, _seconds(given, "ALERTING_DASHBOARD_REFRESH_INTERVAL", 2.0)),
        max_alerts=_whole(given, "ALERTING_DASHBOARD_MAX_ALERTS", 50, 1, 200),
    )


@cache
def settings() -> Settings:
    """The settings of this process."""
    return read_settings(os.environ)


def _whole(given: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = given.get(name, str(default))
    if not text.isdigit() or not low <= int(text) <= high:
        raise ValueError(f"{name}={text}: use a whole number from {low} to {high}")
    return int(text)


def _seconds(given: Mapping[str, str], name: str, default: float) -> float:
    text = given.get(name, str(default))
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", text)
    if not found:
        raise ValueError(f'{name}={text}: use seconds or a duration like "2s"')
    return float(found[1]) * _UNITS[found[2]]
