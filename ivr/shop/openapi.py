"""The shop's side of the REST adaptor as an OpenAPI document, made from the table of services.

``docs/shop-openapi.json`` is what this prints: ``python -m ivr.shop.openapi``.
"""

import json
import sys
from typing import Any

from pydantic.json_schema import models_json_schema

from ivr.shop.services import ARGUMENTS, SERVICES, ShopService

_REFERENCES = "#/components/schemas/{model}"

_ABOUT = """\
What the voice menu asks a shop. Every question is a POST with a JSON object, so that telephone \
numbers and the digits that check a caller stay out of addresses and access logs. Every answer is \
a JSON object with one of the operation's results and its values, all of them and no others.

Whatever is not answered with 200, in time and exactly as described here counts as no answer: the \
caller is told so and offered a person. Reads are asked again after a failure. What changes \
something carries an Idempotency-Key and is asked again with the same key: a shop does it once and \
answers both alike.

A service with last_four answers anything but wrong, locked and not_found only where these are the \
last four digits of the order's telephone number, and says locked after some wrong ones."""


def describe() -> dict[str, Any]:
    """The whole document."""
    models = {model for service in SERVICES.values() for model in service.results.values()}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema(
        [(model, "validation") for model in ordered], ref_template=_REFERENCES
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "A shop behind the voice menu", "version": "1", "description": _ABOUT},
        "security": [{"token": []}],
        "paths": {f"/{name}": {"post": _operation(name)} for name in SERVICES},
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(name: str) -> dict[str, Any]:
    service = SERVICES[name]
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": service.about,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": request_schema(service)}},
        },
        "responses": {
            "200": {
                "description": "The answer.",
                "content": {"application/json": {"schema": answer_schema(service)}},
            },
            "401": {"description": "The token is missing or wrong."},
            "429": {"description": "Too many questions; asked again once."},
            "503": {"description": "Not now; asked again once."},
        },
    }
    if service.changes:
        operation["parameters"] = [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            }
        ]
    return operation


def request_schema(service: ShopService) -> dict[str, Any]:
    """What is asked."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(service.takes),
        "properties": {
            name: {
                "type": "string",
                "pattern": ARGUMENTS[name].pattern,
                "description": ARGUMENTS[name].about,
            }
            for name in service.takes
        },
    }


def answer_schema(service: ShopService) -> dict[str, Any]:
    """What is answered: each result with its values."""
    return {
        "oneOf": [
            {
                "type": "object",
                "additionalProperties": False,
                "required": ["result", "values"],
                "properties": {
                    "result": {"const": result},
                    "values": {"$ref": _REFERENCES.format(model=model.__name__)},
                },
            }
            for result, model in service.results.items()
        ]
    }


def main() -> None:
    """Print the document."""
    json.dump(describe(), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
