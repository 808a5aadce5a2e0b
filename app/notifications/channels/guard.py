"""Connections that cannot be talked into reaching inside addresses."""

import functools
import ipaddress
import socket
from typing import Any, ClassVar, cast

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from app.core.watch import Watched
from app.settings import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Refused(Exception):
    """The destination is an address that messages must not reach."""


def is_allowed(address: Address, allowed: tuple[Network, ...]) -> bool:
    """Whether messages may go to `address`: it is public, or in a network that the settings let through."""
    if any(address in network for network in allowed):
        return True
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return is_allowed(inner, allowed)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


def addresses_of(host: str, port: int, allowed: tuple[Network, ...]) -> list[str]:
    """The addresses of `host` that messages may go to; Refused when it has others only, gaierror when it has none."""
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    good = [text for text in found if is_allowed(ipaddress.ip_address(text.partition("%")[0]), allowed)]
    if not good:
        raise Refused(
            f"{host} is {', '.join(dict.fromkeys(found))}, which is no public address; "
            "ALERTING_WEBHOOK_ALLOWED_NETWORKS can let it through"
        )
    return list(dict.fromkeys(good))


class GuardedAdapter(HTTPAdapter):
    """requests' transport over guarded connections."""

    def __init__(self, allowed: tuple[Network, ...]) -> None:
        self._allowed = allowed
        super().__init__(pool_connections=16, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """A pool whose connections are guarded."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._allowed)


class _Guarded(Watched):
    """Resolves once, checks what came out, and connects to exactly that: a name cannot change its mind in between."""

    allowed: ClassVar[tuple[Network, ...]] = ()

    def _new_conn(self) -> socket.socket:
        try:
            addresses = addresses_of(self.host.strip("[]"), self.port, self.allowed)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        failed: OSError | None = None
        for address in addresses:
            try:
                return create_connection((address, self.port), self.timeout, self.source_address, self.socket_options)
            except OSError as error:
                failed = error
        if isinstance(failed, TimeoutError):
            raise ConnectTimeoutError(self, f"{self.host} did not take the connection in time") from failed
        raise NewConnectionError(self, f"{self.host}: {failed}") from failed


@functools.cache
def _pools(allowed: tuple[Network, ...]) -> dict[str, type[HTTPConnectionPool]]:
    networks = allowed

    class Plain(_Guarded):
        allowed = networks

    class Tls(_Guarded, HTTPSConnection):
        allowed = networks

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = cast(Any, Plain)

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = cast(Any, Tls)

    return {"http": PlainPool, "https": TlsPool}


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
