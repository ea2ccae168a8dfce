"""Pictures of simulated days, drawn without a screen. The one home of matplotlib.

SVG without dates and with fixed ids: the same run writes the same bytes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from acd.simulation.days import Day
from acd.simulation.outcome import ALL, across
from telephony.events import QueueEnd

mpl.use("Agg")
mpl.rcParams.update(
    {
        "svg.hashsalt": "huawu",
        "svg.fonttype": "none",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "figure.constrained_layout.use": True,
    }
)
INK, SOFT, WARN = "#1f5f8b", "#8fb8d4", "#c2542d"


def draw_days(days: Sequence[Day], folder: Path, targets: Mapping[str, float]) -> list[Path]:
    """Draw all pictures of these days into a folder; returns the files.

    Args:
        targets: queue -> share of callers to be answered within its threshold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _save(_queues(days, targets), folder / "queues.svg"),
        _save(_waits(days), folder / "waits.svg"),
        _save(_day(days), folder / "day.svg"),
    ]


def _save(figure: Figure, file: Path) -> Path:
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
    return file


def _queues(days: Sequence[Day], targets: Mapping[str, float]) -> Figure:
    """Service level, ASA and abandonment of each queue, with their intervals."""
    rows = across([day.outcome for day in days])
    names = [name for name in rows if any(day.outcome.queues[name].offered for day in days)]
    figure = Figure(figsize=(9, 0.6 + 0.35 * len(names)))
    panels = figure.subplots(1, 3, sharey=True)
    for panel, (key, title, scale) in zip(
        panels,
        (
            ("service_level", "service level, %", 100),
            ("asa", "ASA, s", 1),
            ("abandonment", "abandoned, %", 100),
        ),
        strict=True,
    ):
        means = [scale * rows[name][key].mean for name in names]
        halves = np.nan_to_num([scale * rows[name][key].half for name in names])
        panel.barh(names, means, xerr=halves, color=SOFT, ecolor=INK, capsize=3)
        panel.set_title(title)
    for index, name in enumerate(names):
        if name in targets:
            panels[0].plot([100 * targets[name]] * 2, [index - 0.4, index + 0.4], color=WARN)
    panels[0].invert_yaxis()
    return figure


def _waits(days: Sequence[Day]) -> Figure:
    """Share of answered callers who waited no longer than so many seconds."""
    figure = Figure(figsize=(7, 4))
    axes: Axes = figure.subplots()
    for name in days[0].outcome.queues:
        waits = np.sort([wait for day in days for wait in day.outcome.queues[name].waits])
        if len(waits):
            shares = 100 * np.arange(1, len(waits) + 1) / len(waits)
            style = {"color": "black", "linewidth": 2} if name == ALL else {}
            axes.step(waits, shares, where="post", label=name, **style)  # type: ignore[arg-type]
    axes.set(xlabel="seconds in the queue", ylabel="% of answered callers", ylim=(0, 101))
    axes.legend(loc="lower right")
    return figure


def _day(days: Sequence[Day]) -> Figure:
    """Over the day: callers per half hour, and how long they waited."""
    half = 1800.0
    entries = [
        (entry.at - day.start, entry) for day in days for entry in day.watch.entries if entry.end
    ]
    slots = int(max((at for at, _ in entries), default=0.0) // half) + 1
    came, lost, waits = np.zeros(slots), np.zeros(slots), np.zeros(slots)
    for at, entry in entries:
        slot = min(max(int(at // half), 0), slots - 1)
        came[slot] += 1
        lost[slot] += entry.end in (QueueEnd.ABANDONED, QueueEnd.SHORT_ABANDONED)
        waits[slot] += entry.waited
    figure = Figure(figsize=(9, 4.5))
    top, low = figure.subplots(2, 1, sharex=True)
    middles = (np.arange(slots) + 0.5) * half / 3600
    top.bar(middles, came / len(days), width=0.45, color=SOFT, label="queued")
    top.bar(middles, lost / len(days), width=0.45, color=WARN, label="gave up")
    top.set(ylabel="callers per half hour")
    top.legend()
    low.plot(middles, waits / np.maximum(came, 1), color=INK, marker=".")
    low.set(ylabel="mean wait, s", xlabel="hours from the beginning of the day")
    return figure


def draw_pooling(rows: Sequence[Mapping[str, object]], bound: float, file: Path) -> Path:
    """Mean wait over skills per agent, one line per strategy, beside the pooled bound."""
    figure = Figure(figsize=(7, 4))
    axes: Axes = figure.subplots()
    strategies = dict.fromkeys(str(row["strategy"]) for row in rows)
    for strategy in [name for name in strategies if name != "any"]:
        # The ends of the line are the same under every strategy.
        chosen = [row for row in rows if row["strategy"] in (strategy, "any") and row["skills"]]
        axes.errorbar(
            [int(str(row["skills"])) for row in chosen],
            [float(str(row["wait"])) for row in chosen],
            yerr=[float(str(row["wait_half"])) for row in chosen],
            marker="o",
            capsize=3,
            label=strategy,
        )
    axes.axhline(bound, color="black", linestyle="--", label="all pooled (M/M/90, exact)")
    axes.set(xlabel="skills per agent", ylabel="mean wait, s", yscale="log")
    axes.set_xticks([1, 2, 3, 6], ["1", "2", "3", "6"])
    axes.legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    return _save(figure, file)
