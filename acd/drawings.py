"""Draws the state tables for ARCHITECTURE.md, so that no drawing can disagree with its table.

``python -m acd.drawings`` writes them between the markers of that file; a test compares.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from acd import agent, contact

DOCUMENT = Path(__file__).parents[1] / "ARCHITECTURE.md"
Arrows = Iterable[tuple[str, str, str]]  # state, what happened, next state
TABLES: Mapping[str, list[tuple[str, str, str]]] = {
    "contact": [(*key, state) for key, state in contact.TRANSITIONS.items()],
    "agent": [(*key, state) for key, state in agent.TRANSITIONS.items()],
}


def mermaid(table: Arrows) -> str:
    """A table as a Mermaid state diagram; what leads the same way shares one arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for state, happened, following in table:
        arrows.setdefault((str(state), str(following)), []).append(str(happened))
    lines = [f"    {a} --> {b}: {', '.join(words)}" for (a, b), words in arrows.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def with_drawings(text: str) -> str:
    """The document with each drawing made anew between ``<!-- states: NAME -->`` markers."""
    for name, table in TABLES.items():
        begin, end = f"<!-- states: {name} -->", "<!-- end -->"
        drawing = f"{begin}\n{mermaid(table)}\n{end}"
        text = re.sub(f"{re.escape(begin)}.*?{end}", drawing, text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(with_drawings(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
