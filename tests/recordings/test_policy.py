"""The rules of recording."""

import pytest

from recordings import policy


@pytest.mark.parametrize(
    "wanted, free, expected",
    [(True, 100, True), (True, 101, True), (True, 99, False), (False, 1000, False)],
)
def test_a_talk_is_recorded_when_wanted_and_there_is_room(
    wanted: bool, free: int, expected: bool
) -> None:
    assert policy.may_record(wanted=wanted, free_bytes=free, floor=100) is expected


@pytest.mark.parametrize(
    "agent, customer, talked, fault, alarm",
    [
        (10.0, 10.0, 10.0, "", False),
        (9.6, 10.4, 10.0, "", False),
        (9.4, 10.0, 10.0, "short: 9.4 s of a talk of 10.0 s", False),
        (10.0, 7.9, 10.0, "short: 7.9 s of a talk of 10.0 s", True),
        (12.1, 10.0, 10.0, "long: 12.1 s of a talk of 10.0 s", True),
        (19.0, 19.0, 29.0, "short: 19.0 s of a talk of 29.0 s", True),
        (None, 10.0, 10.0, "missing: the agent's leg", True),
        (10.0, None, 10.0, "missing: the customer's leg", True),
        (None, None, 10.0, "missing: no file", True),
        (0.0, 0.0, 10.0, "short: 0.0 s of a talk of 10.0 s", True),
        (5.0, 5.0, None, "not checked: the end of the talk was not seen", False),
        (None, 5.0, None, "missing: the agent's leg", True),
    ],
)
def test_a_recording_is_as_long_as_its_talk(
    agent: float | None, customer: float | None, talked: float | None, fault: str, alarm: bool
) -> None:
    verdict = policy.judge(agent=agent, customer=customer, talked=talked)
    assert (verdict.fault, verdict.alarm) == (fault, alarm)


def test_the_folder_is_that_of_the_day_at_the_centre() -> None:
    # 2026-01-01 00:30 in Shanghai, still the old year in London.
    at = 1767198600.0
    contact = "huawu-1767198600.12"
    assert policy.folder_of(contact, 1, at, "Asia/Shanghai") == f"2026/01/01/{contact}-1"
    assert policy.folder_of(contact, 1, at, "Europe/London") == f"2025/12/31/{contact}-1"


@pytest.mark.parametrize("contact", ["", "..", "a/b", "../x", "a..b", ".a", "a\0", "-a", "a" * 129])
def test_a_contact_id_cannot_lead_out_of_the_folder(contact: str) -> None:
    with pytest.raises(ValueError, match="unsafe"):
        policy.folder_of(contact, 1, 0.0, "UTC")


def test_names_of_growing_files() -> None:
    name = policy.live_name("huawu-1767198600.12", 3, "agent")
    assert policy.parse_live_name(name) == ("huawu-1767198600.12", 3)
    for other in ("x.wav", "c-1-both.wav", "c-x-agent.wav", "c-1-agent.wav.tmp", "-1-agent.wav"):
        assert policy.parse_live_name(other) is None


@pytest.mark.parametrize(
    "length, fault",
    [(9.0, "short"), (10.0, ""), (25.0, ""), (40.0, ""), (43.0, "long")],
)
def test_a_talk_with_a_hold_may_be_recorded_with_it_or_without(length: float, fault: str) -> None:
    verdict = policy.judge(agent=length, customer=length, talked=10.0, held=30.0)
    assert verdict.fault.startswith(fault)
    assert bool(verdict.fault) == bool(fault)
