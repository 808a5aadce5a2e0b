"""Errors that the product raises on purpose; web.py maps each to a problem+json answer once."""

from collections.abc import Iterable, Mapping


class AppError(Exception):
    """Something that the caller can understand and mend."""

    status = 500
    title = "Internal error"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title


class Invalid(AppError):
    """A field holds a value that cannot be used.

    `errors` maps a field to its messages, nested as the body is.
    """

    status = 422
    title = "Invalid fields"

    def __init__(self, errors: Mapping[str, object], detail: str | None = None) -> None:
        super().__init__(detail or "; ".join(f"{name}: {_first(what)}" for name, what in errors.items()))
        self.errors = dict(errors)


class Malformed(AppError):
    """The request cannot be read at all."""

    status = 400
    title = "Malformed request"


class Unauthorized(AppError):
    """No token, or one that is unknown, expired or revoked."""

    status = 401
    title = "Authentication required"


class Forbidden(AppError):
    """The token's role is too small."""

    status = 403
    title = "Role too small"


class NotFound(AppError):
    """No such entity."""

    status = 404
    title = "Not found"


class Conflict(AppError):
    """The entity is not in a state in which this can be done."""

    status = 409
    title = "Conflict"


def check_version(version: int, expected: int | None, what: str) -> None:
    """Conflict when a change is bound to another version than `what` has by now."""
    if expected is not None and expected != version:
        raise Conflict(f"the {what} has changed: its version is {version}, not {expected}; read it again")


class InvalidTransition(Conflict):
    """A state machine has no such step; `allowed` names the actions that it has."""

    title = "Illegal transition"

    def __init__(self, current: str, action: str, allowed: Iterable[str]) -> None:
        self.current = current
        self.allowed = sorted(allowed)
        choices = ", ".join(self.allowed) or "nothing"
        super().__init__(f"cannot {action} while {current}; possible now: {choices}")


class Unavailable(AppError):
    """A store that is needed does not answer; the client should come again."""

    status = 503
    title = "Temporarily unavailable"
    retry_after_s = 2


def _first(what: object) -> str:
    if isinstance(what, Mapping):
        return next((f"{name}: {_first(inner)}" for name, inner in what.items()), "")
    if isinstance(what, list | tuple):
        return _first(what[0]) if what else ""
    return str(what)
