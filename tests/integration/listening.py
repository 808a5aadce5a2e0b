"""A real server over the app, and clients of its streams: server-sent events and the WebSocket."""

import contextlib
import json
import queue
import socket
import threading
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from werkzeug.serving import make_server

from tests.conditions import eventually


@contextlib.contextmanager
def serving(app):
    """The app on a port of loopback; yields its address without the scheme."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = False  # closing the server waits for its requests, so that none outlives the stores
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        for client in app.extensions["alerting.streams"].hub.clients():
            client.end()
            client.cut()
        server.shutdown()
        thread.join()  # serve_forever() closes the server at its end
        eventually(lambda: not any(one.name == "socket-books" for one in threading.enumerate()))


class Listener:
    """Events of a stream as (kind, id, data), in the order of arrival; None when it has ended."""

    def __init__(self, answer):
        self.answer = answer
        self.arrived = queue.Queue()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def next(self, within=10):
        return self.arrived.get(timeout=within)

    def until(self, kind, within=10):
        """The first event of this kind."""
        while True:
            event = self.next(within)
            if event[0] == kind:
                return event

    def _read(self):
        fields = {}
        with contextlib.suppress(OSError, HTTPException, ValueError):
            while line := self.answer.readline():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif "data" in fields:
                    self.arrived.put((fields["event"], fields.get("id"), json.loads(fields["data"])))
                    fields = {}
        self.arrived.put(None)


@contextlib.contextmanager
def listening(address, token=None, headers=None, **query):
    """A listener to /alerts/stream; entering waits for the headers, which come at once."""
    sent = {"Authorization": f"Bearer {token}"} if token else {}
    connection = HTTPConnection(address, timeout=30)
    connection.request("GET", f"/alerts/stream?{urlencode(query, doseq=True)}", headers={**sent, **(headers or {})})
    connection.sock, sock = None, connection.sock
    answer = HTTPResponse(sock, method="GET")
    listener = None
    try:
        answer.begin()
        assert answer.status == 200, answer.read()
        listener = Listener(answer)
        yield listener
    finally:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        if listener is not None:
            listener.thread.join(5)
        answer.close()
        sock.close()


class Talker:
    """A client of the WebSocket."""

    def __init__(self, socket):
        self.socket = socket

    def say(self, **message):
        self.socket.send(json.dumps(message))

    def next(self, within=10):
        """The next message; None when none comes."""
        try:
            return json.loads(self.socket.recv(timeout=within))
        except TimeoutError:
            return None

    def close_code(self, within=10):
        """The code that the server closes with; TimeoutError when it sends nothing."""
        try:
            while True:
                self.socket.recv(timeout=within)
        except ConnectionClosed as closed:
            return closed.rcvd and closed.rcvd.code


@contextlib.contextmanager
def talking(address, query="", token=None):
    """A connected client."""
    headers = {"Authorization": f"Bearer {token}"} if token else None
    url = f"ws://{address}/notifications/ws{query}"
    with connect(url, additional_headers=headers, proxy=None, close_timeout=5) as socket:
        yield Talker(socket)
