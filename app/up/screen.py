"""What the launcher says: plain lines on standard output, which may go away at any time."""

import contextlib
import sys
from pathlib import Path

from app.settings import Settings
from app.up.health import addresses


def say(text: str = "") -> None:
    """Print a line; a closed terminal or pipe must never keep the launcher from stopping what it started."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def last_lines(path: Path, n_lines: int = 15) -> list[str]:
    """The last lines of a log; none when there is no such file."""
    try:
        with path.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - 16_384))
            return log.read().decode(errors="replace").splitlines()[-n_lines:]
    except OSError:
        return []


def greeting(settings: Settings, *, loopback: bool) -> str:
    """Where everything is, and what to try next."""
    at = addresses(settings)
    token = settings.home / "token"
    where = f" (also in {token})" if token.exists() else ""
    lines = [
        "",
        "Everything is well.",
        "",
        f"  Dashboard   {at['dashboard']}",
        f"  API         {at['web']}/docs",
        f"  Flower      {at['flower']}  (admin, password in {settings.home / 'flower_password'})",
        f"  Token       {settings.bootstrap_token}{where}",
        f"  Logs        {settings.home / 'logs'}  (make logs follows them)",
        "",
        "  It watches this machine already. To see an alert, run this in one shell for each core, for a minute:",
        '    python3 -c "while True: pass"',
        "  or send one yourself:",
        f"    curl {at['web']}/alerts/create -H 'Authorization: Bearer {settings.bootstrap_token}' \\",
        '      -H \'Content-Type: application/json\' -d \'{"name": "Disk is full", "severity": "HIGH"}\'',
        "",
    ]
    if loopback:
        lines.append(
            "  This is the development profile: webhooks may reach this machine (ALERTING_WEBHOOK_ALLOWED_NETWORKS)."
        )
    return "\n".join([*lines, "  Ctrl-C stops everything.", ""])
