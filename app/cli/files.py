"""Files of rules and tests, as the commands read them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from app.core.errors import AppError
from app.rules.documents import read_document


def document_of(file: Path, *, typed: bool = False) -> Any:
    """What a YAML or JSON file holds; `typed` for our own format, else scalars are texts, as Prometheus reads them."""
    try:
        return read_document(file.read_bytes(), is_yaml=True, typed=typed)
    except AppError as error:
        raise click.ClickException(f"{file}: {error.detail}") from None


def glob_of(directory: Path, name: str) -> Iterator[Path]:
    """The files that a name or a pattern means, seen from a directory; an error when there is none."""
    found = sorted(Path("/").glob(name.removeprefix("/")) if name.startswith("/") else directory.glob(name))
    if not found:
        raise click.ClickException(f"{directory / name}: no such file")
    yield from found
