"""What a caller means by a sentence: intents learnt from example phrases. Pure but for the file.

A recogniser's words are noisy, so a sentence is compared by its pieces: in Chinese the sounds of
its characters and pairs of them, elsewhere words, pairs of words and pieces of words. The weights
of the pieces are a ridge regression, one intent against all others, solved in closed form: the
same file always gives the same answers, and a menu is loaded in a moment. What each example would
have been taken for had it not been there follows in closed form, too; on that the confidence is
calibrated.
"""

import functools
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from ivr.prompts import Prompt, Voice
from ivr.sounds import sound
from store.source import BadFile, Problem, Source, Where, check_source, read_source

Vector: TypeAlias = npt.NDArray[np.float64]

NONE = ""
"""The intent of a sentence that means none of them."""
SURE = 0.8
"""From this confidence on a menu acts at once."""
PERHAPS = 0.45
"""From this confidence on a menu asks whether that was meant; below it nothing was understood."""
FEWEST = 5
"""Examples that an intent needs in each language."""

_LONGEST = 200  # characters of a sentence that are looked at: 40 s of speech
_RIDGE = 1.0  # as strong as one example; the best of 0.1 to 2 on examples left out
_UNSPACED = ("zh",)  # languages written without blanks between words


# --- the shape of the file -------------------------------------------------------------------

_Sentence: TypeAlias = Annotated[str, Field(min_length=1, max_length=_LONGEST)]
IntentName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IntentData(_Shape):
    """One thing that callers want."""

    confirm: dict[str, _Sentence]
    """Language to the question that makes sure."""
    examples: dict[str, list[_Sentence]]
    """Language to what callers say."""


class IntentsData(_Shape):
    """The shape of an intents file."""

    intents: dict[IntentName, IntentData] = Field(min_length=2)
    none: dict[str, list[_Sentence]] = {}
    """Language to sentences that mean none of the intents."""
    hints: dict[str, _Sentence] = {}
    """Language to a text with words that a recogniser should expect."""
    answers: dict[Literal["yes", "no"], dict[str, list[_Sentence]]]


# --- understanding ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """What a sentence means."""

    intent: str = NONE
    """The likeliest intent; `NONE` when the sentence looks like none of them."""
    confidence: float = 0.0
    """How probable it is that the caller means this intent, 0.0 to 1.0."""
    runner_up: str = NONE
    """The intent that comes next."""

    @property
    def sure(self) -> bool:
        """Whether to act at once."""
        return self.intent != NONE and self.confidence >= SURE

    @property
    def perhaps(self) -> bool:
        """Whether to ask if that was meant."""
        return self.intent != NONE and PERHAPS <= self.confidence < SURE


