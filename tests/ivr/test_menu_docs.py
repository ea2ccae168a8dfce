"""What docs/menus.md shows is what the files may say."""

import re
from pathlib import Path

from ivr.nodes import KINDS, FlowData
from ivr.scenarios import ScenarioFile
from store.source import parse_source

DOCS = Path(__file__).resolve().parents[2] / "docs" / "menus.md"


def block(first: str) -> object:
    """The data of the block of YAML that begins so."""
    text = DOCS.read_text(encoding="utf-8")
    found = re.search(rf"(?ms)^```yaml\n({first}.*?)^```", text)
    assert found, first
    return parse_source(found[1].encode(), DOCS).data


def test_the_documented_nodes_are_nodes_of_every_kind() -> None:
    flow = FlowData.model_validate(
        {"name": "shown", "start": "hello", "languages": ["zh-CN", "en"], "nodes": block("hello:")}
    )
    assert set(KINDS) - {node.kind for node in flow.nodes.values()} == {"goto", "return"}


def test_the_documented_flow_and_scenario_have_the_right_shape() -> None:
    assert FlowData.model_validate(block("name: shop")).person == "person"
    (scenario,) = ScenarioFile.model_validate(block("scenarios:\n  - name: 物流停滞")).scenarios
    assert scenario.needs_memory
