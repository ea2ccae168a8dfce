"""docs/self-service.md names every service, argument, result and value, and the example orders."""

from pathlib import Path

from ivr.shop.services import SERVICES
from tests.ivr.shop.shops import ENDS

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "self-service.md").read_text("utf-8")


def test_the_table_is_complete() -> None:
    rows = {line.split("`")[1]: line for line in TEXT.splitlines() if line.startswith("| `")}
    for name, service in SERVICES.items():
        words = {*service.takes, *service.results}
        words |= {value for model in service.results.values() for value in model.model_fields}
        missing = {word for word in words if f"`{word}`" not in rows[name]}
        assert not missing, name


def test_the_example_orders_are_those_of_the_file() -> None:
    for number, end in ENDS.items():
        assert f"| {number}" in TEXT
        assert f"| {end} |" in TEXT
