"""A contact's attributes as one channel variable: nothing in them can do harm on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.attributes import (
    LONGEST_ATTRIBUTES,
    attributes_from_variable,
    attributes_to_variable,
)

NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)


@given(st.dictionaries(NAMES, st.text(min_size=1, max_size=6), max_size=5))
def test_what_is_written_is_read_back(attributes: dict[str, str]) -> None:
    written = attributes_to_variable(attributes)
    assert attributes_from_variable(written) == attributes
    assert not set(written) & set('\r\n"\\,${}[]();|^ ')


def test_what_does_not_fit_is_left_out() -> None:
    written = attributes_to_variable({f"name{number:02}": "投" * 40 for number in range(30)})
    assert len(written) <= LONGEST_ATTRIBUTES
    assert attributes_from_variable(written)["name00"] == "投" * 40


@pytest.mark.parametrize(
    "text",
    ["", "tier", "&&", "属性=一", "a=1&" * 40 + "b=2", "a=" + "1" * 2000, "(null)"],
)
def test_what_nobody_can_have_written_means_nothing(text: str) -> None:
    assert attributes_from_variable(text) == {}
