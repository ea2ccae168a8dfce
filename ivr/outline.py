"""What a drawing of a flow shows: boxes with their words, and ways with their labels. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ivr.conditions import Comparison, Test
from ivr.flow import Flow
from ivr.nodes import (
    Branch,
    Callback,
    Customer,
    Hours,
    Lookup,
    Node,
    Queue,
    Send,
    SubFlow,
    Transfer,
    Voicemail,
    edges,
)
from store.source import Where

ANYWHERE = "(0)"
"""Stands for every question, from which 0 leads to the person."""
HUB = 3
"""A node to which more ways lead than this many has the others end in a mark with its name."""

WORDS: Mapping[str, Mapping[str, str]] = {
    "say": {"zh-CN": "播放", "en": "say"},
    "language": {"zh-CN": "语言", "en": "language"},
    "menu": {"zh-CN": "菜单", "en": "menu"},
    "collect": {"zh-CN": "收号", "en": "collect"},
    "branch": {"zh-CN": "分支", "en": "branch"},
    "hours": {"zh-CN": "时间", "en": "hours"},
    "customer": {"zh-CN": "客户", "en": "customer"},
    "lookup": {"zh-CN": "查询", "en": "lookup"},
    "send": {"zh-CN": "发送", "en": "send"},
    "queue": {"zh-CN": "排队", "en": "queue"},
    "callback": {"zh-CN": "回电", "en": "callback"},
    "voicemail": {"zh-CN": "留言", "en": "voicemail"},
    "survey": {"zh-CN": "评价", "en": "survey"},
    "transfer": {"zh-CN": "外转", "en": "transfer"},
    "hang_up": {"zh-CN": "挂机", "en": "hang up"},
    "goto": {"zh-CN": "跳转", "en": "go to"},
    "flow": {"zh-CN": "子流程", "en": "flow"},
    "return": {"zh-CN": "返回", "en": "return"},
    "open": {"zh-CN": "营业", "en": "open"},
    "closed": {"zh-CN": "休息", "en": "closed"},
    "otherwise": {"zh-CN": "其他", "en": "else"},
    "failed": {"zh-CN": "失败", "en": "failed"},
    "returns": {"zh-CN": "返回后", "en": "on return"},
    "anywhere": {"zh-CN": "任何提问处按 0", "en": "0 in any question"},
    "calls": {"zh-CN": "通话", "en": "calls"},
    "containment": {"zh-CN": "自助解决", "en": "solved without a person"},
    "person": {"zh-CN": "转人工", "en": "to a person"},
    "dropped": {"zh-CN": "中途挂断", "en": "hung up"},
}


def word(name: str, language: str) -> str:
    """A word of the drawing, in English where the language has none."""
    return WORDS[name].get(language) or WORDS[name]["en"]


@dataclass(slots=True)
class Box:
    """A node, or (``mark``) the name of one that is drawn elsewhere."""

    name: str
    kind: str
    text: str = ""
    mark: bool = False


@dataclass(slots=True)
class Way:
    """All that leads from one box to another."""

    source: int
    target: int
    name: str
    """The node that it leads to, though the box be a mark."""
    labels: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Outline:
    """Boxes and ways without rings."""

    boxes: list[Box] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)


def outline(flow: Flow, language: str) -> Outline:
    """The boxes of a flow's nodes in the order of its file, and the ways between them.

    A way back to where callers have come from, and one too many to a node, end in a mark.
    """
    found = Outline([Box(name, n.kind, _text(n, language)) for name, n in flow.nodes.items()])
    index = {name: at for at, name in enumerate(flow.nodes)}
    labels = {name: _labels(node, language) for name, node in flow.nodes.items()}
    back = set(_back(flow.data.start, labels))
    for name, depth in _depths(flow.data.start, labels, index):
        for target, said in labels[name].items():
            into = [way for way in found.ways if way.target == index[target]]
            marked = (name, target) in back or (len(into) >= HUB and depth > 0)
            if marked:
                found.boxes.append(Box(target, "goto", mark=True))
            at = len(found.boxes) - 1 if marked else index[target]
            found.ways.append(Way(index[name], at, target, said))
    person = flow.data.person
    if person is not None:
        found.boxes.append(Box(ANYWHERE, "goto", word("anywhere", language), mark=True))
        found.ways.append(Way(len(found.boxes) - 1, index[person], person))
    return found


def _labels(node: Node, language: str) -> dict[str, list[str]]:
    """Target -> what leads there."""
    found: dict[str, list[str]] = {}
    for where, target in edges(node, ""):
        if where:
            said = _label(node, where, language)
            found.setdefault(target, []).extend([said] if said else [])
    return found


def _label(node: Node, where: Where, language: str) -> str:
    match where:
        case ("cases", int(case), _) if isinstance(node, Branch):
            return _condition(node.cases[case].when)
        case ("speech", intent):
            return f"“{intent}”"
        case ("keys" | "cases", name):
            return str(name)
        case ("next",):
            return word("returns", language) if isinstance(node, SubFlow) else ""
    return word(str(where[0]), language)


def _condition(when: Mapping[str, Test]) -> str:
    return ", ".join(f"{subject} {_test(test)}" for subject, test in when.items())


_SIGNS = {"above": ">", "below": "<", "at_least": "≥", "at_most": "≤", "is_not": "≠"}


def _test(test: Test) -> str:
    if isinstance(test, Comparison):
        limits = [
            f"{sign} {limit}"
            for name, sign in _SIGNS.items()
            if (limit := getattr(test, name)) is not None
        ]
        known = {True: ["✓"], False: ["✗"], None: []}[test.known]
        return " ".join(limits + known)
    return "= " + "/".join(map(str, test if isinstance(test, list) else [test]))


def _text(node: Node, language: str) -> str:  # noqa: PLR0911 - one a kind
    """What a box says beside its name."""
    own: Mapping[str, str] | None = getattr(node, "text", None)
    if own:
        said = own.get(language) or next(iter(own.values()))
        return f"{node.queue}: {said}" if isinstance(node, Queue) else said
    match node:
        case Queue() | Callback() | Voicemail():
            return node.queue
        case Transfer():
            return node.number
        case Hours():
            return node.hours
        case Lookup():
            return node.service
        case SubFlow():
            return node.flow
        case Send():
            return f"{node.by}: {node.message.get(language) or next(iter(node.message.values()))}"
        case Branch():
            return _condition(node.cases[0].when)
        case Customer():
            return ", ".join(node.cases)
    return ""


def _back(start: str, ways: Mapping[str, Mapping[str, object]]) -> Iterator[tuple[str, str]]:
    """The ways that lead back to a node on the way here: without them there are no rings."""
    done: set[str] = set()
    path: dict[str, Iterator[str]] = {}
    for root in (start, *ways):
        path[root] = iter(ways[root] if root not in done else ())
        while path:
            here = next(reversed(path))
            target = next(path[here], None)
            if target is None:
                del path[here]
                done.add(here)
            elif target in path:
                yield here, target
            elif target not in done:
                path[target] = iter(ways[target])


def _depths(
    start: str, ways: Mapping[str, Mapping[str, object]], order: Mapping[str, int]
) -> list[tuple[str, int]]:
    """Every node with how far it is from the start, the nearest first."""
    depth = {start: 0}
    todo = [start]
    for name in todo:
        for target in ways[name]:
            if target not in depth:
                depth[target] = depth[name] + 1
                todo.append(target)
    return [
        (name, depth.get(name, len(order)))
        for name in sorted(ways, key=lambda name: (depth.get(name, len(order)), order[name]))
    ]
