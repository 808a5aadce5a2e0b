"""One instant query over HTTP, within its time and size, whatever the server does."""

import base64
import contextlib
import threading
from collections import deque
from datetime import datetime
from types import TracebackType
from typing import Any, Self, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from app.core.durations import format_duration
from app.core.watch import Watch, Watched
from app.telemetry.datasources.domain import Datasource, QueryFailed, SourceFailed
from app.telemetry.prometheus.answers import Answer, answers_of

MAX_ANSWER = 10 * 1024 * 1024
_CHUNK = 64 * 1024
_MOST_IDLE = 32  # sessions kept for one server
_THEIR_SHARE = 0.9  # of the timeout: so a server that takes it says so itself, before we hang up


class _Dropped(SourceFailed):
    """The connection ended before the answer came."""


class Sessions:
    """Sessions with open connections, each used by one thread at a time and kept for the next. Made once a process."""

    def __init__(self) -> None:
        self._idle: dict[str, deque[requests.Session]] = {}
        self._lock = threading.Lock()
        #: URLs of servers that know the query API by GET only.
        self.get_only: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def take(self, url: str) -> requests.Session | None:
        """An idle session for a server, that nobody else uses until it is given back; None when there is none."""
        with self._lock:
            waiting = self._idle.get(url)
            return waiting.pop() if waiting else None

    def give_back(self, url: str, session: requests.Session) -> None:
        """Keep a session whose last answer was read to its end."""
        session.cookies.clear()
        with self._lock:
            waiting = self._idle.setdefault(url, deque())
            if len(waiting) < _MOST_IDLE:
                waiting.append(session)
                return
        session.close()

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle = [session for waiting in self._idle.values() for session in waiting]
            self._idle.clear()
        for session in idle:
            session.close()


def ask(opened: Sessions, source: Datasource, query: str, at: datetime) -> list[Answer]:
    """What `query` is at the time `at`, without metric names; no two results have the same labels.

    Blocks for the source's timeout at most, name resolution aside.
    SourceFailed when the server is at fault, QueryFailed when the query is.
    """
    try:
        if source.problem is not None:
            raise SourceFailed(source.problem)
        return _ask(opened, source, query, at)
    except SourceFailed as error:
        raise SourceFailed(f"data source {source.name}: {error}", answered=error.answered) from None


def _ask(opened: Sessions, source: Datasource, query: str, at: datetime) -> list[Answer]:
    try:
        query.encode()
    except UnicodeEncodeError:
        raise QueryFailed("the query holds half of a surrogate pair, which is no text") from None
    method = "GET" if source.url in opened.get_only else "POST"
    status, body, location = _exchange(opened, source, method, query, at)
    if status == 405 and method == "POST":
        opened.get_only.add(source.url)
        status, body, location = _exchange(opened, source, "GET", query, at)
    return answers_of(status, body, location)


def _exchange(opened: Sessions, source: Datasource, method: str, query: str, at: datetime) -> tuple[int, bytes, str]:
    """Status, body and Location of the answer."""
    session = opened.take(source.url)
    if session is not None:
        with contextlib.suppress(
            _Dropped
        ):  # a server may close an idle connection at any moment; queries change nothing
            return _send(opened, session, source, method, query, at)
    return _send(opened, _new_session(), source, method, query, at)


def _new_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # neither proxies nor a .netrc of the environment: what is configured is what is asked
    session.mount("http://", _WatchedAdapter())
    session.mount("https://", _WatchedAdapter())
    return session


def _send(
    opened: Sessions, session: requests.Session, source: Datasource, method: str, query: str, at: datetime
) -> tuple[int, bytes, str]:
    seconds = source.timeout.total_seconds()
    fields = {"query": query, "time": f"{at.timestamp():.3f}", "timeout": f"{round(seconds * 1000 * _THEIR_SHARE)}ms"}
    is_whole = False
    # The library's timeout counts between two bytes; the watch ends an answer that drips for ever.
    with Watch(seconds) as watch:
        try:
            with session.request(
                method,
                f"{source.url}/api/v1/query",
                params=fields if method == "GET" else None,
                data=fields if method == "POST" else None,
                headers=_headers(source),
                timeout=seconds,
                allow_redirects=False,
                stream=True,
            ) as response:
                found = response.status_code, _read(response), response.headers.get("Location", "")
            is_whole = not watch.fired  # what a shut socket leaves looks like an end
        except requests.exceptions.ConnectTimeout:
            raise SourceFailed(f"no connection within {format_duration(source.timeout)}") from None
        except (requests.exceptions.RequestException, HTTPError, OSError, ValueError) as error:
            if watch.fired or isinstance(error, requests.exceptions.ReadTimeout):
                raise SourceFailed(_no_answer(source)) from None
            kind = _Dropped if isinstance(error, requests.exceptions.ConnectionError) else SourceFailed
            raise kind(_reason(error)) from None
        finally:
            if is_whole:
                opened.give_back(source.url, session)
            else:
                session.close()
    if not is_whole:
        raise SourceFailed(_no_answer(source))
    return found


def _headers(source: Datasource) -> dict[str, str]:
    # A compressed body may be a thousand times what its length says.
    headers = {"User-Agent": "alerting", "Accept": "application/json", "Accept-Encoding": "identity", **source.headers}
    if source.token is not None:
        headers["Authorization"] = f"Bearer {source.token}"
    elif source.username is not None:
        pair = f"{source.username}:{source.password or ''}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return headers


def _read(response: requests.Response) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise SourceFailed(f"the answer is encoded as {encoding[:50]}, which was not asked for")
    chunks: list[bytes] = []
    size = 0
    while chunk := response.raw.read(_CHUNK, decode_content=False):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_ANSWER:
            raise SourceFailed(
                f"the answer is larger than {MAX_ANSWER // 2**20} MiB; aggregate the query", answered=True
            )
    return b"".join(chunks)


def _reason(error: Exception) -> str:
    inner: BaseException = error
    while inner.args and isinstance(inner.args[0], BaseException):
        inner = inner.args[0]
    reason = getattr(inner, "reason", None) or inner
    return f"{type(reason).__name__}: {reason}"[:500].replace("\x00", "")


def _no_answer(source: Datasource) -> str:
    return f"no answer within {format_duration(source.timeout)}"


class _WatchedTls(Watched, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = cast(Any, Watched)


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = cast(Any, _WatchedTls)


class _WatchedAdapter(HTTPAdapter):
    """requests' transport over connections that a Watch can end."""

    def __init__(self) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
