"""Traffic files: what is drawn from them, and what is wrong in them, with file and line."""

from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from acd.company import load_company
from acd.simulation.draws import Duration, Spread
from acd.simulation.traffic import Traffic, load_traffic
from store.source import BadFile
from telephony.events import AgentWish

COMPANY = load_company(Path("company"))
ZONE = ZoneInfo("Asia/Shanghai")
GOOD = """\
start: "08:00"
end: "10:00"
interval: 60
queues:
  presale:
    arrivals: [100, 20]
    talk: {exponential: 100}
    languages: {zh-CN: 3, en: 1}
    attributes: {tier: {gold: 1, plain: 3}}
shifts:
  - agents: ["8001", "8002"]
    start: "08:00"
    end: "09:30"
    breaks: [{at: "09:00", minutes: 10, reason: lunch}]
"""


def load(text: str, folder: Path) -> Traffic:
    file = folder / "traffic.yaml"
    file.write_text(text, encoding="utf-8")
    return load_traffic(file, COMPANY)


def test_the_example_shops_day_is_in_order() -> None:
    traffic = load_traffic(Path("company/traffic.yaml"), COMPANY)
    assert set(traffic.queues) == set(COMPANY.queues)


@pytest.mark.parametrize(
    "old, new, line, text",
    [
        ("presale:", "presales:", 5, "there is no queue presales"),
        ('"8002"', '"8999"', 11, "there is no agent 8999"),
        ("{exponential: 100}", "{exponential: -1}", 7, "greater than 0"),
        ("{exponential: 100}", "{exponential: 1, fixed: 2}", 7, "exactly one of"),
        ("{zh-CN: 3, en: 1}", "{zh-CN: 0}", 5, "all shares are 0"),
        ('end: "09:30"', 'end: "07:30"', 11, "a shift ends after it starts"),
        ('at: "09:00"', 'at: "09:40"', 14, "lies outside the shift"),
        ("interval: 60", "intervall: 60", 3, "intervall"),
        ('start: "08:00"\nend', 'start: "8 am"\nend', 1, "start"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, text: str
) -> None:
    with pytest.raises(BadFile) as caught:
        load(GOOD.replace(old, new), tmp_path)
    first = str(caught.value.problems[0])
    assert first.startswith(f"{tmp_path / 'traffic.yaml'}:{line}: ")
    assert text in first


def test_arrivals_follow_the_intervals(tmp_path: Path) -> None:
    traffic = load(GOOD, tmp_path)
    counts = np.zeros(2)
    for seed in range(20):
        script = traffic.script(np.random.default_rng(seed), ZONE)
        for call in script.calls:
            assert script.start <= call.at < script.end
            counts[int((call.at - script.start) // 3600)] += 1
    # 20 days: the mean of a Poisson count is within 4 standard errors
    assert counts[0] / 20 == pytest.approx(100, abs=4 * (100 / 20) ** 0.5)
    assert counts[1] / 20 == pytest.approx(20, abs=4 * (20 / 20) ** 0.5)


def test_languages_and_attributes_are_mixed(tmp_path: Path) -> None:
    traffic = load(GOOD, tmp_path)
    calls = [c for s in range(15) for c in traffic.script(np.random.default_rng(s), ZONE).calls]
    english = sum(call.language == "en" for call in calls) / len(calls)
    gold = sum(call.attributes["tier"] == "gold" for call in calls) / len(calls)
    assert english == pytest.approx(0.25, abs=0.05)
    assert gold == pytest.approx(0.25, abs=0.05)


def test_shifts_and_breaks_are_wishes_at_local_times(tmp_path: Path) -> None:
    script = load(GOOD, tmp_path).script(np.random.default_rng(1), ZONE)
    mine = [(w.at - script.start, w.wish) for w in script.wishes if w.agent == "8001"]
    assert mine == [
        (0.0, AgentWish.SIGN_IN),
        (0.0, AgentWish.READY),
        (3600.0, AgentWish.NOT_READY),
        (5400.0, AgentWish.SIGN_OUT),
    ]


def test_the_same_seed_gives_the_same_day(tmp_path: Path) -> None:
    traffic = load(GOOD, tmp_path)
    first, second = (traffic.script(np.random.default_rng(5), ZONE) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "duration, mean, deviation",
    [
        (Duration(exponential=50), 50, 50),
        (Duration(lognormal=Spread(mean=50, cv=0.8)), 50, 40),
        (Duration(gamma=Spread(mean=50, cv=0.5)), 50, 25),
        (Duration(fixed=50), 50, 0),
        (Duration(empirical=[40, 60]), 50, 10),
    ],
)
def test_durations_have_the_mean_and_spread_that_they_name(
    duration: Duration, mean: float, deviation: float
) -> None:
    rng = np.random.default_rng(3)
    drawn = np.array([duration.draw(rng) for _ in range(20_000)])
    assert duration.mean == pytest.approx(mean)
    assert drawn.mean() == pytest.approx(mean, rel=0.03)
    assert drawn.std() == pytest.approx(deviation, rel=0.06, abs=1e-9)
