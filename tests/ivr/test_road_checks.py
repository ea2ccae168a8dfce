"""Where callers get lost: each finding with its file, line and mend."""

from pathlib import Path
from textwrap import dedent, indent

import pytest

from ivr.flow import Surroundings, load_flows
from ivr.ports import Service
from store.source import BadFile, Problem
from tests.ivr.small_company import shelf

HEAD = "name: {name}\nstart: begin\nlanguages: [zh-CN]\n"
PERSON = "person: person\n"
ASK = "{kind: menu, text: {zh-CN: 请按一}, keys: {1: person}}"
QUEUE = "person: {kind: queue, queue: general}"
FIND = Service(
    name="find", takes=frozenset(), may_take=frozenset(), results=("found", "nothing"), gives={}
)


def found(folder: Path, main: str, entries: tuple[str, ...] = (), **others: str) -> list[Problem]:
    """Problems of flows with these nodes; their first node is on line 6, that of others on 5."""
    files = []
    for name, nodes in {"main": main, **others}.items():
        head = HEAD.format(name=name) + (PERSON if name == "main" else "") + "nodes:\n"
        own = indent(dedent(nodes).strip("\n"), "  ") + "\n"
        if name == "main" and "\nperson:" not in nodes:
            own += f"  {QUEUE}\n"
        files.append(folder / f"{name}.yaml")
        files[-1].write_text(head + own, encoding="utf-8")
    around = Surroundings(
        shelf=shelf(folder),
        queues={"general"},
        hours={"always"},
        services={"find": FIND},
        attributes={"seen": ()},
        entries=entries,
    )
    try:
        return list(load_flows(files, around, recorded=False).warnings)
    except BadFile as bad:
        return bad.problems


def said(problems: list[Problem]) -> list[tuple[str, int, bool]]:
    """File, line and whether it is a warning; every problem has its mend."""
    assert all(problem.mend for problem in problems)
    return [(problem.file.stem, problem.line, problem.warning) for problem in problems]


def test_a_good_flow_has_none(tmp_path):
    assert found(tmp_path, f"begin: {ASK}") == []


# ---- nobody comes ----


def test_a_node_that_nobody_comes_to(tmp_path):
    problems = found(tmp_path, f"begin: {ASK}\nlost: {{kind: hang_up}}")
    assert said(problems) == [("main", 7, False)]
    assert "no caller ever comes to 'lost'" in problems[0].text


def test_a_node_behind_a_flow_that_returns_is_come_to(tmp_path):
    main = f"begin: {{kind: flow, flow: other, next: after}}\nafter: {ASK}"
    assert found(tmp_path, main, other="begin: {kind: return}") == []


def test_a_flow_that_never_returns_is_told_and_what_stands_behind_it(tmp_path):
    main = f"begin: {{kind: flow, flow: other, next: after}}\nafter: {ASK}"
    problems = found(tmp_path, main, other="begin: {kind: queue, queue: general}")
    assert said(problems) == [("main", 6, True), ("main", 7, False)]
    assert "'other' never returns" in problems[0].text


def test_a_return_that_cannot_be_come_to_is_none(tmp_path):
    other = "begin: {kind: queue, queue: general}\nback: {kind: return}"
    main = f"begin: {{kind: flow, flow: other, next: after}}\nafter: {ASK}"
    texts = [problem.text for problem in found(tmp_path, main, other=other)]
    assert any("'other' never returns" in text for text in texts)


def test_a_flow_that_nobody_calls(tmp_path):
    problems = found(tmp_path, f"begin: {ASK}", other=f"begin: {ASK.replace('person', 'q')}\n"
                     "q: {kind: queue, queue: general}")  # fmt: skip
    assert said(problems) == [("other", 1, True)]
    assert "no caller comes to the flow 'other'" in problems[0].text


def test_a_flow_for_an_emergency_needs_no_caller(tmp_path):
    other = "begin: {kind: queue, queue: general}"
    assert found(tmp_path, f"begin: {ASK}", ("other",), other=other) == []


def test_two_flows_that_only_call_each_other(tmp_path):
    problems = found(
        tmp_path,
        f"begin: {ASK}",
        one="begin: {kind: menu, text: {zh-CN: 按一}, keys: {1: more}}\n"
        "more: {kind: flow, flow: two}",
        two="begin: {kind: flow, flow: one}",
    )
    assert said(problems) == [("one", 1, True), ("one", 1, True)]
    assert "one → two → one" in problems[1].text


# ---- nobody gets out ----


