"""Where the boxes of a drawn graph stand: in rows, each edge going down, few crossings. Pure.

The rows and the order in a row come from the method of Sugiyama, Tagawa and Toda (1981) as
fast-sugiyama has it. The places along a row are ours, because boxes differ in width and a line
needs next to none: each box wants to stand at the mean of its neighbours, and least squares under
"not closer than" is an isotonic regression.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from fast_sugiyama import from_edges

Point: TypeAlias = tuple[float, float]
Edge: TypeAlias = tuple[int, int]
Chain: TypeAlias = tuple[int, ...]
"""An edge, with the places where it passes a row between its two boxes."""

GAP = 22.0
"""Between two boxes of a row."""
ROW_GAP = 58.0
"""Between two rows, for the lines and their labels."""
LINE = 14.0
"""What a line takes in a row that it passes."""
_SWEEPS = 200
_STIFF = 6.0
"""How much less a line gives way to a box than a box to a line."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where boxes stand and lines go, in the units of the boxes' sizes, from (0, 0)."""

    centres: Sequence[Point]
    routes: dict[Edge, list[Point]]
    """Between the two boxes: a point above and one below each row that is passed."""
    width: float
    height: float


def lay_out(sizes: Sequence[Point], edges: Sequence[Edge]) -> Layout:
    """Place boxes of these sizes (width, height).

    Args:
        sizes: of the boxes, which edges name by their index.
        edges: without rings and each once, in the order in which they should go left to right.
    """
    ranks, orders, chains = _ranked(len(sizes), edges)
    orders = _in_given_order(orders, chains, edges)
    widths = [size[0] for size in sizes] + [LINE] * (len(ranks) - len(sizes))
    xs = _along(orders, chains, widths)
    if _mirrored(xs, edges):
        orders = [row[::-1] for row in orders]
        xs = _along(orders, chains, widths)
    left = min(x - w / 2 for x, w in zip(xs, widths, strict=True))
    xs = [x - left for x in xs]
    heights = [max((sizes[v][1] for v in row if v < len(sizes)), default=0.0) for row in orders]
    tops = [sum(heights[:rank]) + ROW_GAP * rank for rank in range(len(orders))]
    routes = {
        (chain[0], chain[-1]): [
            (xs[v], y)
            for v in chain[1:-1]
            for y in (tops[ranks[v]] - 6, tops[ranks[v]] + heights[ranks[v]] + 6)
        ]
        for chain in chains
    }
    centres = [(xs[v], tops[ranks[v]] + sizes[v][1] / 2) for v in range(len(sizes))]
    width = max(x + w / 2 for x, w in zip(xs, widths, strict=True))
    return Layout(centres, routes, width, tops[-1] + heights[-1])


def _ranked(count: int, edges: Sequence[Edge]) -> tuple[list[int], list[list[int]], list[Chain]]:
    """Each box' row, the order in each row, and each edge as the chain of what it passes.

    Numbers from ``count`` on stand for lines that pass a row.
    """
    names = sorted({box for edge in edges for box in edge})
    number = {box: index for index, box in enumerate(names)}
    placed: list[tuple[float, float, int]] = []  # row from above, x, box
    firsts: dict[int, list[int]] = defaultdict(list)
    extra, right = count, 0.0
    numbered = [(number[a], number[b]) for a, b in edges]
    layouts = from_edges(numbered, vertex_spacing=1, dummy_vertices=True) if numbered else []
    for positions, _, _, pairs in layouts:
        own: dict[int, int] = {}
        top = max(y for _, (_, y) in positions)
        for name, (x, y) in positions:
            box = int(name)
            if box < len(names):
                own[box] = names[box]
            else:
                own[box], extra = extra, extra + 1
            placed.append((top - y, right + x, own[box]))
        right = max(x for _, x, _ in placed) + 1
        for a, b in pairs or ():
            firsts[own[int(a)]].append(own[int(b)])
    alone = [box for box in range(count) if box not in number]
    placed += [(0.0, right + index, box) for index, box in enumerate(alone)]
    rows = sorted({round(y) for y, _, _ in placed})
    ranks = [0] * extra
    orders: list[list[int]] = [[] for _ in rows]
    for y, _, box in sorted(placed):
        ranks[box] = rows.index(round(y))
        orders[ranks[box]].append(box)
    follows = {a: after[0] for a, after in firsts.items() if a >= count}
    chains: list[Chain] = []
    for a in range(count):
        for b in firsts.get(a, ()):
            chain = [a, b]
            while chain[-1] >= count:
                chain.append(follows[chain[-1]])
            chains.append(tuple(chain))
    return ranks, orders, chains


