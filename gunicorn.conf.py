"""Gunicorn's configuration: one gevent worker that holds hundreds of streams, bound where the settings say."""

from typing import Any

from gunicorn import glogging
from gunicorn.config import Config

from app.core import ticks
from app.core.logs import configure_logs
from app.settings import load_settings

settings = load_settings()
bind = f"[{settings.bind}]:{settings.port}" if ":" in settings.bind else f"{settings.bind}:{settings.port}"
worker_class = "gevent"
workers = 1  # each worker reads the live stream for itself; more cores are used by more web processes
worker_connections = 2000
timeout = 30
graceful_timeout = 3  # an open stream never ends by itself
keepalive = 5
control_socket_disable = True


class Logger(glogging.Logger):
    """Gunicorn's own lines, sent the way of all our logs."""

    def setup(self, cfg: Config) -> None:
        """Replace Gunicorn's handlers by those of the root logger."""
        super().setup(cfg)
        configure_logs(settings, "web")
        self.error_log.handlers.clear()
        self.error_log.propagate = True


logger_class = Logger


def post_worker_init(worker: Any) -> None:
    """A web process is ready: from here on it shows that beats of heartbeats can come in."""
    open_ends = worker.wsgi.extensions["alerting"]
    ticks.show_web(open_ends.redis, open_ends.ending)


def worker_exit(_server: Any, worker: Any) -> None:
    """The end of a web process: held live events go out. A worker that never loaded the application has none."""
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["alerting"].close()
