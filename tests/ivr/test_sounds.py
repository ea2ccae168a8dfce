"""Characters that a recogniser confuses sound the same."""

import pytest

from ivr.sounds import sound


@pytest.mark.parametrize(
    "said, written",
    [("发", "法"), ("订", "定"), ("促", "醋"), ("找", "照"), ("诉", "树"), ("递", "地")],
)
def test_the_tone_and_what_a_telephone_blurs_do_not_count(said, written):
    assert sound(said) == sound(written)


@pytest.mark.parametrize(
    "character, syllable",
    [("啊", "a"), ("座", "zuo"), ("女", "nv"), ("旅", "lv"), ("中", "zon"), ("快", "kuai")],
)
def test_the_first_the_last_and_some_between(character, syllable):
    assert sound(character) == syllable


@pytest.mark.parametrize("character", ["亍", "遞", "a", "7", "é", "😀"])
def test_what_the_list_does_not_hold_stands_for_itself(character):
    assert sound(character) == character
