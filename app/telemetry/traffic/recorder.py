"""Measures every request of this process and writes what it came to every few seconds, best effort."""

import socket
import threading
from datetime import datetime, timedelta

import structlog
from flask import Flask, Response, g, request
from redis.exceptions import RedisError

from app.core.clock import monotonic, utcnow
from app.core.runtime import Runtime
from app.telemetry import service
from app.telemetry.traffic.domain import QUIET, Route, Tally, route_of, samples_of

log = structlog.get_logger(__name__)


class Recorder:
    """The counters of one process. Its thread starts with the first request, which is after any fork."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._host = runtime.settings.collector_host or socket.gethostname()
        self._lock = threading.Lock()
        self._tallies: dict[Route, Tally] = {}
        self._seen: dict[Route, float] = {}  # when each route had its last request
        self._since = monotonic()
        self._thread: threading.Thread | None = None
        self._is_away = False

    def add(self, route: Route, latency_ms: float, *, failed: bool) -> None:
        """Count a request."""
        with self._lock:
            self._tallies.setdefault(route, Tally()).add(latency_ms, failed=failed)
            if self._thread is None:
                self._start()

    def flush(self, now: datetime) -> int:
        """Write what has been counted since the last time as samples; returns how many. RedisError loses them."""
        with self._lock:
            tallies, self._tallies = self._tallies, {}
            until = monotonic()
            elapsed, self._since = timedelta(seconds=until - self._since), until
            oldest = until - QUIET.total_seconds()
            self._seen = {route: at for route, at in self._seen.items() if at > oldest}
            quiet = [route for route in self._seen if route not in tallies]
            self._seen.update(dict.fromkeys(tallies, until))
        samples = samples_of(tallies, quiet, elapsed, self._host, now)
        if not samples:
            return 0
        refused = service.receive(self._runtime.redis, samples, now, self._runtime.settings)
        self._runtime.queue.nudge("evaluation")
        return len(samples) - len(refused)

    def _start(self) -> None:
        thread = threading.Thread(target=self._flush_for_ever, name="request-series", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread to be had: no reason to fail a request
            log.warning("series of requests not written", error=str(error))
            return
        self._thread, self._since = thread, monotonic()

    def _flush_for_ever(self) -> None:
        while not self._runtime.ending.wait(self._runtime.settings.collector_interval.total_seconds()):
            try:
                self.flush(utcnow())
                self._is_away = False
            except RedisError as error:
                if not self._is_away:
                    log.warning("series of requests not written", error=str(error))
                self._is_away = True
            except Exception:  # process top: the next time may go better
                log.exception("series of requests not written")


def install_recorder(app: Flask) -> Recorder:
    """Measure every request of `app`; call it before other hooks are registered, so that their time counts as well."""
    recorder = Recorder(app.extensions["alerting"])
    app.extensions["alerting.traffic"] = recorder

    def begin() -> None:
        rule = request.url_rule
        if rule is not None and rule.websocket:  # one request that lasts for hours: it counts when it begins
            recorder.add(_route(), 0.0, failed=False)
        else:
            g.began_at = monotonic()

    def finish(response: Response) -> Response:
        began_at = g.pop("began_at", None)
        if began_at is not None:
            recorder.add(_route(), (monotonic() - began_at) * 1000, failed=response.status_code >= 500)
        return response

    app.before_request(begin)
    app.after_request(finish)
    return recorder


def _route() -> Route:
    rule = request.url_rule
    return route_of(request.method, None if rule is None else rule.rule)
