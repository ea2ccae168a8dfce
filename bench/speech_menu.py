"""Speech in the menu: who is understood, who is sent wrong, how long the answer takes.

The recorded sentences of tests/data/phrases go through the hearing process as Asterisk would send
them: as G.711, clean and with noise 20 and 10 dB under the speech (half pink, half other people).
Some of them are sent as slowly as they are spoken, to see the delay from the end of the speech to
the words; it depends on what else the machine does.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ivr.intents import load_intents
from recordings.listening import HearingLink
from tests.recordings.hearing_process import ROOT, hearing_process, linked
from tests.recordings.phrases import load_phrases
from tests.recordings.speech_set import measure

LINES = {"clean": None, "20 dB": 20.0, "10 dB": 10.0}
ALLOWED = 0.03
COLUMNS = ("at once", "asked", "lost", "wrong", "stray")


async def run(options: argparse.Namespace) -> int:
    intents = load_intents(ROOT / "company" / "intents.yaml")
    phrases = [p for p in load_phrases() if p.name.startswith(options.names)]
    print(f"{len(phrases)} sentences, {sum(not p.intent for p in phrases)} of them meaning nothing")
    print(f"{'line':<8}" + "".join(f"{name:>9}" for name in COLUMNS), end="")
    print(f"{'sent wrong':>12}{'delay p50':>11}{'p95':>8}")
    good = True
    with hearing_process("--patience", "60") as socket:
        async with linked(HearingLink(socket, intents.expectations)) as link:
            for name, decibels in LINES.items():
                if not name.startswith(options.line):
                    continue
                score = await measure(link, intents, phrases, decibels)
                slow = phrases[:: max(1, options.every)]
                delays = (await measure(link, intents, slow, decibels, paced=True)).delays
                shares = "".join(f"{score.share(column):>9.0%}" for column in COLUMNS)
                half, most = np.percentile(delays, [50, 95])
                print(f"{name:<8}{shares}{score.sent_wrong:>12.1%}{half:>9.2f} s{most:>6.2f} s")
                good &= score.sent_wrong < ALLOWED
                for phrase, taken, found in score.others if options.verbose else ():
                    likely = f"{found.intent or 'none'} {found.confidence:.2f}"
                    print(f"    {phrase.name:<20} {phrase.text} -> {taken.words} ({likely})")
                sys.stdout.flush()
    print(f"delays of {len(slow)} sentences a line; load of the machine {os.getloadavg()[0]:.1f}")
    return 0 if good else 1


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--names", default="", help="only those that begin so: zh, en, zh_late")
    parser.add_argument("--line", default="", help="clean, 20 or 10; all of them when not given")
    parser.add_argument("--every", type=int, default=6, help="of how many one is sent slowly")
    parser.add_argument("--verbose", action="store_true", help="name what was not understood")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    raise SystemExit(main())