class Intents:
    """The intents of a company, in each language that has examples."""

    def __init__(self, data: IntentsData, source: Source) -> None:
        self.names = frozenset(data.intents)
        self._data = data
        self._source = source
        self._learnt = {
            language: _learnt(tuple(_labelled(data, language)), language)
            for language in languages_of(data)
        }
        self._answers = {
            language: [
                (_units(phrase, language), answer == "yes")
                for answer, phrases in data.answers.items()
                for phrase in phrases.get(language, ())
            ]
            for language in languages_of(data)
        }

    def understand(self, words: str, language: str) -> Understanding:
        """What a caller means by these words; in a language without examples nothing.

        When the whole sentence is not clear, its clearest part is what counts ("你好，我要查物流"),
        unless two parts clearly mean different things.
        """
        learnt = self._learnt.get(language)
        if learnt is None or not plain_words(words):
            return Understanding()
        whole = learnt.understand(words)
        parts = [learnt.understand(part) for part in _CLAUSE.split(words) if plain_words(part)]
        if whole.sure or len({part.intent for part in parts if part.sure}) > 1:
            return whole
        return max(whole, *parts, key=lambda understood: understood.confidence)

    def answer(self, words: str, language: str) -> bool | None:
        """Whether the words begin with a yes or a no; None when with neither.

        "No" wins when both are said ("嗯，不是"). A single character that merely begins another
        word ("好几天了") is no answer.
        """
        rest = _units(next(filter(plain_words, _CLAUSE.split(words)), ""), language)
        said: list[bool] = []
        taken = 0
        while rest:
            size, meaning = max(
                (
                    (len(phrase), yes)
                    for phrase, yes in self._answers.get(language, ())
                    if rest[: len(phrase)] == phrase
                ),
                default=(0, False),
            )
            if not size:
                break
            said.append(meaning)
            rest, taken = rest[size:], taken + size
        if not said or (rest and taken == 1 and _is_unspaced(language)):
            return None
        return all(said)

    def expectations(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Language to what a recogniser should expect: a text of hints, and whole phrases."""
        return {
            language: (
                self._data.hints.get(language, ""),
                tuple(text for intent, text in _labelled(self._data, language) if intent),
            )
            for language in self._learnt
        }

    def prompts(self, voices: Mapping[str, Voice]) -> Iterator[Prompt]:
        """The questions that make sure, as prompts named `confirm_prompt(intent)`."""
        for name, intent in self._data.intents.items():
            for language, text in intent.confirm.items():
                if language in voices:
                    yield Prompt(
                        name=confirm_prompt(name),
                        language=language,
                        text=text,
                        voice=voices[language],
                        source=self._source.file,
                        line=self._source.line(("intents", name, "confirm", language)),
                    )


def confirm_prompt(intent: str) -> str:
    """The name of the prompt that asks whether this intent was meant."""
    return f"intent-{intent}"


def languages_of(data: IntentsData) -> list[str]:
    """The languages in which there are examples."""
    return sorted({language for intent in data.intents.values() for language in intent.examples})


def _labelled(data: IntentsData, language: str) -> list[tuple[str, str]]:
    """Every example of a language with its intent."""
    return [
        *((NONE, text) for text in data.none.get(language, ())),
        *((name, text) for name, i in data.intents.items() for text in i.examples[language]),
    ]


@functools.lru_cache(maxsize=8)
def _learnt(examples: tuple[tuple[str, str], ...], language: str) -> "_Learnt":
    """Learning costs a quarter of loading a menu, most versions of which share their examples."""
    return _Learnt(examples, _cutter(language))


class _Learnt:
    """The intents of one language; never changes."""

    def __init__(self, examples: Sequence[tuple[str, str]], cut: "_Cutter") -> None:
        self._cut = cut
        self._classes = [NONE, *sorted({intent for intent, _ in examples} - {NONE})]
        pieces = [set(cut(plain_words(text))) for _, text in examples]
        seen = Counter(piece for of_one in pieces for piece in of_one)
        self._index = {piece: at for at, piece in enumerate(sorted(seen))}
        self._rarity = 1 + np.log([len(examples) / seen[piece] for piece in self._index])
        rows = np.stack([self._row(of_one) for of_one in pieces])
        truth = np.array([self._classes.index(intent) for intent, _ in examples])
        wanted = np.eye(len(self._classes))[truth]
        inverse = np.linalg.inv(rows @ rows.T + _RIDGE * np.eye(len(rows)))
        dual = inverse @ wanted
        self._weights: Vector = rows.T @ dual
        # The scores of each example had it been left out: Rasmussen and Williams, Gaussian
        # Processes for Machine Learning (2006), equation 5.12.
        left_out = wanted - dual / np.diag(inverse)[:, None]
        right = [self._best(scores) == label for scores, label in zip(left_out, truth, strict=True)]
        self._calibration = _logistic(np.stack([self._signs(s) for s in left_out]), np.array(right))

    def understand(self, words: str) -> Understanding:
        scores = self._row(set(self._cut(plain_words(words)))) @ self._weights
        best = self._best(scores)
        if scores[0] >= scores[best]:
            return Understanding(runner_up=self._classes[best])
        others = scores.copy()
        others[best] = -np.inf
        return Understanding(
            intent=self._classes[best],
            confidence=float(_chance(self._signs(scores) @ self._calibration)),
            runner_up=self._classes[self._best(others)],
        )

    def _row(self, pieces: set[str]) -> Vector:
        """A sentence as the weights of its known pieces; unknown ones, as rare as any, make it
        shorter than 1, as its own pieces do to an example left out.
        """
        row = np.zeros(len(self._index))
        known = [at for piece in pieces if (at := self._index.get(piece)) is not None]
        row[known] = self._rarity[known]
        unknown = (len(pieces) - len(known)) * self._rarity.max() ** 2
        row /= np.sqrt(max(1.0, row @ row + unknown))
        return row

    def _best(self, scores: Vector) -> int:
        """The class with the highest score, `NONE` apart."""
        return 1 + int(np.argmax(scores[1:]))

    def _signs(self, scores: Vector) -> Vector:
        """What the confidence is judged by: a constant, the best score, its lead over the rest."""
        best = self._best(scores)
        return np.array([1.0, scores[best], scores[best] - np.max(np.delete(scores, best))])


def _chance(odds: Vector) -> Vector:
    chance: Vector = 1 / (1 + np.exp(-odds))
    return chance


def _logistic(signs: Vector, right: Vector) -> Vector:
    """The weights of a logistic regression with a little shrinkage, by Newton's method."""
    weights = np.zeros(signs.shape[1])
    shrinkage = 0.1 * np.eye(signs.shape[1])
    for _ in range(20):
        chance = _chance(signs @ weights)
        slope = signs.T @ (right - chance) - shrinkage @ weights
        bend = (signs * (chance * (1 - chance))[:, None]).T @ signs + shrinkage
        weights = weights + np.linalg.solve(bend, slope)
    return weights


# --- sentences -------------------------------------------------------------------------------

_Cutter: TypeAlias = Callable[[str], Iterator[str]]
_CLAUSE = re.compile(r"[,.;:!?，。；：！？、…]")


def plain_words(text: str) -> str:
    """A sentence without punctuation and case, its words parted by single blanks."""
    text = unicodedata.normalize("NFKC", text[:_LONGEST]).lower()
    return " ".join(re.findall(r"\w+", re.sub(r"['’]", "", text)))


def _is_unspaced(language: str) -> bool:
    return language.split("-", maxsplit=1)[0] in _UNSPACED


def _units(text: str, language: str) -> list[str]:
    """Characters where words are not parted by blanks, else words."""
    plain = plain_words(text)
    return list(plain.replace(" ", "")) if _is_unspaced(language) else plain.split()


def _cutter(language: str) -> _Cutter:
    return _cut_sounds if _is_unspaced(language) else _cut_words


def _cut_sounds(plain: str) -> Iterator[str]:
    sounds = [sound(character) for character in plain.replace(" ", "")]
    yield from sounds
    yield from map(" ".join, itertools.pairwise(["^", *sounds, "$"]))


def _cut_words(plain: str) -> Iterator[str]:
    words = plain.split()
    yield from words
    yield from (f"{first} {second}" for first, second in itertools.pairwise(words))
    for word in words:
        yield from (f"~{run}" for size in (4, 5) for run in _runs(f"^{word}$", size))


def _runs(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(len(text) - size + 1))


# --- reading ---------------------------------------------------------------------------------


def load_intents(file: Path) -> Intents:
    """Read a company's intents. Raises BadFile with every problem found."""
    source = read_source(file)
    data = check_source(source, IntentsData)
    if problems := [*_gaps(source, data), *_repetitions(source, data)]:
        raise BadFile(problems)
    return Intents(data, source)


def _gaps(source: Source, data: IntentsData) -> Iterator[Problem]:
    """Languages in which an intent or an answer has too little."""
    for language in languages_of(data):
        for name, intent in data.intents.items():
            where: Where = ("intents", name, "examples", language)
            if (count := len(intent.examples.get(language, ()))) < FEWEST:
                yield source.problem(
                    where,
                    f"{name} has {count} examples in {language}; it needs at least {FEWEST}",
                    "add sentences as callers say them; ten to twenty-five do well",
                )
            if language not in intent.confirm:
                text = f"{name} has no question in {language} that makes sure"
                mend = f"add a line '{language}: …' under confirm"
                yield source.problem(("intents", name, "confirm"), text, mend)
        for answer in ("yes", "no"):
            if not data.answers.get(answer, {}).get(language):
                text = f"there is no way to say {answer} in {language}"
                mend = f'"{answer}": {{{language}: [ … ]}}'
                yield source.problem(("answers", answer), text, mend)


def _repetitions(source: Source, data: IntentsData) -> Iterator[Problem]:
    """Examples that stand in the file twice, and those without a word."""
    seen: dict[tuple[str, str], tuple[str, Where]] = {}
    for name, where, text in _each_example(data):
        plain = plain_words(text)
        if not plain:
            yield source.problem(where, f"'{text}' has no words", "write what callers say")
            continue
        first, place = seen.setdefault((str(where[-2]), plain), (name, where))
        if place != where:
            of_first = "" if first == name else f" as an example of {first}"
            yield source.problem(
                where,
                f"'{text}' is here already on line {source.line(place)}{of_first}",
                "keep it where callers mean it most often, and remove the other",
            )


def _each_example(data: IntentsData) -> Iterator[tuple[str, Where, str]]:
    """(intent, place, text) of all examples."""
    for name, intent in data.intents.items():
        for language, texts in intent.examples.items():
            for at, text in enumerate(texts):
                yield name, ("intents", name, "examples", language, at), text
    for language, texts in data.none.items():
        for at, text in enumerate(texts):
            yield "none", ("none", language, at), text
