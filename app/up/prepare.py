"""Migrates and seeds in a process of its own, so that the launcher stays small: `python -m app.up.prepare`."""

import structlog

from app import release
from app.core import ticks
from app.core.clock import utcnow
from app.core.logs import configure_logs
from app.core.queue import open_celery
from app.core.runtime import open_runtime
from app.settings import load_settings

log = structlog.get_logger(__name__)


def main() -> None:
    """Leave a database that every process can start on; any error ends this process, and its log has it."""
    settings = load_settings()
    configure_logs(settings, "prepare")
    open_ends = open_runtime(settings, open_celery(settings))
    release.migrate(open_ends.engine)
    made = open_ends.run(lambda session: release.seed(session, settings, utcnow()))
    ticks.forget(open_ends.redis)  # a former run's signs of life are not this one's
    log.info("prepared", made=made)


if __name__ == "__main__":
    main()
