"""The API's shapes as TypeScript, so that pages cannot drift from what the server sends.

``python -m dashboards.typescript`` rewrites ``web/src/api/types.ts``; a test fails when that file
is not what this module would write.
"""

from pathlib import Path
from typing import Any

from dashboards import openapi
from dashboards.server import ROUTES

FILE = Path(__file__).parent / "web" / "src" / "api" / "types.ts"

_HEAD = """// Written by `python -m dashboards.typescript` from the models in dashboards/views.py.
// Change the models, then run it again.
"""
_PLAIN = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "null": "null",
}


def render() -> str:
    """The whole file."""
    schemas: dict[str, Any] = openapi.describe(ROUTES)["components"]["schemas"]
    return "\n".join([_HEAD, *(_declare(name, schemas[name]) for name in sorted(schemas))])


def _declare(name: str, schema: dict[str, Any]) -> str:
    if schema.get("type") != "object":
        return f"export type {name} = {_type(schema)}\n"
    required = set(schema.get("required", []))
    # A field with a default is always sent, but need not be given in a request.
    lines = [
        f"  {field}{'' if field in required else '?'}: {_type(inner)}"
        for field, inner in schema.get("properties", {}).items()
    ]
    return "\n".join([f"export interface {name} {{", *lines, "}", ""])


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema or "enum" in schema:
        return " | ".join(repr(value) for value in schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return " | ".join(_type(inner) for inner in schema["anyOf"])
    kind = str(schema.get("type"))
    if kind == "array":
        inner = _type(schema["items"])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"Record<string, {_type(values) if isinstance(values, dict) else 'unknown'}>"
    return _PLAIN.get(kind, "unknown")


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(render(), encoding="utf-8")
