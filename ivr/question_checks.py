"""Whether what callers are asked fits the keys that they have. All of it warnings. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator

from ivr.flow_checks import Checked
from ivr.nodes import BACK_KEY, PERSON_KEY, Collect, Language, Menu, Survey, Text, edges
from ivr.roads import ASKING
from store.source import Problem, Where

WIDEST = 6
"""Keys of a menu beside 0 and *, at most: nobody remembers more."""
LONGEST = 30.0
"""Seconds that the text of a question should take at most."""

Question = Menu | Language

_KEYS = {
    **{str(number): str(number) for number in range(10)},
    **dict(zip("零一二三四五六七八九", "0123456789", strict=True)),
    **{"两": "2", "星号": "*", "星": "*", "米字": "*", "井号": "#", "井": "#", "*": "*", "#": "#"},
    **dict(
        zip(
            "zero one two three four five six seven eight nine".split(),
            "0123456789",
            strict=True,
        )
    ),
    **{"star": "*", "asterisk": "*", "hash": "#", "pound": "#"},
}
_ZH = "[0-9零一二两三四五六七八九*#]|星号?|米字|井号?"
_EN = "[0-9*#]|zero|one|two|three|four|five|six|seven|eight|nine|star|asterisk|hash|pound"
# "按一", "请按 1 或 2 号键"; not "按一下". "press one or two"; not "press 12".
_NAMED = (
    re.compile(
        rf"[按拨](?:数字)?键?\s*({_ZH})(?![下次些0-9])(?:号?键)?(?:\s*[或、和]\s*({_ZH})(?!下|次))*"
    ),
    re.compile(
        rf"\bpress(?:ing)?\s+(?:the\s+)?({_EN})(?![\w])(?:\s*(?:,|or|and)+\s*({_EN})(?!\w))*",
        re.IGNORECASE,
    ),
)
_WORD = (re.compile(_ZH), re.compile(rf"\b(?:{_EN})(?!\w)|[*#]", re.IGNORECASE))


def keys_named(text: str) -> set[str]:
    """The keys that a text tells to press, in Chinese or English words or digits."""
    return {
        _KEYS[word.lower()]
        for named, words in zip(_NAMED, _WORD, strict=True)
        for found in named.finditer(text)
        for word in words.findall(found[0])
    }


def seconds_of(text: str) -> float:
    """About how long a text takes to be spoken: 4.2 Chinese or 15 other characters a second."""
    chinese = len(re.findall(r"[\u3400-\u9fff]", text))
    return chinese / 4.2 + (len(text) - chinese) / 15


def question_problems(one: Checked) -> Iterator[Problem]:
    """Keys that a text leaves out or invents, keys that lead alike, too many, too long."""
    for name, node in one.data.nodes.items():
        at: Where = ("nodes", name)
        if isinstance(node, Menu):
            yield from _alike(one, at, node)
            yield from _width(one, at, node)
            for language, said in node.text.items():
                keys = () if node.speech else node.keys
                yield from _left_out(one, (*at, "text", language), said, keys)
                yield from _invented(one, (*at, "text", language), said, node.keys)
        elif isinstance(node, Language):  # its text is heard in every language, one by one
            said = " ".join(node.text.values())
            yield from _left_out(one, (*at, "text"), said, node.keys)
            yield from _invented(one, (*at, "text"), said, node.keys)
        elif isinstance(node, Survey) and node.reason_text:
            for language, said in node.reason_text.items():
                yield from _left_out(one, (*at, "reason_text", language), said, node.reasons)
                yield from _invented(one, (*at, "reason_text", language), said, node.reasons)
        elif isinstance(node, Collect):
            yield from _hash(one, name, node)
        if isinstance(node, Menu | Collect | Survey):
            yield from _length(one, (*at, "text"), node.text)
        for again in ("no_input", "no_match"):
            for language, said in (getattr(node, again, None) or {}).items():
                if isinstance(node, Question):
                    yield from _invented(one, (*at, again, language), said, node.keys)


def _warning(one: Checked, where: Where, text: str, mend: str) -> Problem:
    return one.source.problem(where, text, mend, warning=True)


def _left_out(one: Checked, where: Where, said: str, keys: Collection[str]) -> Iterator[Problem]:
    if left_out := sorted(set(keys) - keys_named(said)):
        yield _warning(
            one,
            where,
            f"the text does not mention key {_list(left_out)}",
            "say what it is for, “…请按一” or “…, press one”, or remove the key",
        )


def _invented(one: Checked, where: Where, said: str, keys: Collection[str]) -> Iterator[Problem]:
    if invented := sorted(keys_named(said) - {*keys, PERSON_KEY, BACK_KEY}):
        yield _warning(
            one,
            where,
            f"the text mentions key {_list(invented)}, which does nothing here",
            "add it under keys, or take it out of the text",
        )


def _alike(one: Checked, at: Where, node: Menu) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for key, target in node.keys.items():
        other = first.setdefault(target, key)
        if other != key:
            yield _warning(
                one,
                (*at, "keys", key),
                f"keys {other} and {key} both lead to '{target}'",
                "one of them is enough; or lead it elsewhere",
            )


def _width(one: Checked, at: Where, node: Menu) -> Iterator[Problem]:
    if len(node.keys) > WIDEST:
        yield _warning(
            one,
            (*at, "keys"),
            f"the menu has {len(node.keys)} keys beside 0 and *",
            f"callers remember no more than {WIDEST}: put some into a menu of their own",
        )


def _length(one: Checked, where: Where, text: Text) -> Iterator[Problem]:
    for language, said in text.items():
        seconds = seconds_of(said)
        if seconds > LONGEST:
            yield _warning(
                one,
                (*where, language),
                f"the question takes about {seconds:.0f} seconds",
                f"say it in {LONGEST:.0f}, or say a part of it before, in a node of kind say",
            )


def _hash(one: Checked, name: str, node: Collect) -> Iterator[Problem]:
    """Who ends the longest number with # has the # heard by the next question."""
    if node.terminator != "#":
        return
    todo, seen = [node.next], set[str]()
    while todo:
        target = todo.pop()
        if target in seen:
            continue
        seen.add(target)
        after = one.data.nodes[target]
        if isinstance(after, Menu) and "#" in after.keys:
            yield _warning(
                one,
                ("nodes", target, "keys", "#"),
                f"callers end the number of '{name}' with #, which then chooses this",
                "use another key here",
            )
        if not isinstance(after, ASKING):
            todo += [to for _, to in edges(after, "") if to in one.data.nodes]


def _list(keys: Iterable[str]) -> str:
    return ", ".join(keys)
