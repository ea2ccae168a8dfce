"""What surrounds every request: headers, problem documents, pages, never a 500 of a client's."""

import json

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboards.server import POLICY, ROUTES
from dashboards.views import Problem
from store.accounts import Role
from tests.dashboards.conftest import Browser


@pytest.mark.parametrize("path", ["/", "/wall", "/healthz", "/api/v1/board", "/nothing.png"])
async def test_every_answer_is_protected(browser: Browser, path: str) -> None:
    answer = await browser.get(path)
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert "script-src 'self';" in POLICY
    assert "unsafe" not in POLICY
    assert "frame-ancestors 'none'" in POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"


async def test_pages_and_assets_come_with_fitting_caches(browser: Browser) -> None:
    page = await browser.get("/contacts/huawu-1.2")
    assert (await page.text()).startswith("<!doctype html>")
    assert page.headers["Cache-Control"] == "no-cache"
    asset = await browser.get("/assets/index-abc.js")
    assert "immutable" in asset.headers["Cache-Control"]
    assert asset.content_type.endswith("javascript")
    assert (await browser.get("/assets/missing.js")).status == 404
    assert (await browser.get("/api/v2/nothing")).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/assets/..%2f..%2fhuawu.db",
        "/..%2fhuawu.db",
        "/assets/%2e%2e/%2e%2e/huawu.db",
        "/%00",
        "/assets/%00.js",
        "/%ff%fe",
        "/" + "a" * 3000,
    ],
)
async def test_paths_that_leave_the_folder_find_nothing(browser: Browser, path: str) -> None:
    from yarl import URL

    answer = await browser.get(URL(path, encoded=True))
    assert answer.status < 500
    assert b"SQLite" not in await answer.read()


async def test_pages_that_are_not_built_say_so(app: web.Application, browser: Browser) -> None:
    from dashboards.routes import PORTS

    (app[PORTS].dist / "index.html").unlink()
    answer = await browser.get("/")
    assert answer.status == 503
    assert "huawu up" in await answer.text()


async def test_nothing_is_shown_to_who_is_not_signed_in(browser: Browser) -> None:
    for route in (route for route in ROUTES if route.roles is not None):
        path = route.path.replace("{", "").replace("}", "")
        answer = await browser.request(route.method, path)
        assert answer.status == 401, route.name
        assert answer.content_type == "application/problem+json"
        assert Problem.model_validate_json(await answer.read()).status == 401


def test_only_these_are_open() -> None:
    """A new route is closed unless this list is changed too."""
    assert {route.path for route in ROUTES if route.roles is None} == {
        "/api/v1/session",
        "/api/openapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    assert all(route.roles is None or route.roles <= set(Role) for route in ROUTES)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Huawu": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_changes_from_another_site_are_refused(
    boss: Browser, headers: dict[str, str]
) -> None:
    answer = await boss.post("/api/v1/agents/8001/state", json={"state": "ready"}, headers=headers)
    assert answer.status == 403
    assert (await answer.json())["type"] == "urn:huawu:problem:cross-site"


async def test_our_own_origin_is_welcome(boss: Browser) -> None:
    own = str(boss.make_url("/")).rstrip("/")
    answer = await boss.post(
        "/api/v1/agents/8001/state", json={"state": "ready"}, headers={"Origin": own}
    )
    assert answer.status == 204


async def test_a_wrong_method_is_a_problem_document(browser: Browser) -> None:
    answer = await browser.put("/api/v1/session")
    assert answer.status == 405
    assert answer.content_type == "application/problem+json"
    assert "POST" in answer.headers["Allow"]


BAD_BODIES = (
    (b"", None),
    (b"{", None),
    (b"[]", "body"),
    (b'"x"', "body"),
    (b"null", "body"),
    (b"[" * 30_000, None),
    (b"\xff\xfe", None),
    (b'{"state": "asleep"}', "state"),
    (b'{"state": 7}', "state"),
    (b'{"reason": "x"}', "state"),
    (b'{"state": "ready", "extra": 1}', "extra"),
    (b'{"state": "not_ready", "reason": "a\\nb"}', "reason"),
    (b'{"state": "not_ready", "reason": "' + b"x" * 61 + b'"}', "reason"),
)


async def test_a_bad_body_is_a_400_that_names_the_field(boss: Browser) -> None:
    for body, field in BAD_BODIES:
        answer = await boss.post("/api/v1/agents/8001/state", data=body)
        assert answer.status == 400, body[:50]
        problem = await answer.json()
        assert problem["type"] == "urn:huawu:problem:invalid-request"
        if field:
            assert [fault["field"] for fault in problem["errors"]] == [field], body[:50]


async def test_a_large_body_is_refused(boss: Browser) -> None:
    answer = await boss.post("/api/v1/agents/8001/state", data=b" " * 100_000)
    assert answer.status == 413
    assert answer.content_type == "application/problem+json"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=st.fixed_dictionaries({"state": json_values, "reason": json_values}) | json_values,
    query=st.dictionaries(st.sampled_from(["cursor", "limit", "x"]), st.text(max_size=20)),
)
async def test_whatever_is_sent_is_never_our_fault(
    boss: Browser, body: object, query: dict[str, str]
) -> None:
    sent = json.dumps(body).encode("utf-8", "surrogatepass")
    answer = await boss.post("/api/v1/agents/8001/state", data=sent)
    assert answer.status in (204, 400)
    printable = {k: v.encode("utf-8", "replace").decode() for k, v in query.items()}
    assert (await boss.get("/api/v1/contacts", params=printable)).status in (200, 400)
