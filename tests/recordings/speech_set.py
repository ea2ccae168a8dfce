"""How well callers who speak in a menu are understood, counted."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ivr.intents import Intents, Understanding
from recordings.listening import HearingLink
from tests.recordings.hearing_process import Taken, say
from tests.recordings.phrases import RATE, Phrase, load_phrases, noisy, through_g711

BEFORE, AFTER, TAIL = 0.5, 1.3, 0.2
"""Seconds: of the line before and after a recording, and of silence at its own end."""


@dataclass(slots=True)
class Score:
    """What became of the sentences of one kind of line."""

    counts: Counter[str] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)
    others: list[tuple[Phrase, Taken, Understanding]] = field(default_factory=list)
    """Sentences that were not understood at once."""

    def share(self, what: str) -> float:
        """Among the sentences that mean something; ``stray`` among those that do not."""
        kinds = ("stray", "ignored") if what == "stray" else ("at once", "asked", "lost", "wrong")
        return self.counts[what] / max(1, sum(self.counts[kind] for kind in kinds))

    @property
    def sent_wrong(self) -> float:
        """Share of all sentences that were acted upon though they did not mean it."""
        return (self.counts["wrong"] + self.counts["stray"]) / max(1, self.counts.total())

    def count(self, phrase: Phrase, taken: Taken, found: Understanding) -> None:
        """Add one sentence."""
        right = found.intent == phrase.intent
        if not phrase.intent:
            kind = "stray" if found.sure else "ignored"
        elif found.sure:
            kind = "at once" if right else "wrong"
        else:
            kind = "asked" if found.perhaps and right else "lost"
        self.counts[kind] += 1
        if kind not in ("at once", "ignored"):
            self.others.append((phrase, taken, found))


def on_the_line(phrase: Phrase, decibels: float | None) -> tuple[np.ndarray, float]:
    """A sentence as it comes out of the telephone, and the second in which it ends."""
    said = phrase.samples()
    line = np.concatenate(
        [np.zeros(int(BEFORE * RATE), np.int16), said, np.zeros(int(AFTER * RATE), np.int16)]
    )
    if decibels is not None:
        line = noisy(line, decibels, seed=load_phrases().index(phrase))
    return through_g711(line), BEFORE + said.size / RATE - TAIL


async def measure(
    link: HearingLink,
    intents: Intents,
    phrases: Iterable[Phrase],
    decibels: float | None,
    *,
    paced: bool = False,
) -> Score:
    """Say the sentences one after another, ``paced`` as people speak."""
    score = Score()
    for phrase in phrases:
        samples, end = on_the_line(phrase, decibels)
        taken = await say(link, phrase.language, samples, end=end, paced=paced)
        score.count(phrase, taken, intents.understand(taken.words, phrase.language))
        if paced and taken.spoke:
            score.delays.append(taken.delay)
    return score
