"""Every scenario file comes out as written; see tests/acd/scenario.py for their language."""

from pathlib import Path

import pytest

from tests.acd.scenario import FOLDER, Scenario, Wrong

FILES = sorted(FOLDER.rglob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FOLDER)))
def test_scenario(file: Path) -> None:
    Scenario(file).run()


def test_there_are_at_least_a_hundred() -> None:
    assert len(FILES) >= 100


def test_a_scenario_that_expects_something_else_fails(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(
        "title: t\nqueues: {order: {skills: {order: 1}}}\nagents: {8001: {order: 5}}\n"
        "day: [8001 is ready, a calls order, {expect: [a -> 8002]}]\n",
        encoding="utf-8",
    )
    with pytest.raises(Wrong, match=r"step 3.*a -> 8001"):
        Scenario(file).run()
