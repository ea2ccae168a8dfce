"""`huawu ivr test`: scenarios of the menus, in memory or over real calls."""

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from controller.settings import Settings
from ivr.rehearsal import rehearse
from ivr.scenario_files import Placed, load_scenarios
from ivr.scenarios import Seen, differences
from ivr.versions import load_version


def main(settings: Settings, words: Sequence[str]) -> int:
    """Run the command. Returns 0 when every scenario came out as expected, else 1.

    Raises:
        BadFile: the menus or the scenarios cannot be used.
    """
    wishes = _parse(words)
    company: Path = wishes.company or settings.company
    version = load_version(company, recorded=False)
    files = wishes.files or sorted((company / "scenarios").glob("*.yaml"))
    every = load_scenarios(files, version)
    chosen = [placed for placed in every if wishes.keyword in str(placed)]
    began = time.monotonic()
    if wishes.sip:
        from controller.scenario_calls import call_all  # which brings phones and a whole system

        here = [placed for placed in chosen if placed.scenario.only_memory is None]
        seen = asyncio.run(
            call_all([placed.scenario for placed in here], settings, version, company)
        )
        good = _tell(here, seen)
        for placed in chosen:
            if placed not in here:
                print(f"  -     {placed}: in memory only, {placed.scenario.only_memory}")
    else:
        here = chosen
        scenarios = [placed.scenario for placed in here]
        good = _tell(here, rehearse(scenarios, version, company))
    how = "over SIP" if wishes.sip else "in memory"
    took = time.monotonic() - began
    print(f"{good} of {len(here)} scenarios are good, {how}, {took:.1f} s", end="")
    print(f"; {len(chosen) - len(here)} are for memory only" if wishes.sip else "")
    return 0 if here and good == len(here) else 1


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="huawu ivr test",
        description="Run scenarios of the voice menu and say where they are not as expected.",
        epilog="Example: ./huawu ivr test --sip -k return",
    )
    parser.add_argument("files", nargs="*", type=Path, help="company/scenarios/*.yaml if none")
    parser.add_argument("--sip", action="store_true", help="real calls on a real Asterisk")
    parser.add_argument("-k", dest="keyword", default="", help="only those whose name has this")
    parser.add_argument("--company", type=Path, help="another company's folder")
    return parser.parse_args(words)


def _tell(placed: Sequence[Placed], seen: Sequence[Seen]) -> int:
    """Print a line for each, and what is wrong with it; how many are good."""
    good = 0
    for one, came in zip(placed, seen, strict=True):
        wrong = differences(one.scenario.expect, came)
        good += not wrong
        print(f"  {'FAIL' if wrong else 'ok'}    {one}"[:110])
        for line in wrong:
            print(f"          {line}")
        if wrong:
            print(f"          the way: {way(came)}")
    return good


def way(seen: Seen) -> str:
    """Where a caller went, with keys: ``language 1 → who → main_menu``."""
    found: list[str] = []
    for node, key in seen.steps:
        if not key and found and found[-1].split()[0] == node:
            found[-1] += " (silence)"
        elif key and found and found[-1].split()[0] == node:
            found[-1] += f" {key}"
        else:
            found.append(f"{node} {key}".strip())
    return " → ".join([*found, f"{seen.ending or 'no end'} {seen.queue}".strip()])
