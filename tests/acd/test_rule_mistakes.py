"""Every mistake in the rules' files is refused with its file, its line and a mend."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from acd.company import load_company
from store.source import BadFile, Problem

QUEUES = """\
    queues:
      - id: sales
        name: {en: Sales}
        skills: {sales: 5, order: 3}
        priority: high
        hours: office
        callback: {key: "2"}
        rings:
          - {after: 20, skills: {sales: 2}}
          - {after: 40, any: {sales: 2, legal: 1}, when: {tier: gold}}
          - {after: 60, queues: [help], when: {language: en}}
          - {after: 90, drop: [order]}
          - {after: 120, overflow: help}
        limits:
          length: {max: 30, exit: {callback: true}}
      - id: help
        name: {en: Help}
        skills: {help: 1}
        limits:
          wait: {max: 600, exit: {announce: queue_full}}
          nobody_able: {overflow: last}
      - id: last
        name: {en: Last}
        skills: {help: 1}
"""
AGENTS = """\
    language_skills: {en: english}
    agents:
      - {id: "8001", name: {en: A}, skills: {sales: 9, order: 5, english: 5}}
      - {id: "8002", name: {en: B}, skills: {help: 5, legal: 1, vip: 2}}
"""
ROUTING = """\
    classes: {high: 5}
    attributes: {tier: [gold, silver], note: []}
    rules:
      - name: gold
        when: {tier: [gold], note: anything}
        skills: {vip: 1}
        priority: high
      - name: first
        when: {queue: sales}
        queues: [sales]
        preferred: "8001"
    do_not_route:
      - {caller: "13800000001", agent: "8001"}
    breaks:
      - {id: lunch, name: {en: Lunch}}
      - {id: tea, name: {en: Tea}}
    misses: {reason: lunch}
"""
HOURS = 'timezone: Asia/Shanghai\nhours: {always: {daily: []}, office: {mon: ["09:00-17:00"]}}\n'
FILES = {"queues.yaml": QUEUES, "agents.yaml": AGENTS, "routing.yaml": ROUTING}

Load = Callable[..., list[Problem]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads the company with some places of its files changed; returns the problems."""

    def with_changes(*changes: tuple[str, str, str]) -> list[Problem]:
        texts = {name: dedent(text) for name, text in FILES.items()} | {"hours.yaml": HOURS}
        for file, old, new in changes:
            assert texts[file].count(old) == 1, old
            texts[file] = texts[file].replace(old, new)
        for name, text in texts.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        try:
            load_company(tmp_path, prompts={"queue_full"})
        except BadFile as error:
            return error.problems
        return []

    return with_changes


def test_the_files_without_a_mistake(load: Load) -> None:
    assert load() == []


