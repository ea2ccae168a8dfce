"""The drawings in ARCHITECTURE.md are those of the tables."""

from acd.drawings import DOCUMENT, TABLES, mermaid, with_drawings


def test_the_document_shows_the_tables_of_today() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == with_drawings(text), "run: python -m acd.drawings"
    for table in TABLES.values():
        assert mermaid(table) in text
