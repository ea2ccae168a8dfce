"""What a flow file may not be: each mistake is named with its line and its mend."""

import pytest

from ivr.flow import load_flow
from store.source import BadFile
from tests.ivr.small_company import SMALL, surroundings, write


@pytest.fixture
def problems(tmp_path):
    def load(text: str) -> list[tuple[int, str, str]]:
        try:
            load_flow(write(tmp_path, text), surroundings(tmp_path), recorded=False)
        except BadFile as error:
            return [(problem.line, problem.text, problem.mend) for problem in error.problems]
        return []

    return load


def changed(old: str, new: str) -> str:
    assert SMALL.count(old) == 1, old
    return SMALL.replace(old, new)


def test_a_good_flow_has_no_problem(problems):
    assert problems(SMALL) == []


@pytest.mark.parametrize(
    "old, new, line, text",
    [
        ("start: hello", "start: helo", 2, "no node 'helo'"),
        ("next: choice", "next: choise", 9, "no node 'choise'"),
        ("next: choice", "next: on", 9, "'next' is true or false"),
        ("{1: order}", "{1: ordre}", 13, "no node 'ordre'"),
        ("person: person", "person: nobody", 4, "no node 'nobody'"),
        ("person: person", "person: hello", 4, "does not lead to a person"),
        ("queue: order", "queue: ordr", 16, "is no queue 'ordr'"),
        ("{1: order}", "{}", 14, "no caller ever comes to 'order'"),
        ("{1: order}", "{0: order}", 13, "'0' cannot be a key"),
        ("{1: order}", "{'*': order}", 13, "'*' cannot be a key"),
        ("{1: order}", "{12: order}", 13, "'12' cannot be a key"),
        ("{1: order}", "{1: order, 1: person}", 13, "the key 1 is here twice"),
        ("kind: say", "kind: sing", 6, "'hello'"),
        ("kind: say", "knid: say", 6, "'hello'"),
        ("next: choice", "nextt: choice", 9, "'nextt' is not known here"),
        ("next: choice", "interruptible: true", 6, "'next' is missing"),
        ("{zh-CN: 您好, en: Hello}", "{zh-CN: 您好}", 8, "'hello' has no text in en"),
        ("{zh-CN: 您好, en: Hello}", "{zh-CN: 您好, en: Hello, fr: Salut}", 8, "'fr' is no lang"),
        ("{zh-CN: 您好, en: Hello}", "{zh-CN: '', en: Hello}", 8, "at least 1 character"),
        ("languages: [zh-CN, en]", "languages: [zh-CN, en, fr]", 3, "'fr' has no voice"),
        ("languages: [zh-CN, en]", "languages: []", 3, "at least 1 item"),
        ("keys: {1: order}", "keys: {1: order}\n        tries: 0", 14, "greater than or equal"),
        ("keys: {1: order}", "keys: {1: order}\n        wait: .nan", 14, "'wait'"),
        ("name: small", "name: ../evil", 1, "is no name"),
    ],
)
def test_a_mistake_is_named_with_its_line(problems, old, new, line, text):
    found = problems(changed(old, new))
    assert any(at == line and text in said for at, said, _ in found), found


@pytest.mark.parametrize(
    "old, new",
    [("next: choice", "next: choise"), ("queue: order", "queue: ordr"), ("kind: say", "kind: x"),
     ("{1: order}", "{0: order}"), ("{1: order}", "{1: order, 1: person}"),
     ("{zh-CN: 您好, en: Hello}", "{zh-CN: 您好}")],
)  # fmt: skip
def test_a_mistake_comes_with_its_mend(problems, old, new):
    assert all(mend for _, _, mend in problems(changed(old, new)))


def test_all_mistakes_are_named_at_once(problems):
    text = changed("next: choice", "next: choise").replace("queue: order", "queue: ordr")
    assert len(problems(text)) == 2


@pytest.mark.parametrize(
    "text, line, said",
    [
        ("name: small\n\tstart: x", 2, "tab"),
        ("name: &a small\nstart: *a", 1, "anchors"),
        ("a: [&b [x, x]]\nc: [*b, *b, *b]", 1, "anchors"),
        ("name: small\nx: !!python/object/apply:os.system ['true']", 2, "tag"),
        ("name: small\nx: !ruby 1", 2, "tag"),
        ("name: ]", 1, "expected"),
        ("- a list", 1, ""),
        ("", 1, ""),
        ("name: " + "[" * 50 + "]" * 50, 1, "nested"),
        ("name: small\n? [a, b]\n: c", 2, "single word"),
    ],
)
def test_yaml_that_is_refused(problems, text, line, said):
    found = problems(text)
    assert found
    assert any(said in text_ for _, text_, _ in found), found
    assert found[0][0] == line


def test_ten_megabytes_are_refused_unread(problems):
    assert "bytes" in problems("x: " + "y" * 10_000_000)[0][1]


def test_text_in_another_encoding_is_refused(tmp_path):
    file = tmp_path / "flow.yaml"
    file.write_bytes("name: 云杉".encode("gbk"))
    with pytest.raises(BadFile, match="UTF-8"):
        load_flow(file, surroundings(tmp_path))


def test_a_ring_without_a_question_is_found(problems):
    text = (
        changed("next: choice", "next: again")
        + """
      again:
        kind: goto
        next: hello
    """
    )
    found = problems(text)
    assert any("never gets out: hello → again → hello" in said for _, said, _ in found), found


def test_a_ring_with_a_menu_in_it_is_good(problems):
    assert problems(changed("{1: order}", "{1: order, 2: hello}")) == []


def test_a_greeting_before_the_language_may_have_one_language(problems):
    text = (
        changed("{zh-CN: 您好, en: Hello}", "{zh-CN: 您好}").replace("next: choice", "next: lang")
        + """
      lang:
        kind: language
        text: {zh-CN: 中文, en: English}
        keys: {1: zh-CN, 2: en}
        default: zh-CN
        next: choice
    """
    )
    assert problems(text) == []


def test_a_language_that_the_flow_lacks(problems):
    text = (
        changed("next: choice", "next: lang")
        + """
      lang:
        kind: language
        text: {zh-CN: 中文, en: English}
        keys: {1: zh-CN, 2: fr}
        default: de
        next: choice
    """
    )
    assert [(line, said) for line, said, _ in problems(text)] == [
        (24, "'fr' is no language of this flow"),
        (25, "'de' is no language of this flow"),
    ]


def test_a_text_without_a_recording_is_named_with_the_mend(tmp_path):
    with pytest.raises(BadFile) as raised:
        load_flow(write(tmp_path, SMALL), surroundings(tmp_path))
    mine = [problem for problem in raised.value.problems if problem.file.name == "flow.yaml"]
    assert len(mine) == 4
    assert "there is no recording of “您好” (zh-CN/small-hello-" in mine[0].text
    assert (mine[0].line, mine[0].mend) == (8, "run ./huawu ivr say")
