"""Voice menus drawn as SVG, with the callers of a day on their ways if wanted. Pure.

Every box has its own light ground and dark letters, every line a middling grey: the picture can be
seen on light and dark pages. Nothing moves and nothing is loaded from elsewhere.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from ivr.flow import Flow, Flows, place_name
from ivr.layers import Layout, Point, lay_out
from ivr.nodes import SubFlow
from ivr.outline import ANYWHERE, Box, Outline, Way, outline, word
from ivr.traffic import Calls, Traffic

MARGIN, TITLE = 20.0, 52.0
BOX, PAD, LINE_HEIGHT = 172.0, 9.0, 15.0
MARK_HEIGHT = 22.0
WIDEST_LINE = 7.5
"""Of the way that most callers took."""

#: Kind -> ground, frame and letters of its name.
_ASKS = ("#dfeafb", "#3d6fb6", "#1d3f73")
_DECIDES = ("#fdf0d2", "#b98517", "#6b4a05")
_PERSON = ("#dcf3e3", "#2f8f55", "#14522d")
_DOES = ("#d9f1f2", "#26858c", "#0f4d52")
_SAYS = ("#eceff4", "#76839a", "#333d4f")
_ENDS = ("#f9e1e1", "#b5484a", "#6d2022")
_FLOWS = ("#eae3f8", "#7757b8", "#432a78")
COLOURS = {
    "say": _SAYS,
    **dict.fromkeys(("menu", "language", "collect", "survey"), _ASKS),
    **dict.fromkeys(("branch", "hours", "customer"), _DECIDES),
    **dict.fromkeys(("lookup", "send"), _DOES),
    **dict.fromkeys(("queue", "callback", "voicemail", "transfer"), _PERSON),
    "hang_up": _ENDS,
    **dict.fromkeys(("flow", "return"), _FLOWS),
    "goto": _SAYS,
}
LINE_COLOUR, QUIET = "#8390a5", "#b9c1cd"

FONTS = "Noto Sans SC, Noto Sans CJK SC, PingFang SC, Microsoft YaHei, sans-serif"
INK, PALE = "#333d4f", "#7d899c"
#: How words look, as attributes: a page's policy may forbid styles.
_LETTERS = {
    "text": f'font-size="11.5" fill="{INK}"',
    "name": 'font-size="12" font-weight="600"',
    "kind": 'font-size="10" opacity=".75"',
    "title": f'font-size="17" font-weight="700" fill="{PALE}"',
    "note": f'font-size="11.5" fill="{PALE}"',
    "label": f'font-size="11" fill="{INK}"',
    "count": f'font-size="10.5" font-weight="600" fill="{INK}"',
    "badge": 'font-size="10.5" font-weight="600" fill="#fff"',
}


def draw(
    flows: Flows, *, flow: str = "", language: str = "zh-CN", traffic: Traffic | None = None
) -> str:
    """One flow as an SVG document, or all of them one below the other.

    Args:
        flows: those that were checked together.
        flow: the one that is wanted; "" for all.
        language: ``zh-CN`` or ``en``; of the texts in the boxes and of the words around them.
        traffic: callers who are put on the ways.

    Raises:
        KeyError: there is no such flow.
    """
    wanted = [flows.by_name[flow]] if flow else list(flows.by_name.values())
    parts: list[str] = []
    width, y = 0.0, MARGIN
    for one in wanted:
        drawn = _Drawing(flows, one, language, traffic, linked=len(wanted) > 1)
        parts.append(f'<g id="flow-{one.data.name}" transform="translate({MARGIN:g} {y:g})">')
        parts += [*drawn.svg(), "</g>"]
        width = max(width, drawn.width)
        y += drawn.height + 2 * MARGIN
    width, height = width + 2 * MARGIN, y - MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img" '
            f'lang={quoteattr(language)} font-family="{FONTS}">',
            *parts,
            "</svg>\n",
        ]
    )


@dataclass(frozen=True, slots=True)
class _Rect:
    """An upright rectangle by its middle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def top(self) -> float:
        return self.y - self.height / 2

    def meets(self, other: "_Rect") -> bool:
        return (
            abs(self.x - other.x) * 2 < self.width + other.width
            and abs(self.y - other.y) * 2 < self.height + other.height
        )


