"""Our servers answer to their own names only, and say how browsers are to treat what they send."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.server.host_check import HEADERS, Guard, host_name, trusted, trusted_names
from jobs.settings import Settings

NAMES = trusted_names(Settings(public_hosts="aware.example.org:8443, Other.example., [2001:db8::1]:1"))


@pytest.mark.parametrize(
    ("header", "ours"),
    [
        ("127.0.0.1:7860", True),
        ("[::1]:7860", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("localhost:8501", True),
        ("LOCALHOST", True),
        ("aware.example.org", True),
        ("aware.example.org:8443", True),
        ("aware.example.org.", True),
        ("other.example:443", True),
        ("OTHER.example.:443", True),
        ("localhost.:8501", True),
        ("evil.example.", False),
        (".", False),
        ("evil.example", False),
        ("evil.example:7860", False),
        ("aware.example.org.evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1@evil.example", False),
        ("", False),
    ],
)
def test_only_our_names_and_plain_addresses_are_ours(header, ours):
    assert trusted(header, NAMES) is ours


def test_a_port_is_no_part_of_a_name():
    assert [host_name(text) for text in ("a:80", "a", "[::1]:80", "::1", "A.B:1")] == ["a", "a", "::1", "::1", "a.b"]


async def speak(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


@pytest.fixture
def client():
    async def home(request):
        return PlainTextResponse("hello", headers={"Referrer-Policy": "unsafe-url"})

    routes = [Route("/", home), WebSocketRoute("/socket", speak)]
    with TestClient(Starlette(routes=routes, middleware=[Middleware(Guard, names=NAMES)])) as found:
        yield found


def test_another_name_is_refused_and_every_answer_is_marked(client):
    good = client.get("/", headers={"Host": "localhost:1"})
    assert (good.status_code, good.text) == (200, "hello")
    assert good.headers["x-content-type-options"] == "nosniff"
    assert good.headers["content-security-policy"] == "frame-ancestors 'self'"
    assert good.headers["referrer-policy"] == "unsafe-url", "what an application sets itself stays"
    bad = client.get("/", headers={"Host": "evil.example"})
    assert (bad.status_code, "hello" in bad.text) == (400, False)
    assert "AWARE_PUBLIC_HOSTS" in bad.text
    assert {name.decode() for name in HEADERS} <= set(bad.headers)


def test_sockets_are_guarded_too(client):
    with client.websocket_connect("/socket", headers={"Host": "127.0.0.1"}) as socket:
        assert socket.receive_text() == "hello"
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/socket", headers={"Host": "evil.example"}):
        pass


@pytest.mark.parametrize(("file", "layers"), [("server/asgi.py", ["Guard", "DeepLinks"]), ("demo.py", ["Guard"])])
def test_both_servers_stand_behind_the_guard(file, layers):
    """The guard is the outermost layer: nothing answers before it."""
    tree = ast.parse((Path(__file__).parents[3] / "app" / file).read_text())
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Middleware"
    ]
    assert [call.args[0].id for call in calls] == layers
    from app.server.up import MAIN

    assert MAIN.name == "asgi.py"
