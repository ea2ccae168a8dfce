"""Sentences at the quality of a telephone, through the real process and model, to their meaning.

A few of those that `./huawu bench speech_menu` measures; the whole is in docs/speech.md.
"""

import pytest

from ivr.intents import load_intents
from recordings.listening import HearingLink
from tests.recordings.hearing_process import ROOT, hearing_process, linked
from tests.recordings.phrases import load_phrases
from tests.recordings.speech_set import measure

pytestmark = pytest.mark.live

EVERY = 9


async def test_most_are_understood_and_nobody_is_sent_wrong() -> None:
    intents = load_intents(ROOT / "company" / "intents.yaml")
    phrases = load_phrases()[::EVERY]
    with hearing_process("--patience", "120") as socket:
        async with linked(HearingLink(socket, intents.expectations)) as link:
            score = await measure(link, intents, phrases, 20.0)
    told = [(p.text, taken.words, found.intent) for p, taken, found in score.others]
    assert score.counts["wrong"] + score.counts["stray"] == 0, told
    assert score.share("at once") + score.share("asked") > 0.7, told
