"""The twin beside Erlang C and Erlang A: exact values and simulated 99 % intervals."""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.acd.simulation.systems import ERLANG_A, ERLANG_C, SEED, exact, simulated


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help="of the first run")
    parser.add_argument("--runs", type=int, default=1, help="runs per system, a seed each")
    parser.add_argument("--longer", type=int, default=1, help="so many times the test's callers")
    options = parser.parse_args()
    began, held, total = time.process_time(), 0, 0
    print(f"{'system':<44}{'figure':<9}{'exact':>10}{'simulated, 99 %':>24}")
    for model, callers in ERLANG_C + ERLANG_A:
        truth = exact(model)
        for seed in range(options.seed, options.seed + options.runs):
            for figure, interval in simulated(model, callers * options.longer, seed):
                inside = interval.contains(truth[figure])
                held, total = held + inside, total + 1
                scale, unit = (1, " s") if figure == "wait" else (100, " %")
                cell = f"{scale * interval.mean:.2f} ±{scale * interval.half:.2f}{unit}"
                print(
                    f"{model!s:<44}{figure:<9}{scale * truth[figure]:>10.2f}{cell:>24}"
                    + ("" if inside else "  outside"),
                    flush=True,
                )
    seconds = time.process_time() - began
    print(f"{held} of {total} intervals hold the exact value; {seconds:.0f} s of CPU")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
