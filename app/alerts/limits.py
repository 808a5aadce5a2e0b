"""The windows within which alerts are reopened, held and remembered, as the settings name them."""

from app.alerts.domain.absorption import Limits
from app.settings import Settings


def limits_of(settings: Settings) -> Limits:
    """The windows that the settings name."""
    return Limits(
        reopen_window=settings.reopen_window,
        resolve_hold=settings.resolve_hold,
        tombstone_window=settings.tombstone_window,
        repeat_entry_every=settings.repeat_entry_every,
    )