def _in_given_order(
    orders: Sequence[Sequence[int]], chains: Sequence[Chain], edges: Sequence[Edge]
) -> list[list[int]]:
    """The rows with neighbours changed over that stand against the order of the edges, where that
    makes no further crossings.
    """
    near: tuple[dict[int, list[int]], ...] = (defaultdict(list), defaultdict(list))
    first: dict[int, int] = {}
    for chain in sorted(chains, key=lambda chain: edges.index((chain[0], chain[-1]))):
        for a, b in pairwise(chain):
            near[0][b].append(a)
            near[1][a].append(b)
            first.setdefault(b, len(first))
    rows = [list(row) for row in orders]
    at = {box: place for row in rows for place, box in enumerate(row)}

    def crossings(left: int, right: int) -> int:
        return sum(
            at[a] > at[b] for side in near for a in side.get(left, ()) for b in side.get(right, ())
        )

    for _ in rows:
        for row in rows:
            for place, (a, b) in enumerate(pairwise(list(row))):
                if row[place] != a:
                    continue  # has just moved on
                if first.get(b, 0) < first.get(a, 0) and crossings(b, a) <= crossings(a, b):
                    row[place], row[place + 1] = b, a
                    at[a], at[b] = place + 1, place
    return rows


def _along(
    orders: Sequence[Sequence[int]], chains: Sequence[Chain], widths: Sequence[float]
) -> list[float]:
    """Where each box stands in its row: near its neighbours above and below, in the given order."""
    above: dict[int, list[int]] = defaultdict(list)
    below: dict[int, list[int]] = defaultdict(list)
    for chain in chains:
        for a, b in pairwise(chain):
            below[a].append(b)
            above[b].append(a)
    xs = [0.0] * len(widths)
    for row in orders:
        for index, box in enumerate(row):
            xs[box] = index * (max(widths) + GAP) - len(row) * (max(widths) + GAP) / 2
    for sweep in range(_SWEEPS):
        for row in orders if sweep % 2 == 0 else orders[::-1]:
            near = [[*above[box], *below[box]] or [box] for box in row]
            wished = [sum(xs[other] for other in around) / len(around) for around in near]
            weights = [_STIFF if widths[box] == LINE else 1.0 for box in row]
            for box, x in zip(row, _apart(row, wished, weights, widths), strict=True):
                xs[box] = x
    return xs


def _apart(
    row: Sequence[int],
    wished: Sequence[float],
    weights: Sequence[float],
    widths: Sequence[float],
) -> list[float]:
    """The places nearest to those wished for at which no two boxes touch.

    Pool adjacent violators, on the places less what the boxes to the left take.
    """
    taken = [0.0]
    for a, b in pairwise(row):
        taken.append(taken[-1] + (widths[a] + widths[b]) / 2 + GAP)
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for wish, weight, before in zip(wished, weights, taken, strict=True):
        mean, heavy, count = wish - before, weight, 1
        while pools and pools[-1][0] > mean:
            other, more, many = pools.pop()
            mean = (mean * heavy + other * more) / (heavy + more)
            heavy, count = heavy + more, count + many
        pools.append((mean, heavy, count))
    level = [mean for mean, _, count in pools for _ in range(count)]
    return [at + before for at, before in zip(level, taken, strict=True)]


def _mirrored(xs: Sequence[float], edges: Sequence[Edge]) -> bool:
    """Whether most boxes' ways on go right to left in the order in which they are given."""
    ways: dict[int, list[float]] = defaultdict(list)
    for a, b in edges:
        ways[a].append(xs[b])
    steps = [b - a for to in ways.values() for a, b in pairwise(to)]
    return sum(step < 0 for step in steps) > sum(step > 0 for step in steps)
