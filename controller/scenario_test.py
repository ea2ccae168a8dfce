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
    every = load_scenarios(files, version, company)
    chosen = [placed for placed in every if wishes.keyword in str(placed)]
    began, report = time.monotonic(), Report()
    real = [placed for placed in chosen if placed.scenario.only_memory is None]
    here = real if wishes.sip else chosen
    if wishes.sip:
        from controller.scenario_calls import call_all  # which brings phones and a whole system

        asyncio.run(call_all(here, settings, version, company, report.tell))
        for placed in chosen:
            if placed not in real:
                print(f"  -     {placed}: in memory only, {placed.scenario.only_memory}")
    else:
        seen = rehearse([placed.scenario for placed in here], version, company)
        for placed, came in zip(here, seen, strict=True):
            report.tell(placed, came)
    how = "over SIP" if wishes.sip else "in memory"
    took = time.monotonic() - began
    print(f"{report.good} of {len(here)} scenarios are good, {how}, {took:.1f} s", end="")
    print(f"; {len(chosen) - len(here)} are for memory only" if wishes.sip else "")
    return 0 if here and report.good == len(here) else 1


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


class Report:
    """Prints a line for each scenario, and what is wrong with it."""

    def __init__(self) -> None:
        self.good = 0

    def tell(self, placed: Placed, seen: Seen) -> None:
        """One scenario is over."""
        wrong = differences(placed.scenario.expect, seen)
        self.good += not wrong
        print(f"  {'FAIL' if wrong else 'ok'}    {placed}"[:110], flush=True)
        for line in wrong:
            print(f"          {line}")
        if wrong:
            print(f"          the way: {way(seen)}", flush=True)


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
