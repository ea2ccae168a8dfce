"""How callers went: counted from what a dialogue really tells, and from made-up days."""

from ivr.traffic import Traffic, count_traffic
from telephony.events import MenuLeft, MenuStepTaken
from tests.ivr.small_company import ScriptedLine, walk
from tests.ivr.test_kinds import version

MENU = """
begin: {kind: menu, text: {zh-CN: 按一，重听请按二}, keys: {1: inner, 2: begin}}
inner: {kind: flow, flow: other, next: done}
"""
OTHER = """
name: other
start: ask
languages: [zh-CN]
nodes:
  ask: {kind: menu, text: {zh-CN: 按一}, keys: {1: told}}
  told: {kind: say, solves: true, text: {zh-CN: 好}, next: back}
  back: {kind: return}
"""


def arrived(contact: str, *nodes: str) -> list[MenuStepTaken]:
    return [MenuStepTaken(at=0, contact=contact, node=n, key="", arrived=True) for n in nodes]


def left(contact: str, node: str, ending: str, *, solved: bool = False) -> MenuLeft:
    return MenuLeft(at=0, contact=contact, node=node, ending=ending, solved=solved)


async def counted(tmp_path, *script: str) -> Traffic:
    done = await walk(version(tmp_path, MENU, OTHER), *script)
    return count_traffic(done.events)


async def test_silence_and_repeating_are_told_apart(tmp_path):
    """Two silences of two turns each, then the menu again by key, then a hang-up."""
    traffic = await counted(tmp_path, "", "", "", "2", ScriptedLine.HANG_UP)
    node = traffic.nodes["begin"]
    assert (node.arrivals, node.callers, node.keys) == (2, 1, {"2": 1})
    assert traffic.ways == {("begin", "begin"): 1}
    assert (node.ends.dropped, node.drop_out) == (1, 1.0)


async def test_a_call_through_another_flow(tmp_path):
    traffic = await counted(tmp_path, "1", "1", "")
    assert list(traffic.ways) == [
        ("begin", "inner"),
        ("inner", "other/ask"),
        ("other/ask", "other/told"),
        ("other/told", "other/back"),
        ("other/back", "done"),
    ]
    for flow in ("", "other"):
        assert (traffic.flows[flow].came, traffic.flows[flow].solved) == (1, 1)
        assert traffic.flows[flow].containment == 1.0
    assert traffic.inside == 0


def test_ends_are_told_apart():
    traffic = count_traffic(
        [
            *arrived("a", "m", "q"), left("a", "q", "queue"),
            *arrived("b", "m"), left("b", "m", "caller_gone"),
            *arrived("c", "m", "told"), left("c", "told", "caller_gone", solved=True),
            *arrived("d", "m", "bye"), left("d", "bye", "hang_up"),
            *arrived("e", "m"),
        ]
    )  # fmt: skip
    calls = traffic.flows[""]
    assert (calls.came, calls.solved, calls.person, calls.dropped, calls.ended) == (5, 1, 1, 1, 1)
    assert calls.containment == 0.25
    assert traffic.nodes["m"].drop_out == 0.2
    assert traffic.nodes["told"].drop_out == 0.0  # who has what they wanted drops out of nothing
    assert traffic.inside == 1


def test_a_caller_who_comes_back_counts_once_at_a_node_and_twice_as_a_call():
    traffic = count_traffic(
        [*arrived("a", "m", "n", "m"), left("a", "m", "hang_up")] * 2,
    )
    assert (traffic.nodes["m"].arrivals, traffic.nodes["m"].callers) == (4, 2)
    assert traffic.flows[""].came == 2


def test_a_quiet_day():
    traffic = count_traffic([])
    assert traffic.flows[""].containment is None
    assert traffic.nodes["m"].drop_out is None
