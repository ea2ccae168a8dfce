"""A contact's attributes on its channel, so that it can be adopted from there. Pure."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

#: Attributes that a channel variable may hold, and its characters at most; an AGI line has 2,048.
MOST_ATTRIBUTES = 32
LONGEST_ATTRIBUTES = 1500


def attributes_to_variable(attributes: Mapping[str, str]) -> str:
    """A contact's attributes as one channel variable: ``tier=vip&intent=returns``.

    Percent-encoded, so that no name or value can end the line or call a dialplan function. What
    does not fit any more is left out: the live store has all of it.
    """
    encoded = ""
    for pair in sorted(attributes.items()):
        longer = f"{encoded}&{urlencode([pair])}".removeprefix("&")
        if len(longer) > LONGEST_ATTRIBUTES:
            break
        encoded = longer
    return encoded


def attributes_from_variable(text: str) -> dict[str, str]:
    """The attributes that ``attributes_to_variable`` wrote; none when it cannot have written it."""
    if len(text) > LONGEST_ATTRIBUTES or not text.isascii():
        return {}
    try:
        return dict(parse_qsl(text, strict_parsing=True, max_num_fields=MOST_ATTRIBUTES))
    except ValueError:
        return {}
