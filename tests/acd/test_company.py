"""Queues and agents from files: what is right is loaded, what is wrong is named with its place."""

import shutil
from pathlib import Path

import pytest

from acd.company import load_company
from store.source import BadFile

EXAMPLE = Path(__file__).parents[2] / "company"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("queues.yaml", "agents.yaml"):
        shutil.copy(EXAMPLE / name, tmp_path / name)
    return tmp_path


def test_the_example_company() -> None:
    company = load_company(EXAMPLE)
    assert list(company.queues) == [
        "presale", "order", "logistics", "returns", "complaints", "general", "vip",
    ]  # fmt: skip
    assert len(company.agents) == 8
    for queue in company.queues:
        for language in ("zh-CN", "en"):
            needs = dict(company.requirement(queue, language).every)
            able = [agent for agent in company.agents.values() if agent.has(needs)]
            assert able, f"nobody can ever serve {queue} in {language}"


@pytest.mark.parametrize(
    "file, old, new, complaint",
    [
        ("queues.yaml", "ring: 15", "ring: 0", "queues.0.ring"),
        ("queues.yaml", "id: order\n", "id: presale\n", "used twice"),
        ("queues.yaml", "{presale: 1}", "{presales: 1}", "no agent has the skill presales"),
        ("queues.yaml", "target: 0.8", "targte: 0.8", "targte"),
        ("agents.yaml", "presale: 8", "presale: 11", "presale"),
        ("agents.yaml", '"8002"', '"80x2"', "agents.1.id"),
        ("agents.yaml", "english: 7", "englisch: 7", "asks for the skill englisch"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(
    folder: Path, file: str, old: str, new: str, complaint: str
) -> None:
    text = (folder / file).read_text()
    assert old in text
    line = text[: text.index(old)].count("\n") + 1
    (folder / file).write_text(text.replace(old, new, 1))
    with pytest.raises(BadFile) as bad:
        load_company(folder)
    assert complaint in str(bad.value)
    assert f"{file}:{line}:" in str(bad.value)
