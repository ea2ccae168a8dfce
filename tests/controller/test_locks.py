"""The locks: complete, pinned by hash, consistent, and silent about where packages come from."""

import re
import tomllib

import pytest

from controller.settings import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins(name: str) -> set[str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9._-]+==[^ ]+)", text, re.M))


def names(requirements: list[str]) -> set[str]:
    found = {re.split(r"[\[<>=]", requirement)[0].lower() for requirement in requirements}
    return {re.sub(r"[._]+", "-", name) for name in found}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_pin_has_a_hash_and_no_host_is_named(lock) -> None:  # type: ignore[no-untyped-def]
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "index" not in re.sub(r"^[a-z0-9._-]+==.*$", "", text, flags=re.M)
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert "==" in requirement
        assert "--hash=sha256:" in requirement


def test_the_tests_run_on_what_runs_in_service() -> None:
    assert pins("run.txt") <= pins("test.txt")
    assert pins("run.txt") <= pins("voice.txt")


def test_every_wish_is_locked() -> None:
    extras = PROJECT["optional-dependencies"]
    assert {lock.stem for lock in LOCKS} == {"run", *extras}
    for lock, wishes in {"run": PROJECT["dependencies"], **extras}.items():
        locked = {pin.partition("==")[0] for pin in pins(f"{lock}.txt")}
        assert names(wishes) <= locked, f"`./huawu lock` was not run for {lock}.txt"


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for requirement in PROJECT["dependencies"]:
        assert re.search(rf'^\s*"{re.escape(requirement)}",\s*# \w', text, re.M), requirement
