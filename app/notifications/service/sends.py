"""Sending: the messages that a process has under way, with no transaction open."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

import structlog

from app.core.clock import utcnow
from app.core.errors import AppError
from app.core.runtime import Runtime
from app.notifications.channels import webhook, websocket
from app.notifications.domain import Attempt, ChannelType, Done, Outcome, Sending

CHANNELS: dict[str, Callable[[Sending, Runtime], Attempt]] = {
    ChannelType.WEBSOCKET.value: websocket.send,
    ChannelType.WEBHOOK.value: webhook.send,
}
_GATHER_S = 0.05
log = structlog.get_logger(__name__)


class Sends:
    """Messages under way in threads; one channel gets at most half of them, so that its slowness is its own."""

    def __init__(self, runtime: Runtime, executor: ThreadPoolExecutor, concurrency: int) -> None:
        self._runtime = runtime
        self._executor = executor
        self._concurrency = concurrency
        self._share = max(1, concurrency // 2)
        self._under_way: dict[Future[Done], Sending] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    @property
    def room(self) -> int:
        """How many messages can be taken on now."""
        return min(self._share, self._concurrency - len(self._under_way))

    @property
    def crowded(self) -> list[str]:
        """Channels that have their share under way."""
        count = Counter(sending.channel_id for sending in self._under_way.values())
        return [channel_id for channel_id, n in count.items() if n >= self._share]

    def start(self, messages: Sequence[Sending]) -> None:
        """Begin to send."""
        for sending in messages:
            self._under_way[self._executor.submit(_done, sending, self._runtime)] = sending

    def finished(self, patience_s: float) -> list[Done]:
        """What has ended: waits up to `patience_s` for the first, then briefly for what ends together with it."""
        if not self._under_way:
            return []
        done, others = wait(self._under_way, patience_s, FIRST_COMPLETED)
        if done and others:
            # What started together ends nearly together, and one write for all is cheaper than one for each.
            done |= wait(others, _GATHER_S).done
        for future in done:
            del self._under_way[future]
        return [future.result() for future in done]


@contextmanager
def open_sends(runtime: Runtime) -> Iterator[Sends]:
    """Threads to send in; leaving waits for what is under way."""
    concurrency = runtime.settings.delivery_concurrency
    with ThreadPoolExecutor(concurrency, thread_name_prefix="send") as executor:
        yield Sends(runtime, executor, concurrency)


def open_types(runtime: Runtime) -> list[str]:
    """Types of channel that can take messages now: the WebSocket only while somebody is connected."""
    closed = set() if websocket.anybody_connected(runtime.redis) else {ChannelType.WEBSOCKET}
    return [type_.value for type_ in ChannelType if type_ not in closed]


def send_one(sending: Sending, runtime: Runtime) -> Attempt:
    """Send one message and say how that ended; never raises, so that a message that cannot be sent fails alone."""
    try:
        return CHANNELS[sending.channel_type](sending, runtime)
    except AppError as error:
        return Attempt(Outcome.PERMANENT, utcnow(), error=error.detail)
    except Exception as error:  # poison isolation
        log.exception("message cannot be sent", notification_id=sending.id, channel=sending.channel_id)
        return Attempt(Outcome.TEMPORARY, utcnow(), error=f"{type(error).__name__}: {error}"[:500])


def _done(sending: Sending, runtime: Runtime) -> Done:
    attempt = send_one(sending, runtime)
    log.info(
        "message tried",
        notification_id=sending.id,
        subject_id=sending.subject_id,
        alert_id=sending.subject_id if sending.subject_type == "alert" else None,
        channel=sending.channel_id,
        kind=sending.kind,
        outcome=attempt.outcome.value,
        latency_ms=attempt.latency_ms,
        error=attempt.error,
    )
    return Done(sending, attempt)
