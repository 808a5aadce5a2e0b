"""Reads a Procfile: which processes there are, and how each is started."""

import re
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"([A-Za-z0-9_-]+):\s*(\S.*)")


@dataclass(frozen=True)
class Process:
    """A named process and its shell command."""

    name: str
    command: str


def parse_procfile(text: str) -> list[Process]:
    """The processes in order; ValueError names a line that is none. Blank lines and # comments are skipped."""
    found: list[Process] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(f'line {number} of the Procfile is not "name: command"')
        if match[1] in {process.name for process in found}:
            raise ValueError(f"line {number} of the Procfile names {match[1]} again")
        found.append(Process(match[1], match[2]))
    return found


def read_procfile(path: Path) -> list[Process]:
    """The processes of the Procfile at `path`."""
    return parse_procfile(path.read_text())
