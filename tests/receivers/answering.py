"""A webhook receiver that answers by script: statuses, silence, drips, redirects, bytes that are no HTTP."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ScriptedReceiver(ThreadingHTTPServer):
    """Answers with `script` in order, the last answer for ever; `messages` are (headers, raw body) as they came."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, script):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.script = list(script)
        self.messages = []
        self.connections = set()
        self.ending = threading.Event()
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook"

    @property
    def bodies(self):
        return [json.loads(body) for _, body in list(self.messages)]

    def about(self, condition):
        """The bodies for which `condition(body)` holds."""
        return [body for body in self.bodies if condition(body)]

    def next_answer(self):
        with self.lock:
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def handle_error(self, request, client_address):
        """Nothing: a client that hangs up is part of the script."""


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.connections.add(self.client_address)
        self.server.messages.append((dict(self.headers), body))
        self.server.next_answer()(self)

    def log_message(self, *arguments):
        """Nothing: the test's own output stays readable."""


def status(code, body=b"", **headers):
    """An answer with this status."""

    def answer(handler):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def silence(handler):
    """Take the body and say nothing until the test ends."""
    handler.server.ending.wait(30)
    handler.close_connection = True


def drip(handler):
    """A header that never ends, a byte at a time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    with contextlib.suppress(OSError):
        while not handler.server.ending.wait(0.02):
            handler.wfile.write(b".")
    handler.close_connection = True


def garbage(handler):
    """Bytes that are no HTTP."""
    handler.wfile.write(b"\x00\x01 what is this\r\n\r\n")
    handler.close_connection = True


def hang_up(handler):
    """Close without a word."""
    handler.close_connection = True


@contextlib.contextmanager
def answering(*script):
    """A running receiver with this script."""
    with ScriptedReceiver(script or [status(200)]) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.ending.set()
            server.shutdown()
            thread.join()
