"""The company folder of the repository, loaded once for all tests: loaded things never change."""

import functools
from pathlib import Path

from acd.company import Company, load_company
from ivr.versions import FlowVersion, load_version

COMPANY = Path(__file__).resolve().parents[1] / "company"


@functools.cache
def example_menu() -> FlowVersion:
    """Its menu, also while a text waits for its voice."""
    return load_version(COMPANY, recorded=False)


@functools.cache
def example_company() -> Company:
    """Its queues and agents."""
    return load_company(COMPANY)
