"""The texts that people read, from the same two files that the pages are built with.

One catalogue: ``web/src/locales/<language>.json``. Placeholders are ``{name}``; nothing else is
special here. vue-i18n reads the same files, so keys with a dot inside (``TalkEnded.reason``) are
only for this module.
"""

import functools
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

LOCALES = Path(__file__).parent / "web" / "src" / "locales"
LANGUAGES = ("zh-CN", "en")

_PLACE = re.compile(r"\{(\w+)\}")


@functools.cache
def catalogue(language: str) -> Mapping[str, Any]:
    """All texts of one language, as nested mappings.

    Raises:
        FileNotFoundError: there is no such language.
    """
    texts: dict[str, Any] = json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))
    return texts


def find(language: str, *path: str) -> str | None:
    """The text at a path, or None."""
    node: Any = catalogue(language)
    for key in path:
        if not isinstance(node, Mapping) or key not in node:
            return None
        node = node[key]
    return node if isinstance(node, str) else None


def fill(text: str, values: Mapping[str, object]) -> str:
    """Put values into ``{places}``; a place without a value stays visible as it is."""
    return _PLACE.sub(lambda place: str(values.get(place[1], place[0])), text)


def both(tell: Callable[[str], str]) -> dict[str, str]:
    """What ``tell`` says in each language."""
    return {language: tell(language) for language in LANGUAGES}


def named(names: Mapping[str, str], language: str) -> str:
    """A name in one language, or in another one that it has; "" when it has none."""
    return names.get(language) or next(iter(names.values()), "")


def say(language: str, path: tuple[str, ...], values: Mapping[str, object] | None = None) -> str:
    """A text with its places filled; the last word of the path when the text is missing."""
    text = find(language, *path)
    return path[-1] if text is None else fill(text, values or {})
