"""The document for the shop's programmers is complete, valid, and the one that is committed."""

from jsonschema import Draft202012Validator

from ivr.shop.openapi import describe
from ivr.shop.services import SERVICES
from tests.ivr.shop.reference_shop import DOCUMENT


def test_the_committed_document_is_the_current_one() -> None:
    mend = "run: .venv/bin/python -m ivr.shop.openapi > docs/shop-openapi.json"
    assert describe() == DOCUMENT, mend


def test_it_describes_every_service_in_schemas_that_are_schemas() -> None:
    assert set(DOCUMENT["paths"]) == {f"/{name}" for name in SERVICES}
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for path in DOCUMENT["paths"].values():
        operation = path["post"]
        asked = operation["requestBody"]["content"]["application/json"]["schema"]
        said = operation["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator.check_schema(asked)
        Draft202012Validator.check_schema(said)