Q, A, R = "queues.yaml", "agents.yaml", "routing.yaml"
MISTAKES = [
    # names that name nothing
    (
        Q,
        "skills: {sales: 5, order: 3}",
        "skills: {sails: 5, order: 3}",
        "no agent has the skill sails",
        "agents.yaml",
    ),
    (
        Q,
        "any: {sales: 2, legal: 1}",
        "any: {sales: 2, legl: 1}",
        "no agent has the skill legl",
        "correct the name",
    ),
    (Q, "drop: [order]", "drop: [ordr]", "no agent has the skill ordr", "correct the name"),
    (R, "skills: {vip: 1}", "skills: {vipp: 1}", "no agent has the skill vipp", "correct the name"),
    (A, "{en: english}", "{en: englisch}", "no agent has the skill englisch", "correct the name"),
    (A, "legal: 1, vip", "legal: 1, piano: 3, vip", "asks for the skill piano", "remove"),
    (Q, "overflow: help", "overflow: halp", "there is no queue halp", "there are sales, help"),
    (Q, "queues: [help]", "queues: [halp]", "there is no queue halp", "there are sales, help"),
    (Q, "queues: [help]", "queues: [sales]", "sales is this queue itself", "another queue"),
    (Q, "overflow: last", "overflow: lost", "there is no queue lost", "there are sales, help"),
    (R, "queues: [sales]", "queues: [sails]", "there is no queue sails", "there are sales"),
    (R, "{queue: sales}", "{queue: sails}", "queue is never sails", "values are sales"),
    (Q, "announce: queue_full", "announce: quue_full", "no prompt quue_full", "catalogue"),
    (Q, "hours: office", "hours: offices", "no hours offices", "hours.yaml has always, office"),
    (Q, "priority: high", "priority: hihg", "no priority class hihg", "there are high"),
    (R, "    priority: high", "    priority: hihg", "no priority class hihg", "there are high"),
    (R, 'preferred: "8001"', 'preferred: "8009"', "there is no agent 8009", "there are 8001, 8002"),
    (
        R,
        '"13800000001", agent: "8001"',
        '"13800000001", agent: "8009"',
        "there is no agent 8009",
        "there are",
    ),
    (
        R,
        "reason: lunch",
        "reason: launch",
        "there is no break reason launch",
        "there are rona, lunch",
    ),
    (
        Q,
        "{tier: gold}",
        "{teir: gold}",
        "no attribute is called teir",
        "may ask for tier, note, language, queue",
    ),
    (Q, "{tier: gold}", "{tier: golden}", "tier is never golden", "values are gold, silver"),
    (Q, "{language: en}", "{language: eng}", "language is never eng", "values are en"),
    (R, "{tier: [gold], note", "{tier: [gold, tin], note", "tier is never tin", "values are gold"),
    (R, "note: anything", "nota: anything", "no attribute is called nota", "declare it"),
    (R, "note: []", "language: []", "language is known without being declared", "another name"),
    # names used twice
    (Q, "id: last", "id: sales", "the id sales is used twice", "its own id"),
    (A, '"8002"', '"8001"', "the id 8001 is used twice", "its own id"),
    (R, "name: first", "name: gold", "the name gold is used twice", "its own name"),
    (R, "id: tea", "id: lunch", "the id lunch is used twice", "its own id"),
    # rings that do not widen
    (
        Q,
        "after: 40",
        "after: 20",
        "after 20 s, not later than the one before it (20 s)",
        "order of their times",
    ),
    (Q, "after: 90", "after: 15", "not later than", "order of their times"),
    (
        Q,
        "skills: {sales: 2}}",
        "skills: {sales: 5}}",
        "sales 5 is not lower than sales 5",
        "below 5",
    ),
    (
        Q,
        "skills: {sales: 2}}",
        "skills: {sales: 7}}",
        "sales 7 is not lower than sales 5",
        "below 5",
    ),
    (
        Q,
        "skills: {sales: 2}}",
        "skills: {help: 2}}",
        "help is not asked for before",
        "sales, order",
    ),
    (Q, "{after: 20, skills: {sales: 2}}", "{after: 20}", "it changes nothing", "hand over"),
    (
        Q,
        "any: {sales: 2, legal: 1}",
        "any: {legal: 1}",
        "agents who could serve before could not",
        "sales: 2, order: 3",
    ),
    (Q, "drop: [order]", "drop: [help]", "help is not asked for here any more", "name a skill"),
    # cycles
    (
        Q,
        "overflow: last",
        "overflow: sales",
        "a cycle of overflows: sales → help → sales",
        "end with",
    ),
    (Q, "overflow: help", "overflow: sales", "a cycle of overflows: sales → sales", "end with"),
    (
        Q,
        "{announce: queue_full}",
        "{overflow: help}",
        "a cycle of overflows: help → help",
        "end with",
    ),
    # the rest
    (Q, '    callback: {key: "2"}\n', "", "the queue sales has no callback", "callback:"),
    (R, '\n    preferred: "8001"', "", "the rule first changes nothing", "priority"),
]
#: Where the complaint points at another place than the change.
ELSEWHERE = {
    "the queue sales has no callback": "callback: true",
    "the rule first changes nothing": "name: first",
}


