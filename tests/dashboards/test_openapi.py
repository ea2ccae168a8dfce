"""The description of the API is complete, valid, and what the pages are built from."""

from collections.abc import Iterator
from typing import Any

from aiohttp import web
from jsonschema import Draft202012Validator

from dashboards import openapi, typescript
from dashboards.server import ROUTES
from tests.dashboards.conftest import Browser


async def test_it_is_served_to_anybody(browser: Browser) -> None:
    document = await (await browser.get("/api/openapi.json")).json()
    assert document["openapi"].startswith("3.1.")
    assert document["paths"]["/api/v1/contacts"]["get"]["x-roles"] == [
        "admin",
        "agent",
        "supervisor",
    ]


def test_every_served_operation_is_described(app: web.Application) -> None:
    document = openapi.describe(ROUTES)
    served = {
        (resource.canonical, route.method)
        for resource in app.router.resources()
        for route in resource
        if route.method != "HEAD" and resource.canonical not in ("/assets/{name}", "/{path}")
    }
    described = {
        (path, method.upper()) for path, methods in document["paths"].items() for method in methods
    }
    assert served == described


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    document = openapi.describe(ROUTES)
    schemas = document["components"]["schemas"]
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


def test_operations_have_unique_names() -> None:
    names = [route.name for route in ROUTES]
    assert len(names) == len(set(names))


async def test_what_is_answered_fits_what_is_described(boss: Browser) -> None:
    document = openapi.describe(ROUTES)
    for path in ("/api/v1/board", "/api/v1/session", "/api/v1/contacts"):
        content = document["paths"][path]["get"]["responses"]["200"]["content"]
        schema = {**content["application/json"]["schema"], "components": document["components"]}
        Draft202012Validator(schema).validate(await (await boss.get(path)).json())


def test_the_pages_types_are_those_of_the_server() -> None:
    """Run `python -m dashboards.typescript` when this fails."""
    assert typescript.FILE.read_text(encoding="utf-8") == typescript.render()
