"""A stand-in for a Prometheus server: answers instant queries from a dict, and fails in every way that servers fail."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.receivers.answering import status as reply


class StandIn(ThreadingHTTPServer):
    """Answers `/prefix/api/v1/query` with `answers[query]`: a value of result(), or a function of the handler.

    `asked` are the queries as they came, each (method, fields, headers); an unknown query is answered by an empty
    vector. With `authorization`, requests without that header are answered 401.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, answers, *, authorization=None, methods=("GET", "POST")):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = {"vector(1)": vector(({}, "1")), **answers}
        self.authorization = authorization
        self.methods = methods
        self.asked = []
        self.connections = set()
        self.n_open = self.n_most_open = 0
        self.ending = threading.Event()
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/prefix"

    @property
    def queries(self):
        return [fields["query"] for _, fields, _ in list(self.asked)]

    def handle_error(self, request, client_address):
        """Nothing: a client that hangs up is part of the test."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer(urlsplit(self.path).query)

    def do_POST(self):
        self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def _answer(self, encoded):
        server = self.server
        fields = {name: values[0] for name, values in parse_qs(encoded, keep_blank_values=True).items()}
        with server.lock:
            server.connections.add(self.client_address)
            server.asked.append((self.command, fields, dict(self.headers)))
            server.n_open += 1
            server.n_most_open = max(server.n_most_open, server.n_open)
        try:
            self._say(fields)
        finally:
            with server.lock:
                server.n_open -= 1

    def _say(self, fields):
        if self.command not in self.server.methods:
            reply(405, b"method not allowed")(self)
        elif urlsplit(self.path).path != "/prefix/api/v1/query":
            reply(404, b"404 page not found")(self)
        elif self.server.authorization not in (None, self.headers.get("Authorization")):
            reply(401, b"unauthorized")(self)
        else:
            answer = self.server.answers.get(fields["query"], vector())
            if callable(answer):
                answer(self)
            else:
                reply(200, json.dumps({"status": "success", "data": answer}).encode())(self)

    def log_message(self, *arguments):
        """Nothing: the test's own output stays readable."""


def vector(*results, at=1.5):
    """The data of an instant vector of (labels, value) pairs."""
    return {"resultType": "vector", "result": [{"metric": labels, "value": [at, value]} for labels, value in results]}


def scalar(value):
    """The data of a scalar."""
    return {"resultType": "scalar", "result": [1.5, value]}


def failure(status, kind, message):
    """An error in the words of the query API."""
    return reply(status, json.dumps({"status": "error", "errorType": kind, "error": message}).encode())


def drip(handler):
    """A body that never ends, a byte at a time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(OSError):
        while not handler.server.ending.wait(0.02):
            handler.wfile.write(b"1\r\n \r\n")
    handler.close_connection = True


def endless(handler):
    """A body without an end, as fast as it goes."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    with contextlib.suppress(OSError):
        while not handler.server.ending.is_set():
            handler.wfile.write(b" " * 65536)
    handler.close_connection = True


def cut_short(handler):
    """Half of the body that was promised."""
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"status": "succ')
    handler.close_connection = True


@contextlib.contextmanager
def prometheus(answers=None, **options):
    """A running stand-in with these answers."""
    with StandIn(answers or {}, **options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.ending.set()
            server.shutdown()
            thread.join()
