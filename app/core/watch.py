"""Requests that end when their time is up, whatever the other side does meanwhile."""

import contextlib
import socket
import threading
from typing import Any, Self

from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError

_current = threading.local()


class Watch:
    """The time that one request may take in all; when it is up, the request's socket is shut down."""

    def __init__(self, seconds: float) -> None:
        self.fired = False
        self.body_went_out = False
        self._connection: HTTPConnection | None = None
        self._over = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._fire)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        _current.watch = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        _current.watch = None
        self._timer.cancel()
        with self._lock:
            self._over = True

    def begins(self, connection: HTTPConnection) -> None:
        """The request goes out on `connection`."""
        self._connection = connection

    def _fire(self) -> None:
        with self._lock:
            if self._over:
                return  # the connection may be another request's by now
            self.fired = True
            sock = self._connection.sock if self._connection is not None else None
            if sock is not None:
                with contextlib.suppress(OSError):
                    # Not SSLSocket.shutdown: it takes the TLS object from under the thread that reads.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)


class Watched(HTTPConnection):
    """A connection that a Watch around the request can end, from the first attempt to connect."""

    def connect(self) -> None:
        """Connect, unless the time is up by then: a socket that is still to come cannot be shut down."""
        watch: Watch | None = getattr(_current, "watch", None)
        if watch is not None:
            watch.begins(self)
        super().connect()
        if watch is not None and watch.fired:
            self.close()
            raise ConnectTimeoutError(self, f"{self.host} did not take the connection in time")

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request, and note for the watch when all of it went out."""
        watch: Watch | None = getattr(_current, "watch", None)
        if watch is not None:
            watch.begins(self)
        super().request(*args, **kwargs)
        if watch is not None:
            watch.body_went_out = True
