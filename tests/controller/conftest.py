"""Settings come from the test alone, whatever the environment says."""

import os

import pytest


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HUAWU_")]:
        monkeypatch.delenv(name)