class _Drawing:
    """One flow."""

    def __init__(
        self, flows: Flows, flow: Flow, language: str, traffic: Traffic | None, *, linked: bool
    ) -> None:
        self.flows, self.flow, self.language = flows, flow, language
        self.traffic, self.linked = traffic, linked
        self.outline: Outline = outline(flow, language)
        self.lines = [_lines(box) for box in self.outline.boxes]
        pairs = zip(self.outline.boxes, self.lines, strict=True)
        self.sizes: list[Point] = [_size(box, lines) for box, lines in pairs]
        self.layout: Layout = lay_out(self.sizes, [(w.source, w.target) for w in self.outline.ways])
        self.title = self._title()
        self.width = max(self.layout.width, max(map(text_width, self.title)) * 13)
        self.height = TITLE + self.layout.height
        most = max((self._count(way) or 0 for way in self.outline.ways), default=0)
        self.most = max(most, 1)

    def svg(self) -> Iterable[str]:
        yield _say(0, 14, self.title[0], "title")
        yield _say(0, 34, self.title[1], "note")
        yield f'<g transform="translate(0 {TITLE:g})">'
        curves = [(way, *self._curve(way)) for way in self.outline.ways]
        for way, path, _ in curves:
            yield self._line(way, path)
        for index, box in enumerate(self.outline.boxes):
            yield from self._box(index, box)
        yield from self._labels([(way, at) for way, _, at in curves])
        yield "</g>"

    def _title(self) -> tuple[str, str]:
        name = self.flow.data.name
        if self.traffic is None:
            return name, self.flow.source.file.name
        calls = self.traffic.flows.get("" if self.flow is self.flows.main else name, Calls())
        share = calls.containment
        said = [
            f"{word('calls', self.language)} {calls.came}",
            f"{word('containment', self.language)} {'–' if share is None else f'{share:.0%}'}",
            f"{word('person', self.language)} {calls.person}",
            f"{word('dropped', self.language)} {calls.dropped}",
        ]
        return name, " · ".join(said)

    # ---- callers ----

    def _place(self, node: str) -> str:
        return place_name(self.flows.main.data.name, self.flow.data.name, node)

    def _count(self, way: Way) -> int | None:
        """How often callers went a way; None when nobody counted."""
        if self.traffic is None:
            return None
        ways, target = self.traffic.ways, self._place(way.name)
        box = self.outline.boxes[way.source]
        if box.name == ANYWHERE:
            # Whoever came to the person and not by a way that is drawn pressed 0, or gave up.
            drawn = [other for other in self.outline.ways if other.name == way.name]
            came = self.traffic.nodes[target].arrivals if target in self.traffic.nodes else 0
            return max(
                came - sum(self._count(other) or 0 for other in drawn if other is not way), 0
            )
        node = self.flow.nodes[box.name]
        if not isinstance(node, SubFlow):
            return ways[self._place(box.name), target]
        called = self.flows.by_name[node.flow]
        return sum(
            ways[place_name(self.flows.main.data.name, node.flow, name), target]
            for name, inner in called.nodes.items()
            if inner.kind == "return"
        )

    # ---- lines ----

    def _curve(self, way: Way) -> tuple[str, list[Point]]:
        """The path of a way and places along it where its label may stand, the best first."""
        points = [
            self._port(way, way.source, below=True),
            *self.layout.routes[way.source, way.target],
            self._port(way, way.target, below=False),
        ]
        path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
        for index, (a, b) in enumerate(pairwise(points)):
            if index % 2:  # past a row: straight
                path.append(f"V{b[1]:.1f}")
            else:
                middle = (a[1] + b[1]) / 2
                path.append(
                    f"C{a[0]:.1f} {middle:.1f} {b[0]:.1f} {middle:.1f} {b[0]:.1f} {b[1]:.1f}"
                )
        first = [_along(points[0], points[1], t) for t in (0.62, 0.5, 0.76, 0.38, 0.88, 0.26)]
        return "".join(path), first + points[1:-1]

    def _port(self, way: Way, box: int, *, below: bool) -> Point:
        """Where a way leaves or enters a box: beside the others, in the order in which they go."""
        x, y = self.layout.centres[box]
        mine = [w for w in self.outline.ways if (w.source if below else w.target) == box]
        mine.sort(key=lambda w: self._towards(w, below=below))
        step = min(24.0, self.sizes[box][0] * 0.7 / len(mine))
        at = x + (mine.index(way) - (len(mine) - 1) / 2) * step
        half = self.sizes[box][1] / 2
        return at, y + half if below else y - half - 5

    def _towards(self, way: Way, *, below: bool) -> float:
        route = self.layout.routes[way.source, way.target]
        other = self.layout.centres[way.target if below else way.source]
        return (route[0] if below else route[-1])[0] if route else other[0]

    def _line(self, way: Way, path: str) -> str:
        count = self._count(way)
        share = 0.0 if not count else count / self.most
        width = 1.4 if count is None else 1.0 + (WIDEST_LINE - 1.0) * share**0.5 * (share > 0)
        colour = QUIET if count == 0 else LINE_COLOUR
        box = self.outline.boxes
        dashed = ' stroke-dasharray="4 3"' if box[way.source].mark and not count else ""
        x, y = self._port(way, way.target, below=False)
        head = f"M{x - 4:.1f} {y - 2:.1f}L{x:.1f} {y + 5:.1f}L{x + 4:.1f} {y - 2:.1f}Z"
        tip = "" if box[way.target].mark else f'<path d="{head}" fill="{colour}"/>'
        return (
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:.1f}" '
            f'stroke-opacity=".8"{dashed}/>{tip}'
        )

    def _labels(self, ways: Sequence[tuple[Way, list[Point]]]) -> Iterable[str]:
        """Labels where they cover neither a box nor another label, if there is such a place."""
        taken = [_Rect(*self.layout.centres[index], *size) for index, size in enumerate(self.sizes)]
        for way, places in ways:
            count = self._count(way)
            said = " · ".join(_shortened(label, 15) for label in way.labels[:4])
            number = f"{count:,}" if count else ""
            if not said and not number:
                continue
            gap = 5 if said and number else 0
            width = text_width(said) * 11 + text_width(number) * 10.5 + gap + 9
            rects = [_Rect(x, y, width, 16) for x, y in places]
            free = [rect for rect in rects if not any(rect.meets(other) for other in taken)]
            rect = (free or rects)[0]
            taken.append(rect)
            yield (
                f'<rect x="{rect.x - width / 2:.1f}" y="{rect.y - 8:.1f}" width="{width:.1f}" '
                f'height="16" rx="8" fill="#fff" stroke="{QUIET}" stroke-width=".8"/>'
            )
            left = rect.x - width / 2 + 4.5
            if said:
                yield _say(left, rect.y + 4, said, "label")
            if number:
                yield _say(left + text_width(said) * 11 + gap, rect.y + 4, number, "count")

    # ---- boxes ----

    def _box(self, index: int, box: Box) -> Iterable[str]:
        rect = _Rect(*self.layout.centres[index], *self.sizes[index])
        left, top = rect.left, rect.top
        ground, frame, ink = COLOURS[box.kind]
        if box.mark:
            yield _shape("pill", rect, "#f6f7f9", QUIET)
            text = box.text or f"→ {box.name}"
            yield _say(rect.x, rect.y + 4, text, "note", middle=True)
            return
        node = self.flow.nodes[box.name]
        link = self.linked and isinstance(node, SubFlow)
        if link:
            yield f'<a href="#flow-{escape(box.text)}">'
        yield f"<g><title>{escape(box.name)}: {escape(box.text)}</title>"
        yield _shape(_FORMS.get(box.kind, "rect"), rect, ground, frame)
        kind = word(box.kind, self.language)
        yield _say(left + PAD + 3, top + 17, box.name, "name", fill=ink)
        at = left + rect.width - PAD - 3 - text_width(kind) * 10
        yield _say(at, top + 17, kind, "kind", fill=ink)
        for number, line in enumerate(self.lines[index]):
            yield _say(left + PAD + 3, top + 34 + number * LINE_HEIGHT, line, "text")
        yield from self._numbers(box.name, rect)
        yield "</g></a>" if link else "</g>"

    def _numbers(self, name: str, box: _Rect) -> Iterable[str]:
        """How many callers came, above; how many hung up, below."""
        place = self._place(name)
        if self.traffic is None or place not in self.traffic.nodes:
            return
        node, right = self.traffic.nodes[place], box.left + box.width - 8
        yield from _badge(f"{node.arrivals:,}", right, box.top, "#54637a")
        if node.ends.dropped and node.drop_out is not None:
            text = f"✕ {node.ends.dropped:,} · {node.drop_out:.0%}"
            yield from _badge(text, right, box.top + box.height + 5, "#c0392b")


