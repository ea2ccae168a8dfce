"""The drawn menu: everything is on it, nothing covers anything, nothing gets out of its text."""

from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ivr.drawing import draw, text_width
from ivr.flow import Flows
from ivr.layers import GAP, lay_out
from ivr.outline import ANYWHERE, outline
from ivr.traffic import count_traffic
from tests.example_company import COMPANY, example_menu
from tests.ivr.test_kinds import version
from tests.ivr.test_traffic import arrived, left

SVG = "{http://www.w3.org/2000/svg}"

MAIN = """
begin: {kind: menu, text: {zh-CN: '按一，按二，按三 <b>&'}, keys: {1: inner, 2: begin, 3: person}}
inner: {kind: flow, flow: other, next: begin}
"""
OTHER = """
name: other
start: ask
languages: [zh-CN]
nodes:
  ask: {kind: menu, text: {zh-CN: 按一}, keys: {1: back}}
  back: {kind: return}
"""


@pytest.fixture
def flows(tmp_path: Path) -> Flows:
    return version(tmp_path, MAIN, OTHER).flows


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in ET.fromstring(svg).iter(f"{SVG}text")]


def test_the_example_company_is_drawn_in_both_languages():
    flows = example_menu().flows
    for language, word in (("zh-CN", "菜单"), ("en", "menu")):
        said = texts(draw(flows, language=language))
        assert word in said
        for flow in flows.by_name.values():
            assert {flow.data.name, *flow.nodes} <= set(said)


def test_the_drawing_in_the_handbook_is_that_of_the_example_company():
    drawn = COMPANY.parent / "docs" / "menu.svg"
    assert drawn.read_text("utf-8") == draw(example_menu().flows), (
        "./huawu ivr graph --out docs/menu.svg"
    )


def test_texts_are_only_text(flows):
    svg = draw(flows)
    assert any("<b>" in text for text in texts(svg))
    assert "<b>" not in svg
    assert "style" not in svg  # a page's policy may forbid it


def test_one_flow_alone(flows):
    said = texts(draw(flows, flow="other"))
    assert "ask" in said
    assert "begin" not in said
    with pytest.raises(KeyError):
        draw(flows, flow="none")


def test_a_flow_within_leads_to_its_drawing(flows):
    root = ET.fromstring(draw(flows))
    (link,) = root.iter(f"{SVG}a")
    assert link.get("href") == "#flow-other"
    assert any(group.get("id") == "flow-other" for group in root.iter(f"{SVG}g"))


def test_ways_back_end_in_a_mark_and_0_is_drawn_once(flows):
    found = outline(flows.main, "en")
    marks = [(box.name, box.text) for box in found.boxes if box.mark]
    assert marks == [("begin", ""), ("begin", ""), (ANYWHERE, "0 in any question")]
    labels = {(found.boxes[way.source].name, way.name): way.labels for way in found.ways}
    assert labels["begin", "inner"] == ["1"]
    assert labels["inner", "begin"] == ["on return"]


def test_callers_are_on_their_ways(flows):
    traffic = count_traffic(
        [
            *arrived("a", "begin", "inner", "other/ask", "other/back", "begin"),
            left("a", "begin", "caller_gone"),
            *arrived("b", "begin", "person"), left("b", "person", "queue"),
            *arrived("c", "begin", "inner", "other/ask", "person"), left("c", "person", "queue"),
        ]
    )  # fmt: skip
    said = texts(draw(flows, language="en", traffic=traffic))
    assert "✕ 1 · 33%" in said  # one of three callers at begin
    assert "calls 3 · solved without a person 0% · to a person 2 · hung up 1" in said
    counts = {text for text in said if text.isdigit()}
    assert {"2", "1", "4"} <= counts  # into inner, back from it, arrivals at begin


def test_boxes_do_not_touch_and_ways_go_down():
    sizes = [(170.0, 57.0), (60.0, 22.0)] * 15
    edges = [(a, b) for a in range(30) for b in (a + 1, a * 2 + 1, a * 3 + 2) if b < 30]
    edges = list(dict.fromkeys(edges))
    layout = lay_out(sizes, edges)
    for a, b in combinations(range(30), 2):
        (ax, ay), (bx, by) = layout.centres[a], layout.centres[b]
        apart = abs(ax - bx) >= (sizes[a][0] + sizes[b][0]) / 2 + GAP - 0.01
        assert apart or abs(ay - by) > (sizes[a][1] + sizes[b][1]) / 2
    for a, b in edges:
        heights = [layout.centres[a][1], *(y for _, y in layout.routes[a, b]), layout.centres[b][1]]
        assert heights == sorted(heights)
    assert all(0 <= x <= layout.width and 0 <= y <= layout.height for x, y in layout.centres)


def test_a_box_without_ways_stands_somewhere():
    layout = lay_out([(100.0, 40.0)], [])
    assert (layout.width, layout.height) == (100.0, 40.0)
    assert layout.routes == {}


def test_chinese_is_wider():
    assert text_width("菜单") == 2.0
    assert text_width("il") < text_width("mm")
