"""Where the `flask` command looks for the application, so that it needs no setting: `.venv/bin/flask doctor`."""

from app.cli.main import create_app

__all__ = ["create_app"]