@pytest.mark.parametrize("file, old, new, said, mend", MISTAKES, ids=[m[3] for m in MISTAKES])
def test_a_mistake_is_refused_with_file_line_and_mend(
    load: Load, file: str, old: str, new: str, said: str, mend: str
) -> None:
    text = dedent(FILES[file])
    found = [problem for problem in load((file, old, new)) if said in problem.text]
    assert len(found) == 1, load((file, old, new))
    assert found[0].file.name == file
    assert mend in found[0].mend
    changed = text.replace(old, new, 1)
    at = changed.index(ELSEWHERE[said]) if said in ELSEWHERE else text.index(old.lstrip())
    assert found[0].line == changed[:at].count("\n") + 1


@pytest.mark.parametrize(
    "file, old, new, said, mend",
    [
        (Q, "priority: high", "strategy: ringall", "ringall is not possible", "longest_idle"),
        (Q, "priority: high", "strategy: fastest", "no strategy fastest", "leastrecent"),
        (Q, "{callback: true}", "{callback: true, voicemail: true}", "exactly one of", ""),
        (Q, "{callback: true}", "{}", "exactly one of", ""),
        (Q, "sales: 5, order", "sales: 11, order", "less than or equal to 10", ""),
        (Q, 'key: "2"', 'key: "0"', "callback.key", "digits"),
        (Q, "after: 20,", "affter: 20,", "affter", "correct the name"),
        (R, "classes: {high: 5}", "clases: {high: 5}", "clases", "correct the name"),
        (R, 'caller: "13800000001"', 'caller: "+86 138"', "caller", "digits"),
        (A, "sales: 9", "sales: 0", "greater than or equal to 1", ""),
    ],
)
def test_a_wrong_shape_is_refused_with_file_line_and_mend(
    load: Load, file: str, old: str, new: str, said: str, mend: str
) -> None:
    text = dedent(FILES[file])
    line = text[: text.index(old)].count("\n") + 1
    found = [problem for problem in load((file, old, new)) if said in problem.text]
    assert [(problem.file.name, problem.line) for problem in found] == [(file, line)], load(
        (file, old, new)
    )
    assert mend in found[0].mend


def test_mistakes_in_all_files_are_named_at_once(load: Load) -> None:
    problems = load((Q, "after: 20,", "affter: 20,"), (R, "id: tea", "id: 5"))
    assert {problem.file.name for problem in problems} == {Q, R}


def test_a_ring_behind_an_overflow_never_opens(load: Load) -> None:
    more = "- {after: 120, overflow: help}\n      - {after: 150, drop: [sales]}"
    problems = load((Q, "- {after: 120, overflow: help}", more))
    assert [(p.line, p.text) for p in problems] == [
        (14, "the ring never opens: an earlier one has handed the contact over")
    ]


def test_a_ring_for_some_contacts_is_no_ground_for_the_others(load: Load) -> None:
    """The second lowers nothing for gold, but it does for everybody else."""
    assert load((Q, "{after: 20, skills: {sales: 2}}",
                 "{after: 10, skills: {sales: 1}, when: {tier: gold}}\n"
                 "      - {after: 20, skills: {sales: 2}}")) == []  # fmt: skip


def test_the_presets_of_app_queue_are_understood(load: Load) -> None:
    for name in ("leastrecent", "fewestcalls", "rrmemory", "rrordered", "random", "wrandom",
                 "linear"):  # fmt: skip
        assert load((Q, "priority: high", f"strategy: {name}")) == []


def test_without_routing_yaml_all_of_it_is_default(load: Load, tmp_path: Path) -> None:
    load(
        (Q, "priority: high", "priority: 5"),
        (Q, "any: {sales: 2, legal: 1}, when: {tier: gold}", "queues: [last]"),
    )
    (tmp_path / R).unlink()
    agents = (tmp_path / A).read_text(encoding="utf-8").replace("legal: 1, vip: 2", "")
    (tmp_path / A).write_text(agents, encoding="utf-8")
    assert load_company(tmp_path).routing.misses.sign_out_after == 3
    (tmp_path / R).write_text("# nothing yet\n", encoding="utf-8")
    assert load_company(tmp_path).routing.rules == []
