"""The OpenAPI 3.1 document, made from the route table and the models. Pure.

Nothing is described twice: a route that is served is in the document, and a model's fields are
those that are checked.
"""

import re
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from dashboards.routes import COOKIE, PROOF, Route
from dashboards.views import Beat, Board, Delta, Desk, Problem

LIVE_MESSAGES: tuple[type[BaseModel], ...] = (Board, Delta, Beat, Desk)
"""What the WebSocket says; OpenAPI has no words for a socket, but holds the shapes."""

Mode = Literal["validation", "serialization"]

_REFERENCE = "#/components/schemas/{model}"
_PART = re.compile(r"\{(\w+)\}")


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """The document as JSON-ready values."""
    routes = list(routes)
    answers: set[type[BaseModel]] = {r.answer for r in routes if r.answer}
    answers |= {Problem, *LIVE_MESSAGES}
    bodies: set[type[BaseModel]] = {r.body for r in routes if r.body}
    inputs: list[tuple[type[BaseModel], Mode]] = [(model, "validation") for model in bodies]
    outputs: list[tuple[type[BaseModel], Mode]] = [(model, "serialization") for model in answers]
    ordered = sorted([*inputs, *outputs], key=lambda pair: (pair[0].__name__, pair[1]))
    _, schemas = models_json_schema(ordered, ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Huawu",
            "version": "1",
            "description": "Times are Unix seconds, durations seconds, shares 0..1.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": COOKIE}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": _responses(route),
        "security": [] if route.roles is None else [{"session": []}],
    }
    if route.roles is not None:
        operation["x-roles"] = sorted(role.value for role in route.roles)
    if route.body:
        schema = {"$ref": f"#/components/schemas/{route.body.__name__}"}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PART.findall(route.path)
    ]
    if route.query:
        properties = route.query.model_json_schema(ref_template=_REFERENCE)["properties"]
        found += [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in properties.items()
        ]
    if route.method not in ("GET", "HEAD"):
        found.append({"name": PROOF, "in": "header", "required": True, "schema": {"const": "1"}})
    return found


def _responses(route: Route) -> dict[str, Any]:
    problem = {
        "description": "Refused; the document says why",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    if route.answer:
        schema: dict[str, Any] = {"$ref": f"#/components/schemas/{route.answer.__name__}"}
        good = {"description": "Done", "content": {route.media_type: {"schema": schema}}}
        return {"200": good, "default": problem}
    if route.media_type != "application/json":
        return {
            "200": {"description": "Done", "content": {route.media_type: {}}},
            "default": problem,
        }
    return {"204": {"description": "Done"}, "default": problem}
