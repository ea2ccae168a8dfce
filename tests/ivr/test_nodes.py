"""Every kind of node tells its ways on, and where in the file each is written."""

import pytest
from pydantic import TypeAdapter, ValidationError

from ivr.nodes import Node, edges

NODE = TypeAdapter(Node)
TEXT = {"zh-CN": "好"}


@pytest.mark.parametrize(
    "data, ways",
    [
        ({"kind": "say", "text": TEXT, "next": "a"}, {("next",): "a"}),
        ({"kind": "goto", "next": "a"}, {("next",): "a"}),
        (
            {"kind": "language", "text": TEXT, "keys": {"1": "en"}, "default": "en", "next": "a"},
            {("next",): "a", (): "person"},
        ),
        (
            {"kind": "menu", "text": TEXT, "keys": {"1": "a", "2": "b"}},
            {("keys", "1"): "a", ("keys", "2"): "b", (): "person"},
        ),
        (
            {"kind": "hours", "hours": "x", "open": "a", "closed": "b"},
            {("open",): "a", ("closed",): "b"},
        ),
        (
            {"kind": "customer", "cases": {"vip": "a"}, "otherwise": "b"},
            {("cases", "vip"): "a", ("otherwise",): "b"},
        ),
        ({"kind": "queue", "queue": "general"}, {}),
        ({"kind": "hang_up"}, {}),
    ],
)
def test_ways_on(data, ways):
    assert dict(edges(NODE.validate_python(data), "person")) == ways


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "say", "text": {"zh-CN": "好" * 501}, "next": "a"},
        {"kind": "say", "text": TEXT, "next": "A"},
        {"kind": "say", "text": TEXT, "next": "x" * 41},
        {"kind": "menu", "text": TEXT, "keys": {}, "wait": 10**9},
        {"kind": "menu", "text": TEXT, "keys": {}, "wait": -1},
        {"kind": "menu", "text": TEXT, "keys": {}, "tries": 10**9},
        {"kind": "system", "command": "rm"},
    ],
)
def test_out_of_bounds(data):
    with pytest.raises(ValidationError):
        NODE.validate_python(data)
