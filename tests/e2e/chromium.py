"""The Chromium that the browser tests drive; `python -m tests.e2e.chromium` installs one where there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_VARIABLE = "ALERTING_TEST_CHROMIUM"

#: What it is started with: nothing of its own that would reach for the network or for a sandbox that root cannot have.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class NoChromium(Exception):
    """There is none, and none could be installed."""


def find_chromium() -> str:
    """The path of a Chromium; NoChromium with the mend when there is none."""
    found = _named() or _on_path() or _of_playwright()
    if found is None:
        raise NoChromium(f"no Chromium was found; run `make e2e`, which installs one, or set {_VARIABLE} to its path")
    return found


def ensure_chromium() -> str:
    """The path of a Chromium, installed first where there is none."""
    found = _named() or _on_path() or _of_playwright()
    if found is None:
        libraries = ["--with-deps"] if _may_install_packages() else []
        _run([sys.executable, "-m", "playwright", "install", *libraries, "chromium"])
        found = _of_playwright()
    if found is None and _may_install_packages():
        _run(["apt-get", "update", "-q"])
        _run(["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"])
        found = _on_path()
    if found is None:
        raise NoChromium(
            f"no Chromium was found and none could be installed; install it, or set {_VARIABLE} to its path"
        )
    return found


def _named() -> str | None:
    given = os.environ.get(_VARIABLE)
    if given and not os.access(given, os.X_OK):
        raise NoChromium(f"{_VARIABLE}={given} is no program")
    return given or None


def _on_path() -> str | None:
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def _of_playwright() -> str | None:
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _may_install_packages() -> bool:
    return shutil.which("apt-get") is not None and os.geteuid() == 0


def _run(command: list[str]) -> None:
    print("no Chromium yet:", " ".join(command), flush=True)
    subprocess.run(command, check=False, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    try:
        print("Chromium:", ensure_chromium())
    except NoChromium as error:
        sys.exit(str(error))
