"""The memory behind the sticky agent."""

from hypothesis import given
from hypothesis import strategies as st

from acd import served
from acd.served import DAY, Served


def test_the_last_one_within_so_many_days() -> None:
    memory = Served()
    memory.note("138", "8001", 1000.0)
    memory.note("138", "8002", 2000.0)
    memory.note("138", "8003", 500.0)  # read from the log after the newer ones
    assert memory.last_agent("138", 7, 2000.0 + 7 * DAY) == "8002"
    assert memory.last_agent("138", 7, 2001.0 + 7 * DAY) == ""
    assert memory.last_agent("139", 7, 2000.0) == ""


def test_a_withheld_number_is_nobodys() -> None:
    memory = Served()
    memory.note("", "8001", 1000.0)
    assert memory.last_agent("", 7, 1000.0) == ""
    assert len(memory) == 0


def test_it_does_not_grow_for_ever(monkeypatch) -> None:
    monkeypatch.setattr(served, "MOST_CALLERS", 3)
    memory = Served()
    memory.extend((str(n), "8001", float(n)) for n in (1, 2, 3))
    memory.note("1", "8002", 4.0)
    memory.note("4", "8001", 5.0)
    assert len(memory) == 3
    assert memory.last_agent("1", 1, 5.0) == "8002"
    assert memory.last_agent("2", 1, 5.0) == ""


@given(st.permutations([("138", f"80{n:02}", float(n)) for n in range(6)]))
def test_the_order_of_reading_does_not_matter(answers: list[tuple[str, str, float]]) -> None:
    memory = Served()
    memory.extend(answers)
    assert memory.last_agent("138", 1, 6.0) == "8005"
