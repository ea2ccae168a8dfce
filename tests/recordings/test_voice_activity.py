"""Where speech begins and ends, told from probabilities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.voice_activity import CHUNK_SECONDS, DEFAULT, Turn, VoiceActivity


def chunks(seconds: float) -> int:
    return round(seconds / CHUNK_SECONDS)


def follow(*stretches: tuple[float, float]) -> list[tuple[Turn, float]]:
    """The turns of stretches of (probability, seconds), each with its moment in seconds."""
    voice, turns, now = VoiceActivity(), [], 0
    for probability, seconds in stretches:
        for _ in range(chunks(seconds)):
            now += 1
            if turn := voice.hear(probability):
                turns.append((turn, now * CHUNK_SECONDS))
    return turns


def test_a_sentence_with_a_pause_in_it():
    turns = follow((0.0, 1.0), (0.9, 1.0), (0.1, 0.5), (0.9, 1.0), (0.0, 1.0))
    assert [turn for turn, _ in turns] == [
        Turn.BEGAN, Turn.PAUSED, Turn.RESUMED, Turn.PAUSED, Turn.ENDED,
    ]  # fmt: skip
    moments = [moment for _, moment in turns]
    assert moments == pytest.approx([1.25, 2.3, 2.53, 3.8, 4.15], abs=0.05)


def test_a_cough_is_no_speech():
    assert follow((0.0, 0.5), (0.95, 0.2), (0.0, 2.0)) == []


def test_two_coughs_do_not_add_up():
    assert follow((0.95, 0.2), (0.0, 0.3), (0.95, 0.2), (0.0, 1.0)) == []


def test_the_gap_between_two_syllables_does():
    assert follow((0.95, 0.2), (0.0, 0.06), (0.95, 0.2))[0][0] is Turn.BEGAN


def test_what_is_neither_speech_nor_silence_stays_what_it_was():
    assert follow((0.4, 5.0)) == []
    assert [turn for turn, _ in follow((0.9, 0.5), (0.4, 5.0))] == [Turn.BEGAN]


def test_who_never_stops_is_stopped():
    turns = follow((0.9, 14.0))
    assert [turn for turn, _ in turns] == [Turn.BEGAN, Turn.ENDED, Turn.BEGAN]
    assert turns[1][1] == pytest.approx(DEFAULT.longest, abs=0.05)


def test_the_beginning_lies_before_the_first_probable_speech():
    voice = VoiceActivity()
    for _ in range(50):
        voice.hear(0.0)
    while voice.hear(0.9) is not Turn.BEGAN:
        pass
    assert voice.begin == 50 - chunks(DEFAULT.lead)


@given(st.lists(st.floats(0, 1), max_size=600))
def test_turns_come_in_order(probabilities):
    """Whatever is heard: began, then pauses and resumptions by turns, then the end."""
    voice, state = VoiceActivity(), Turn.ENDED
    follows = {
        Turn.ENDED: {Turn.BEGAN},
        Turn.BEGAN: {Turn.PAUSED, Turn.ENDED},
        Turn.PAUSED: {Turn.RESUMED, Turn.ENDED},
        Turn.RESUMED: {Turn.PAUSED, Turn.ENDED},
    }
    for probability in probabilities:
        if turn := voice.hear(probability):
            assert turn in follows[state]
            state = turn
