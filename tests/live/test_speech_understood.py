"""Sentences at the quality of a telephone, through the real process and model, to their meaning.

A few of those that `./huawu bench speech_menu` measures; the whole is in docs/speech.md.
"""

from collections.abc import AsyncIterator

import numpy as np
import pytest
import soundfile

from ivr.intents import Intents, load_intents
from recordings.listening import HearingLink
from tests.recordings.hearing_process import ROOT, hearing_process, linked, say
from tests.recordings.phrases import RATE, load_phrases, through_g711
from tests.recordings.speech_set import measure

pytestmark = pytest.mark.live

EVERY = 9
ANSWERS = ROOT / "tests" / "data" / "answers"
"""One word each, made as the phrases are."""


@pytest.fixture(scope="module")
def intents() -> Intents:
    return load_intents(ROOT / "company" / "intents.yaml")


@pytest.fixture
async def link(intents: Intents) -> AsyncIterator[HearingLink]:
    with hearing_process("--patience", "120") as socket:
        async with linked(HearingLink(socket, intents.expectations)) as link:
            yield link


async def test_most_are_understood_and_nobody_is_sent_wrong(
    link: HearingLink, intents: Intents
) -> None:
    score = await measure(link, intents, load_phrases()[::EVERY], 20.0)
    told = [(p.text, taken.words, found.intent) for p, taken, found in score.others]
    assert score.counts["wrong"] + score.counts["stray"] == 0, told
    assert score.share("at once") + score.share("asked") > 0.7, told


async def test_a_yes_and_a_no_are_heard_as_such(link: HearingLink, intents: Intents) -> None:
    half = np.zeros(RATE // 2, dtype=np.int16)
    for language in ("zh-CN", "en"):
        for word, meaning in (("yes", True), ("no", False)):
            file = ANSWERS / f"{language[:2]}_{word}.wav"
            line = np.concatenate([half, soundfile.read(file, dtype="int16")[0], half, half])
            taken = await say(link, language, through_g711(line), end=1.0, paced=False)
            assert intents.answer(taken.words, language) is meaning, (file.name, taken.words)
