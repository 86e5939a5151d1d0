"""The proxy that ships for teams: it parses, and nothing reaches the workbench without login, limits and headers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from app.server.host_check import trusted, trusted_names
from jobs.settings import Settings

ROOT = Path(__file__).parents[3]
Directive = tuple[str, list[str], "list[Any] | None"]


def parse(text: str) -> list[Directive]:
    """An nginx configuration as (name, words, block or None). Raises ValueError where the grammar is broken."""
    text = re.sub(r"#[^\n]*", "", text)
    tokens = re.findall(r"\"[^\"]*\"|'[^']*'|\$\{\w+\}[^\s;{}]*|[^\s;{}]*\$\{\w+\}[^\s;{}]*|[;{}]|[^\s;{}]+", text)
    found, rest = _block(tokens, 0)
    if rest != len(tokens):
        raise ValueError("a closing brace too many")
    return found


def _block(tokens: list[str], at: int) -> tuple[list[Directive], int]:
    found: list[Directive] = []
    words: list[str] = []
    while at < len(tokens) and tokens[at] != "}":
        token, at = tokens[at], at + 1
        if token not in ";{":
            words.append(token.strip("\"'"))
            continue
        if not words:
            raise ValueError("a directive without a name")
        inner = None
        if token == "{":
            inner, at = _block(tokens, at)
            if at >= len(tokens):
                raise ValueError(f"{words[0]} is not closed")
            at += 1
        found.append((words[0], words[1:], inner))
        words = []
    if words:
        raise ValueError(f"{' '.join(words)} has no semicolon")
    return found, at


@pytest.fixture(scope="module")
def conf() -> list[Directive]:
    return parse((ROOT / "assets/proxy/nginx.conf.template").read_text().replace("${AWARE_SITE}", "aware.example.org"))


def named(block: list[Directive], name: str) -> list[list[str]]:
    return [words for found, words, _ in block if found == name]


def passing(conf: list[Directive]) -> dict[str, list[Directive]]:
    """Server blocks that pass something on, by name."""
    servers = [inner for name, _, inner in conf if name == "server" and inner is not None]
    return {named(s, "server_name")[0][0]: s for s in servers if any(n == "location" for n, _, _ in s)}


@pytest.mark.parametrize("broken", ["server { listen 80;", "server { listen 80 }", "listen 80; }", "{ }"])
def test_the_parser_refuses_what_nginx_would(broken):
    with pytest.raises(ValueError, match=r"."):
        parse(broken)


def test_every_way_in_asks_for_a_login_and_has_limits(conf):
    servers = passing(conf)
    assert set(servers) == {"aware.example.org", "demo.aware.example.org"}
    zones = {words[1].split("=")[1].split(":")[0] for words in named(conf, "limit_req_zone")}
    for server in servers.values():
        assert named(server, "auth_basic") not in ([], [["off"]])
        assert named(server, "auth_basic_user_file") == [["/etc/nginx/logins"]]
        assert all("ssl" in words for words in named(server, "listen"))
        size = int(named(server, "client_max_body_size")[0][0].removesuffix("m"))
        most = Settings.model_fields["upload_mb"].default
        assert most < size <= most * 1.1
        assert named(server, "limit_conn")
        for inner in (inner for name, _, inner in server if name == "location"):
            assert {words[0] for words in named(inner, "limit_req")} <= {f"zone={zone}" for zone in zones}
            assert named(inner, "limit_req")
            assert ["Host", "$http_host"] in named(inner, "proxy_set_header")
            assert not named(inner, "auth_basic"), "no location lets anybody past the login"
            assert not named(inner, "add_header"), "one here would drop those of the server"
        root = next(inner for name, words, inner in server if (name, words) == ("location", ["/"]))
        assert ["Upgrade", "$http_upgrade"] in named(root, "proxy_set_header"), "sockets"


def test_strangers_names_and_plain_http_get_nothing(conf):
    others = [inner for name, _, inner in conf if name == "server" and not any(n == "location" for n, _, _ in inner)]
    assert [named(inner, "return") or named(inner, "ssl_reject_handshake") for inner in others] == [
        [["301", "https://$host$request_uri"]],
        [["on"]],
    ]


def test_the_compose_file_uses_it_and_tells_the_servers_their_names():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    proxy = compose["services"]["proxy"]
    assert proxy["profiles"] == ["proxy"], "nobody gets it unasked"
    sources = [volume.split(":")[0] for volume in proxy["volumes"] if volume.startswith("./assets")]
    assert [(ROOT / source).is_file() for source in sources] == [True]
    hosts = compose["services"]["app"]["environment"]["AWARE_PUBLIC_HOSTS"].replace("${AWARE_SITE:-localhost}", "a.org")
    names = trusted_names(Settings(public_hosts=hosts))
    assert all(trusted(name, names) for name in ("a.org", "demo.a.org"))
    for server in ("app", "demo"):
        ports = compose["services"][server]["ports"]
        assert all(port.startswith("127.0.0.1:") for port in ports), "the way around the proxy is this machine's alone"