_FORMS = {
    **dict.fromkeys(("queue", "callback", "transfer", "voicemail", "hang_up", "return"), "pill"),
    **dict.fromkeys(("branch", "hours", "customer"), "hexagon"),
    "flow": "double",
}


def _shape(form: str, box: _Rect, ground: str, frame: str) -> str:
    colours = f'fill="{ground}" stroke="{frame}" stroke-width="1.3"'
    left, top, width, height = box.left, box.top, box.width, box.height
    if form == "hexagon":
        right, bottom, cut = left + width, top + height, 9
        points = [
            (left + cut, top), (right - cut, top), (right, top + height / 2),
            (right - cut, bottom), (left + cut, bottom), (left, top + height / 2),
        ]  # fmt: skip
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        return f'<polygon points="{joined}" {colours}/>'
    radius = {"pill": min(height / 2, 19), "double": 3}.get(form, 6)

    def rect(inset: float) -> str:
        return (
            f'<rect x="{left + inset:.1f}" y="{top + inset:.1f}" width="{width - 2 * inset:.1f}" '
            f'height="{height - 2 * inset:.1f}" rx="{radius:g}" {colours}/>'
        )

    return rect(0) + (rect(3) if form == "double" else "")


def _badge(text: str, right: float, y: float, colour: str) -> Iterable[str]:
    width = text_width(text) * 10.5 + 10
    yield (
        f'<rect x="{right - width:.1f}" y="{y - 8:.1f}" width="{width:.1f}" height="16" rx="8" '
        f'fill="{colour}"/>'
    )
    yield _say(right - width / 2, y + 4, text, "badge", middle=True)


