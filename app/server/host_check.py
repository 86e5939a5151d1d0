"""Which host names the web servers answer to, and the security headers of every answer.

A foreign site can point its own name at 127.0.0.1 (DNS rebinding); its pages can then read what is served there. Such a
request still carries the foreign name in `Host`, so unknown names are refused. An address in numbers cannot be rebound.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from jobs.settings import Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"content-security-policy": b"frame-ancestors 'self'",
    b"x-frame-options": b"SAMEORIGIN",
}
REFUSED = b"This server does not answer to that name. Its operator can add it to AWARE_PUBLIC_HOSTS."


def trusted_names(settings: Settings) -> frozenset[str]:
    """Return the host names that the servers answer to, lower case, without a port."""
    named = ["localhost", socket.gethostname(), settings.host, *settings.public_hosts.split(",")]
    return frozenset(name for name in map(host_name, named) if name)


def host_name(header: str) -> str:
    """Return the name in a Host header, lower case, without port and final dot: `[::1]:7860` -> `::1`."""
    host = header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, _, port = host.partition(":")
    return (name if port.isdigit() else host).rstrip(".")


def trusted(header: str, names: frozenset[str]) -> bool:
    """Return whether the servers answer to a Host header.

    Args:
        header: Its value.
        names: Names that they answer to; an address in numbers always is one.

    Returns:
        True for a known name or an address.
    """
    host = host_name(header)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host in names
    return True


class Guard:
    """ASGI middleware: it refuses requests (400) and sockets for other names, and adds HEADERS to every answer."""

    def __init__(self, app: Any, names: frozenset[str]) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or not trusted(hosts[0], self.names):
            await _refuse(scope, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message.get("headers", [])}
                more = [(name, value) for name, value in HEADERS.items() if name not in present]
                message = {**message, "headers": [*message.get("headers", []), *more]}
            await send(message)

        await self.app(scope, receive, with_headers)


async def _refuse(scope: Message, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS.items()]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": REFUSED})