@pytest.mark.parametrize(
    "nodes, line, warning, path",
    [
        (
            "begin: {kind: say, text: {zh-CN: 好}, next: more}\nmore: {kind: goto, next: begin}",
            6, False, "begin → more → begin",
        ),
        (  # nothing that the branch asks has changed when a caller comes again
            "begin: {kind: branch, cases: [{when: {language: en}, next: more}], "
            "otherwise: person}\n"
            "more: {kind: goto, next: begin}",
            6, False, "begin → more → begin",
        ),
        (  # it has here
            "begin: {kind: branch, cases: [{when: {seen: found}, next: person}], otherwise: more}\n"
            "more: {kind: goto, set: {seen: found}, next: begin}",
            6, True, "begin → more → begin",
        ),
        (
            "begin: {kind: lookup, service: find, cases: {found: person}, failed: more}\n"
            "more: {kind: say, text: {zh-CN: 稍等}, next: begin}",
            6, True, "begin → more → begin",
        ),
        (  # asks again for ever, and nothing else leads out
            "begin: {kind: menu, text: {zh-CN: 按一}, keys: {1: more}}\n"
            "more: {kind: lookup, service: find, cases: {found: more}, failed: more}",
            7, False, "more → more",
        ),
    ],
)  # fmt: skip
def test_a_ring_that_asks_nothing(tmp_path, nodes, line, warning, path):
    problems = found(tmp_path, nodes)
    rings = [problem for problem in problems if path in problem.text]
    assert said(rings) == [("main", line, warning)]


def test_a_ring_through_another_flow(tmp_path):
    main = "begin: {kind: flow, flow: other, next: begin}"
    problems = found(tmp_path, main, other="begin: {kind: return}")
    assert [p.text for p in problems if "never gets out" in p.text] == [
        "a caller who comes here never gets out: begin → begin"
    ]


def test_a_ring_through_a_flow_that_asks_is_none(tmp_path):
    other = "begin: {kind: menu, text: {zh-CN: 按一}, keys: {1: back}}\nback: {kind: return}"
    assert found(tmp_path, "begin: {kind: flow, flow: other, next: begin}", other=other) == []


def test_flows_that_call_each_other(tmp_path):
    problems = found(
        tmp_path,
        f"begin: {ASK[:-2]}, 2: more}}}}\nmore: {{kind: flow, flow: one}}".replace(
            "请按一", "按一或二"
        ),
        one="begin: {kind: flow, flow: two}",
        two="begin: {kind: flow, flow: one}",
    )
    assert ("one", 5, False) in said(problems)
    assert any("never gets out: begin → two/begin → begin" in p.text for p in problems)


def test_questions_that_lead_nowhere(tmp_path):
    again = (
        "{kind: collect, text: {zh-CN: 单号}, into: digits, length: 4, next: more, failed: begin}"
    )
    problems = found(tmp_path, f"begin: {again}\nmore: {{kind: goto, next: begin}}")
    assert ("main", 6, False) in said(problems)
    assert any("a caller at 'begin' never comes to an end" in p.text for p in problems)


def test_the_main_flow_cannot_return(tmp_path):
    problems = found(tmp_path, f"begin: {ASK[:-2]}, 2: more}}}}\nmore: {{kind: return}}")
    assert ("main", 7, False) in said(problems)
    assert any("nowhere to return to" in p.text for p in problems)


# ---- no way to a person ----


def test_no_way_to_a_person_at_all(tmp_path):
    main = "begin: {kind: say, text: {zh-CN: 再见}, next: end}\nend: {kind: hang_up}"
    problems = found(tmp_path, main)
    assert said(problems) == [("main", 2, False)]
    assert "no way leads to a person" in problems[0].text


HOURS = "begin: {kind: hours, hours: always, open: OPEN, closed: CLOSED}\n" + f"ask: {ASK}\n"


@pytest.mark.parametrize(
    "open_, closed, end, lines",
    [
        ("bye", "ask", "{kind: hang_up}", [8]),
        ("ask", "bye", "{kind: hang_up}", []),  # closed is closed
        ("bye", "ask", "{kind: hang_up, solves: true}", []),
        ("bye", "ask", "{kind: voicemail, queue: general, text: {zh-CN: 留言}, next: end}", []),
    ],
)
def test_a_call_that_ends_before_anybody_was_offered(tmp_path, open_, closed, end, lines):
    main = HOURS.replace("OPEN", open_).replace("CLOSED", closed) + f"bye: {end}"
    main += "\nend: {kind: hang_up}" if "next: end" in end else ""
    assert said(found(tmp_path, main)) == [("main", line, True) for line in lines]


# ---- too deep ----


def menus(depth: int, last: str) -> str:
    return "\n".join(
        f"{'begin' if at == 1 else f'm{at}'}: {{kind: menu, text: {{zh-CN: 按一}}, "
        f"keys: {{1: {f'm{at + 1}' if at < depth else last}}}}}"
        for at in range(1, depth + 1)
    )


def test_the_fourth_menu_is_too_deep(tmp_path):
    assert found(tmp_path, menus(3, "person")) == []
    problems = found(tmp_path, menus(5, "person"))
    assert said(problems) == [("main", 9, True)]
    assert "'m4' is the 4th menu" in problems[0].text


def test_menus_of_other_flows_count(tmp_path):
    main = menus(2, "other") + "\nother: {kind: flow, flow: other, next: more}\n"
    main += "more: {kind: menu, text: {zh-CN: 按一}, keys: {1: person}}"
    problems = found(tmp_path, main, other=menus(1, "m2") + "\nm2: {kind: return}")
    assert said(problems) == [("main", 9, True)]