def _say(x: float, y: float, text: str, style: str, *, middle: bool = False, fill: str = "") -> str:
    more = ' text-anchor="middle"' if middle else ""
    more += f' fill="{fill}"' if fill else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{more} {_LETTERS[style]}>{escape(text)}</text>'


# ---- how wide words are ----


def text_width(text: str) -> float:
    """About how wide a text is, in em: Chinese characters are square, others half as wide."""
    return sum(_em(character) for character in text)


_NEVER_FIRST = tuple("，。、：；！？,.;:!?")
_WIDE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZmw=<>≥≤≠%✓✗→")


def _em(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WFA":
        return 1.0
    return 0.32 if character in "ijl.,:;'|!· " else 0.82 if character in _WIDE else 0.6


def _shortened(text: str, widest: float) -> str:
    """The text, cut to a width in em."""
    if text_width(text) <= widest:
        return text
    while text and text_width(text) > widest - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def _lines(box: Box) -> list[str]:
    """The beginning of a box' text on two lines at most."""
    if box.mark or not box.text:
        return []
    room = (BOX - 2 * PAD - 8) / 11.5
    first = said = box.text.rstrip("。.")
    while text_width(first) > room:
        space = first.rfind(" ", 1)
        in_word = first[-1].isascii() and space > len(first) * 0.4
        first = first[:space] if in_word else first[:-1]
    if said[len(first) : len(first) + 1] in _NEVER_FIRST:
        first = said[: len(first) + 1]
    rest = said[len(first) :].strip()
    return [first, _shortened(rest, room)] if rest else [first]


def _size(box: Box, lines: Sequence[str]) -> Point:
    if box.mark:
        return text_width(box.text or f"→ {box.name}") * 11.5 + 18, MARK_HEIGHT
    return BOX, 27 + len(lines) * LINE_HEIGHT


def _along(start: Point, end: Point, t: float) -> Point:
    """The place at t (0 to 1) of the curve that leaves and arrives upright."""
    middle = (start[1] + end[1]) / 2
    a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
    return (a + b) * start[0] + (c + d) * end[0], a * start[1] + (b + c) * middle + d * end[1]
