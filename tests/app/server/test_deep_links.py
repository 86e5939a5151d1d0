"""Addresses of pages: each name answers with the document that says where the server is; the first leads to /."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.server.deep_links import DeepLinks, page_document, page_names


async def behind(request):
    return PlainTextResponse(f"behind {request.url.path}")


@pytest.fixture
def client():
    routes = [Route("/{rest:path}", behind, methods=["GET", "POST"])]
    app = Starlette(routes=routes, middleware=[Middleware(DeepLinks, names=lambda: ("analyze", "jobs"))])
    return TestClient(app, follow_redirects=False)


@pytest.mark.parametrize("address", ["/", "/jobs", "/jobs/", "/jobs?job=x"])
def test_a_page_answers_with_the_document_that_names_its_server(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.text.index("BACKEND_BASE_URL") < answer.text.index('type="module"'), "before Streamlit's own script"
    assert '["analyze", "jobs"]' in answer.text
    head = client.head(address)
    assert (head.status_code, head.text) == (200, "")
    assert head.headers["content-length"] == answer.headers["content-length"]


@pytest.mark.parametrize(
    ("address", "place"),
    [("/analyze", "./"), ("/analyze/", "../"), ("/analyze?job=a&x=%20", "./?job=a&x=%20")],
)
def test_the_first_page_has_its_name_too(client, address, place):
    answer = client.get(address)
    assert (answer.status_code, answer.headers["location"]) == (307, place)
    followed = client.get(address, follow_redirects=True)
    assert followed.url.path == "/"
    assert followed.status_code == 200


@pytest.mark.parametrize("address", ["/_stcore/health", "/static/js/a.js", "/favicon.png", "/nowhere", "/jobs/x"])
def test_all_else_is_streamlits(client, address):
    assert client.get(address).text == f"behind {address}"


def test_what_is_sent_is_streamlits(client):
    assert client.post("/jobs").text == "behind /jobs"


def test_the_document_is_streamlits_with_one_script_more():
    from app.server.deep_links import INDEX, SCRIPT

    names = page_names()
    assert names[0] == "analyze"
    assert "jobs" in names
    added = len(page_document(names).decode()) - len(INDEX.read_text())
    assert added == len(SCRIPT % str(list(names)).replace("'", '"'))
