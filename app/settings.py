"""Everything that can be set from outside, read once from the environment and frozen."""

import contextlib
import difflib
import ipaddress
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from app.core.durations import format_duration, parse_duration

PREFIX = "ALERTING_"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingsError(ValueError):
    """All mistakes in the environment at once, one line each."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(["The settings cannot be used:", *(f"  - {line}" for line in mistakes)]))
        self.mistakes = mistakes


def _flag(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise ValueError("use true or false")


def _port(text: str) -> int:
    number = int(text) if text.strip().isdigit() else 0
    if not 1 <= number <= 65535:
        raise ValueError("use a port between 1 and 65535")
    return number


def _count(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text) if text.strip().isdigit() else -1
        if not low <= number <= high:
            raise ValueError(f"use a whole number from {low} to {high}")
        return number

    return parse


def _at_least(least: timedelta) -> Callable[[str], timedelta]:
    def parse(text: str) -> timedelta:
        duration = parse_duration(text)
        if duration < least:
            raise ValueError(f"use a duration of at least {format_duration(least)}")
        return duration

    return parse


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        chosen = {choice.lower(): choice for choice in choices}.get(text.strip().lower())
        if chosen is None:
            raise ValueError("use one of " + ", ".join(choices))
        return chosen

    return parse


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"use networks like 10.0.0.0/8, separated by commas ({error})") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _database_url(text: str) -> str:
    if text.startswith("postgresql://"):
        text = text.replace("postgresql://", "postgresql+psycopg://", 1)
    if not text.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("use sqlite:///path or postgresql+psycopg://user:password@host/database")
    return text


def _redis_url(text: str) -> str:
    if not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("use redis://host:port/0, rediss:// or unix:///path?db=0")
    return text


def _broker_url(text: str) -> str:
    if not text.startswith(("redis://", "rediss://", "redis+socket://", "amqp://", "amqps://")):
        raise ValueError("use redis://, rediss://, redis+socket:// or amqp://")
    return text


def _http_url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("use http://host:port")
    return text.rstrip("/")


def _secret(text: str) -> str:
    if len(text) < 16:
        raise ValueError("use at least 16 characters")
    return text


def _setting(parse: Callable[[str], Any], default: Any, about: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"parse": parse, "about": about, "secret": secret})


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


@dataclass(frozen=True)
class Settings:
    """The settings in force; each field is ALERTING_<NAME> in the environment."""

    home: Path = _setting(Path, Path(".run"), "directory for everything that a running system writes")
    database_url: str = _setting(_database_url, "", "SQLite or PostgreSQL; default: SQLite under HOME", secret=True)
    redis_url: str = _setting(_redis_url, "", "Redis; default: the private one under HOME", secret=True)
    broker_url: str = _setting(_broker_url, "", "Celery's broker; default: the same Redis", secret=True)
    port: int = _setting(_port, 8000, "port of the API (PORT works as well)")
    dashboard_port: int = _setting(_port, 8501, "port of the dashboard")
    flower_port: int = _setting(_port, 5555, "port of Flower")
    bind: str = _setting(str, "127.0.0.1", "address that web and dashboard listen on")
    api_url: str = _setting(_http_url, "", "where clients reach the API; default: http://127.0.0.1:PORT")
    dashboard_url: str = _setting(_http_url, "", "where people reach the dashboard; used in links of messages")
    bootstrap_token: str = _setting(_secret, "", "value of the admin token made at the first start", secret=True)
    collector_token: str = _setting(_secret, "", "value of the collector's ingest token", secret=True)
    secret_key: str = _setting(
        _secret, "", "signs tickets and encrypts secrets; default: a file under HOME", secret=True
    )
    flower_password: str = _setting(
        _secret, "", "Flower's password (user admin); default: a file under HOME", secret=True
    )
    evaluation_interval: timedelta = _setting(parse_duration, _seconds(5), "default interval of a rule")
    collector_interval: timedelta = _setting(parse_duration, _seconds(5), "time between two readings of this host")
    collector_host: str = _setting(str, "", "value of the label host; default: this machine's name")
    evaluation_batch: int = _setting(_count(1, 10_000), 1000, "rules evaluated at once, with array operations")
    batch_size: int = _setting(_count(1, 10_000), 100, "rows claimed at once by a stage")
    max_concurrent_evaluations: int = _setting(
        _count(1, 256), 10, "queries of Prometheus rules that a worker asks at once"
    )
    series_per_client: int = _setting(
        _count(1, 10_000_000), 20_000, "new series that one token may send within an hour; known ones are always taken"
    )
    series_limit: int = _setting(
        _count(1, 100_000_000), 200_000, "series known in all; beyond it new ones are rejected, known ones taken"
    )
    retention_samples: timedelta = _setting(parse_duration, timedelta(hours=24), "how long samples are kept")
    entries_backlog: int = _setting(
        _count(1024, 2**40), 64 * 1024 * 1024, "bytes of log entries and events that may wait in Redis to be counted"
    )
    heartbeat_interval: timedelta = _setting(
        parse_duration, _seconds(60), "time between two beats of a heartbeat that nobody configured"
    )
    heartbeat_grace: timedelta = _setting(parse_duration, _seconds(30), "how late its beat may be")
    heartbeat_outage: timedelta = _setting(
        _at_least(_seconds(5)), _seconds(10), "away for longer, the system starts the time of every heartbeat anew"
    )
    retention_notifications: timedelta = _setting(
        parse_duration, timedelta(days=90), "how long finished messages of closed alerts are kept"
    )
    identity_drop_labels: tuple[str, ...] = _setting(_names, (), "labels that do not count in an alert's identity")
    reopen_window: timedelta = _setting(
        parse_duration, timedelta(minutes=10), "a resolved alert that fires again within it is reopened"
    )
    resolve_hold: timedelta = _setting(
        parse_duration, timedelta(minutes=15), "how long a person's resolve holds against a source that still fires"
    )
    tombstone_window: timedelta = _setting(
        parse_duration,
        timedelta(minutes=10),
        "how long a resolve without alert drops firing events that started before it",
    )
    repeat_entry_every: timedelta = _setting(
        parse_duration, timedelta(minutes=5), "least time between two repeat entries of a timeline"
    )
    close_after: timedelta = _setting(parse_duration, timedelta(hours=24), "a resolved alert is closed after it")
    websocket_enabled: bool = _setting(_flag, True, "deliver over WebSocket")
    webhook_enabled: bool = _setting(_flag, True, "deliver to webhooks")
    webhook_timeout: timedelta = _setting(parse_duration, _seconds(10), "longest wait for a webhook's answer")
    webhook_allowed_networks: tuple[Network, ...] = _setting(_networks, (), "private networks that webhooks may reach")
    delivery_lease: timedelta = _setting(
        parse_duration, _seconds(15), "a delivery worker that does not come back loses its messages after it"
    )
    delivery_concurrency: int = _setting(_count(1, 256), 32, "messages that a delivery worker sends at once")
    retry_attempts: int = _setting(_count(0, 100), 3, "tries after the first, for updates and information")
    retry_delay: timedelta = _setting(parse_duration, _seconds(5), "base of their delay")
    retry_cap: timedelta = _setting(parse_duration, timedelta(minutes=5), "longest delay between their tries")
    page_attempts: int = _setting(_count(1, 100), 8, "tries of a page")
    page_retry_delay: timedelta = _setting(parse_duration, _seconds(2), "base of a page's delay")
    page_retry_cap: timedelta = _setting(parse_duration, _seconds(60), "longest delay between a page's tries")
    page_expires: timedelta = _setting(
        parse_duration, timedelta(minutes=15), "a page that was not delivered by then is dead"
    )
    update_expires: timedelta = _setting(parse_duration, timedelta(hours=2), "the same for everything else")
    dashboard_refresh_interval: timedelta = _setting(
        parse_duration, _seconds(2), "polling interval while the live stream is away"
    )
    dashboard_max_alerts: int = _setting(_count(1, 200), 50, "rows of the live feed")
    log_level: str = _setting(_one_of("debug", "info", "warning", "error"), "info", "least level that is logged")
    log_format: str = _setting(_one_of("json", "console"), "json", "json, or console for reading along")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings that `environ` names; SettingsError lists every mistake and every unknown ALERTING_ name."""
        known = {f.name: f for f in fields(cls)}
        values: dict[str, Any] = {}
        mistakes: list[str] = []
        given = {name: text for name, text in environ.items() if name.startswith(PREFIX)}
        if "PORT" in environ and PREFIX + "PORT" not in given:
            given["PORT"] = environ["PORT"]
        for name, text in sorted(given.items()):
            key = name.removeprefix(PREFIX).lower()
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                mistakes.append(f"{name} is unknown" + (f"; did you mean {PREFIX}{near[0].upper()}?" if near else ""))
            elif text.strip():
                try:
                    values[key] = known[key].metadata["parse"](text)
                except ValueError as error:
                    shown = "" if known[key].metadata["secret"] else f"={text}"
                    mistakes.append(f"{name}{shown}: {error}")
        if mistakes:
            raise SettingsError(mistakes)
        home = cast(Path, values.get("home", cls.home)).expanduser().resolve()
        port = values.get("port", cls.port)
        defaults = {
            "database_url": f"sqlite:///{home / 'alerting.db'}",
            "redis_url": f"unix://{home / 'valkey.sock'}?db=0",
            "api_url": f"http://127.0.0.1:{port}",
            "dashboard_url": f"http://127.0.0.1:{values.get('dashboard_port', cls.dashboard_port)}",
            "broker_url": _broker_of(values.get("redis_url", f"unix://{home / 'valkey.sock'}?db=0")),
        }
        return cls(**{**defaults, **values, "home": home})

    @property
    def embedded_redis(self) -> bool:
        """Whether Redis is the private one, which `make up` starts."""
        return self.redis_url.startswith(f"unix://{self.home}")

    @property
    def broker_is_redis(self) -> bool:
        """Whether Celery's broker is the same server as Redis, whatever the database in it."""
        return _server_of(self.broker_url) == _server_of(_broker_of(self.redis_url))

    def with_secrets(self) -> "Settings":
        """These settings with the secrets that were not given, read from HOME or made there (mode 600)."""
        made = {
            name: getattr(self, name) or kept_secret(self.home / filename)
            for name, filename in (
                ("secret_key", "secret_key"),
                ("bootstrap_token", "token"),
                ("collector_token", "collector_token"),
                ("flower_password", "flower_password"),
            )
        }
        return Settings(**{**{f.name: getattr(self, f.name) for f in fields(self)}, **made})

    def describe(self) -> dict[str, str]:
        """Every setting as text, secrets masked."""
        return {PREFIX + f.name.upper(): self._shown(f.name, f.metadata["secret"]) for f in fields(self)}

    def _shown(self, name: str, secret: bool) -> str:
        value = getattr(self, name)
        if secret and value:
            return "********" if "://" not in value else _masked(value)
        if isinstance(value, timedelta):
            return format_duration(value)
        return ",".join(str(part) for part in value) if isinstance(value, tuple) else str(value)


