"""Addresses of pages: the page that opens first also has its own name, and no page makes the browser guess.

Streamlit's browser part looks for its server below the page's address first (`/jobs/_stcore/health`), gets two 404s
and goes one step up. It asks no such question where `window.__streamlit.BACKEND_BASE_URL` says where the server is, so
the document of a page says it: the page's address without the page's name, which is also right behind a proxy with a
prefix. The first page has the empty address in Streamlit; its name leads there.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

INDEX = Path(streamlit.__file__).parent / "static" / "index.html"
SCRIPT = """<script>
      window.__streamlit = { BACKEND_BASE_URL: (function (names) {
        var parts = location.pathname.replace(/\\/+$/, "").split("/")
        if (names.includes(parts[parts.length - 1])) parts.pop()
        return location.origin + parts.join("/") + "/"
      })(%s) }
    </script>
    """


@cache
def page_names() -> tuple[str, ...]:
    """Return the names of the pages in their addresses, the page that opens first at the head."""
    from app.ui.navigation import modules  # imports every page, so only when one is asked for

    return tuple(module.PAGE.url for module in modules())


@cache
def page_document(names: Sequence[str]) -> bytes:
    """Build the document that every page's address answers with.

    Args:
        names: Names of pages in their addresses.

    Returns:
        Streamlit's index.html with SCRIPT before its first script.

    Raises:
        ValueError: Streamlit's index.html has no script: another Streamlit than the one this is written for.
    """
    text = INDEX.read_text(encoding="utf-8")
    if "<script" not in text:
        raise ValueError(f"{INDEX} holds no script; check app/server/deep_links.py against this Streamlit")
    return text.replace("<script", SCRIPT % json.dumps(list(names)) + "<script", 1).encode()


class DeepLinks:
    """ASGI middleware: it answers the addresses of pages, and leaves every other request to Streamlit.

    Attributes:
        app: Streamlit's application.
        names: Returns the names of pages, the first page at the head.
    """

    def __init__(self, app: Any, names: Callable[[], tuple[str, ...]] = page_names) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        name = scope.get("path", "").strip("/")
        asked_for_page = scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and "/" not in name
        if not asked_for_page or (name and name not in self.names()):
            await self.app(scope, receive, send)
            return
        if name == self.names()[0]:
            query = scope["query_string"]
            up = b"../" if scope["path"].endswith("/") else b"./"
            await _answer(scope, send, 307, [(b"location", up + (b"?" + query if query else b""))], b"")
            return
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-cache")]
        await _answer(scope, send, 200, headers, page_document(self.names()))


async def _answer(scope: Message, send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
