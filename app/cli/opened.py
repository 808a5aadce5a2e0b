"""The stores, for the commands that need them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar, cast

import click
import sqlalchemy as sa
from flask import current_app
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.core.clock import utcnow
from app.core.errors import AppError
from app.core.logs import configure_logs
from app.core.queue import open_celery
from app.core.runtime import Runtime, open_runtime
from app.settings import SettingsError, load_settings

Result = TypeVar("Result")


def runtime() -> Runtime:
    """The runtime of this process, opened at first use; mistakes in the settings end the command."""
    if "alerting" not in current_app.extensions:
        try:
            settings = load_settings()
        except SettingsError as error:
            raise SystemExit(str(error)) from None
        # Answers, not progress.
        configure_logs(replace(settings, log_level="warning", log_format="console"), "flask")
        current_app.extensions["alerting"] = open_runtime(settings, open_celery(settings))
    return cast(Runtime, current_app.extensions["alerting"])


def write(unit: Callable[[Session, datetime], Result]) -> Result:
    """What `unit` returns, in one transaction; an error that the user can mend is said without a traceback."""
    return mendable(lambda: runtime().run(lambda session: unit(session, utcnow())))


def mendable(work: Callable[[], Result]) -> Result:
    """What `work` returns; an error that the user can mend is said without a traceback."""
    try:
        return work()
    except AppError as error:
        raise click.ClickException(error.detail) from None
    except sa.exc.OperationalError as error:
        raise click.ClickException(f"the database does not answer: {str(error).splitlines()[0]}") from None
    except RedisError as error:
        raise click.ClickException(f"Redis does not answer: {error}") from None