def read_settings() -> Settings:
    """The settings of this process's environment, without secrets; writes nothing."""
    return Settings.from_env(os.environ)


def load_settings() -> Settings:
    """The settings of this process's environment, with the secrets kept under HOME."""
    return read_settings().with_secrets()


def kept_secret(path: Path) -> str:
    """The secret in the file at `path`, made on first use; readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(32) + "\n")
        # A hard link fails where the name is taken: of two processes that start at once, one secret wins whole.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text().strip()


def _broker_of(redis_url: str) -> str:
    """Celery's spelling of a Redis URL: a Unix socket is redis+socket:// there."""
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, query = redis_url.removeprefix("unix://").partition("?")
    database = dict(part.split("=", 1) for part in query.split("&") if "=" in part).get("db", "0")
    return f"redis+socket://{path}?virtual_host={database}"


def _server_of(broker_url: str) -> tuple[str, str | None, int | None, str]:
    parts = urlsplit(broker_url)
    return parts.scheme, parts.hostname, parts.port, parts.path if parts.scheme == "redis+socket" else ""


def _masked(url: str) -> str:
    scheme, _, rest = url.partition("://")
    credentials, at, host = rest.rpartition("@")
    return f"{scheme}://{credentials.split(':')[0]}:********@{host}" if at and ":" in credentials else url
