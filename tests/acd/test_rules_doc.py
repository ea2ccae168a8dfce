"""Every example of docs/rules.md is what the program understands."""

import re
from pathlib import Path

import pytest
import yaml

from acd.rules import PRESETS, AgentProfile, Queue, Routing, Strategy

TEXT = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n# (\w+)\.yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("file, example", EXAMPLES)
def test_an_example_is_understood(file: str, example: str) -> None:
    data = yaml.safe_load(example)
    if file == "agents":
        assert [AgentProfile(**agent) for agent in data]
    elif file == "routing":
        Routing(**data)
    else:
        Queue(**{"id": "x", "name": {"en": "X"}, "skills": {}, **data})


def test_every_word_of_the_language_is_explained() -> None:
    for model in (Queue, Routing, AgentProfile):
        for name in model.model_fields:
            assert name in TEXT, name
    for word in (*Strategy, *PRESETS, "ringall"):
        assert f"`{word}`" in TEXT
