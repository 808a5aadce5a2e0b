"""Asks the running system how it is: the API for its parts, the dashboard and Flower for themselves."""

import contextlib
import http.client
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.settings import Settings

_ASK_S = 2.0
#: Which part of /monitoring/health tells of which queue's worker; the other processes answer for themselves.
_QUEUE_OPTION = "-Q"


def reachable(address: str) -> str:
    """The host under which a server bound to `address` is reached from this machine."""
    if address in ("", "0.0.0.0"):  # noqa: S104 (compared, not bound)
        return "127.0.0.1"
    return "[::1]" if address == "::" else f"[{address}]" if ":" in address else address


def addresses(settings: Settings) -> dict[str, str]:
    """Where web, dashboard and flower answer on this machine."""
    host = reachable(settings.bind)
    return {
        "web": f"http://{host}:{settings.port}",
        "dashboard": f"http://{host}:{settings.dashboard_port}",
        "flower": f"http://127.0.0.1:{settings.flower_port}",
    }


def store_answers(path: Path) -> bool:
    """Whether the private Valkey answers and has read its files."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ASK_S)
        connection.connect(str(path))
        connection.sendall(b"PING\r\n")
        return connection.recv(64).startswith(b"+PONG")
    return False


def system_parts(settings: Settings) -> dict[str, tuple[bool, str]]:
    """Each part of the system with whether it is well and in what words; empty while the API does not answer."""
    request = urllib.request.Request(  # noqa: S310 (the address is ours)
        addresses(settings)["web"] + "/monitoring/health",
        headers={"Authorization": f"Bearer {settings.bootstrap_token}"},
    )
    status, body = _get(request)
    if not status:
        return {}
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        answer: dict[str, Any] = json.loads(body)
        checks = answer.get("checks", {}).items()
        parts = {name: (bool(check["ok"]), str(check["detail"])) for name, check in checks}
        return {"web": (status == 200 or bool(parts), answer.get("status", f"answered {status}")), **parts}
    return {"web": (False, f"answered {status}")}


def page_answers(settings: Settings, name: str) -> bool:
    """Whether the dashboard or Flower answers."""
    path = {"dashboard": "/_stcore/health", "flower": "/healthcheck"}[name]
    status, _ = _get(urllib.request.Request(addresses(settings)[name] + path))  # noqa: S310 (the address is ours)
    return status == 200


def parts_of(command: str) -> list[str]:
    """The parts of /monitoring/health that speak of the process with this command."""
    words = command.split()
    if _QUEUE_OPTION in words:
        queues = words[words.index(_QUEUE_OPTION) + 1].split(",")
        return [f"worker:{queue}" for queue in queues if queue != "maintenance"]
    return ["beat"] if "beat" in words else []


def is_well(settings: Settings, name: str, command: str, parts: Mapping[str, tuple[bool, str]]) -> bool:
    """Whether the running process `name` does its work."""
    if name in ("dashboard", "flower"):
        return page_answers(settings, name)
    wanted = ["web"] if name == "web" else parts_of(command)
    return all(parts.get(part, (False, ""))[0] for part in wanted)


def _get(request: urllib.request.Request) -> tuple[int, bytes]:
    """Status and body; 0 while nobody answers. A proxy of the environment is not asked: the servers are ours."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_ASK_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
