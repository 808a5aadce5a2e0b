"""The application that the `flask` command finds: commands and nothing else. The API itself is served by gunicorn."""

from importlib import import_module

import click
from flask import Flask
from flask.cli import AppGroup

_COMMANDS = {
    "db": "app.cli.database:db",
    "doctor": "app.cli.doctor:doctor",
    "rules": "app.cli.rules:rules",
    "seed": "app.cli.database:seed",
    "token": "app.cli.tokens:token",
}


class Later(AppGroup):
    """A group whose commands are imported when they are asked for, so that one does not wait for what others need."""

    def __init__(self, name: str | None, commands: dict[str, str], help: str | None = None) -> None:  # noqa: A002 (click's)
        super().__init__(name, help=help)
        self._places = commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands."""
        return sorted(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command; None when there is none of that name."""
        place = self._places.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        found: click.Command = getattr(import_module(module), name)
        return found


def create_app() -> Flask:
    """An application that holds the commands; wsgi.py shows it to the `flask` command."""
    return with_commands(Flask("app", static_folder=None))


def with_commands(app: Flask) -> Flask:
    """`app`, with our commands under `flask`."""
    app.cli = Later(app.name, _COMMANDS)
    return app
