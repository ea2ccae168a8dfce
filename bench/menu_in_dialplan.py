"""CPU of a call through our voice menu, beside the same menu written in the dialplan, in one run.

    ./huawu bench menu_in_dialplan [--rounds 2] [--rate 8] [--seconds 10]

One private Asterisk on loopback plays the example company's greeting, choice of language and main
menu to SIPp's callers, who choose Chinese and then press 3; every way ends in the goodbye. In each
round the callers go first through Background and WaitExten of the dialplan, with the controller
stopped, and then through our flow: FastAGI, controller, Redis and event log. Both play the same
recordings. A call counts when the menu had understood both keys, else it ends too late and the
run fails.

CPU time is from /proc, less what the same processes use without callers, which is shown apart.
Only ratios of one run hold: machines differ, and one machine differs from
minute to minute.
"""

import argparse
import sys
import time
import wave
from pathlib import Path
from typing import Any

import yaml

from bench._centre import OURS, Centre
from bench._sip_load import callers
from ivr.prompts import PROMPT_FOLDER

EXAMPLE = Path(__file__).parents[1] / "company" / "menus" / "main.yaml"
SIDES = ("dialplan", "Huawu")
THEIRS = "8103"
NUMBER = "13900000003"
THINKS = 2000  # ms from a text's beginning to the key; on a busy machine it begins late
QUIET = 6.0  # seconds in which the processes are watched without callers
PATIENCE = 12_000  # ms from the last key to the goodbye's end; a key that was lost costs more

DIALPLAN = """
[from-customer](+)
exten => 8103,1,Goto(bench-menu,s,1)

[bench-menu]
exten => s,1,Set(CALLERID(num)=${{FILTER(0-9+*#,${{CALLERID(num)}}):0:32}})
 same => n,Set(CALLERID(name)=)
 same => n,Answer()
 same => n,Playback({greeting})
 same => n,Background({language_zh}&{language_en})
 same => n,WaitExten(5)
exten => 1,1,Set(SPOKEN=zh)
 same => n,Goto(bench-menu-main,s,1)
exten => 2,1,Set(SPOKEN=en)
 same => n,Goto(bench-menu-main,s,1)
exten => t,1,Goto(1,1)
exten => i,1,Goto(1,1)

[bench-menu-main]
exten => s,1,Set(TRIES=$[0${{TRIES}}+1])
 same => n,GotoIf($[${{TRIES}}>3]?bye,1)
 same => n,Background(${{IF($["${{SPOKEN}}"="zh"]?{main_menu_zh}:{main_menu_en})}})
 same => n,WaitExten(5)
exten => _[1-5],1,Goto(bye,1)
exten => t,1,Goto(s,1)
exten => i,1,Goto(s,1)
exten => bye,1,Playback(${{PROMPT_GOODBYE_ZH}})
 same => n,Hangup()
"""


def recording(node: str, language: str) -> Path:
    """The recording of a node of the example's main flow."""
    found = list((PROMPT_FOLDER / language).glob(f"main-{node}-????????.wav"))
    if len(found) != 1:
        raise SystemExit(f"{len(found)} recordings of {node} in {language}: ./huawu ivr say")
    return found[0]


def menu() -> str:
    """The beginning of the example's main flow, all five keys of which end the call."""
    given = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["nodes"]
    nodes: dict[str, Any] = {
        "greeting": {"kind": "say", "interruptible": False, "next": "language"},
        "language": {"kind": "language", "default": "zh-CN", "next": "main_menu", "wait": 5}
        | {"keys": {1: "zh-CN", 2: "en"}},
        "main_menu": {"kind": "menu", "keys": dict.fromkeys(range(1, 6), "end"), "wait": 5},
    }
    for name, node in nodes.items():
        node["text"] = given[name]["text"]
    nodes |= {"end": {"kind": "hang_up"}, "person": {"kind": "queue", "queue": "few"}}
    flow = {"name": "main", "start": "greeting", "languages": ["zh-CN", "en"], "person": "person"}
    return yaml.safe_dump({**flow, "nodes": nodes}, allow_unicode=True)


def dialplan() -> str:
    """The same for Asterisk alone."""
    paths = {
        f"{node}_{short}": recording(node, language).with_suffix("")
        for node in ("language", "main_menu")
        for short, language in (("zh", "zh-CN"), ("en", "en"))
    }
    return DIALPLAN.format(greeting=recording("greeting", "zh-CN").with_suffix(""), **paths)


def seconds_of(file: Path) -> float:
    """How long a recording lasts."""
    with wave.open(str(file)) as audio:
        return audio.getnframes() / audio.getframerate()


class Bench:
    """One run."""

    def __init__(self, centre: Centre, rate: int, seconds: float) -> None:
        self.centre, self.rate, self.seconds = centre, rate, seconds
        self.cpu: dict[str, dict[str, float]] = {name: {} for name in SIDES}
        self.idle: dict[str, dict[str, float]] = {}
        self.calls = dict.fromkeys(SIDES, 0)
        greeting = round(seconds_of(recording("greeting", "zh-CN")) * 1000)
        self.keys = [(greeting + THINKS, "1"), (THINKS, "3")]
        self.length = (greeting + 2 * THINKS + PATIENCE) / 1000

    def round(self) -> None:
        """Each side once."""
        for name in SIDES:
            print(f"{name} ...", file=sys.stderr, flush=True)
            self.centre.stop_controller()
            if name == SIDES[1]:
                self.centre.start_controller()
            self._flow(name)

    def _flow(self, name: str) -> None:
        idle = self._idle(name)
        before, begun = self.centre.cpu(), time.monotonic()
        with callers(
            self.centre.folder, server=self.centre.settings.sip_port, port=self.centre.caller_port,
            secret=self.centre.secret("trunk"), number=NUMBER,
            dial=OURS if name == SIDES[1] else THEIRS,
            rate=self.rate, seconds=self.seconds, keys=self.keys, patience=PATIENCE,
        ) as flow:  # fmt: skip
            flow.wait(self.seconds + self.length + 5)
        time.sleep(1.5)  # the event log follows
        outcome, after, lasted = flow.outcome(), self.centre.cpu(), time.monotonic() - begun
        wanted = round(self.rate * self.seconds)
        if outcome.failed or outcome.done != wanted:
            raise SystemExit(f"{name}: {outcome.done} of {wanted} calls, {outcome.failed} failed")
        for process, seconds in after.items():
            used = self.cpu[name]
            own = seconds - before[process] - idle[process] * lasted
            used[process] = used.get(process, 0.0) + own
        self.calls[name] += outcome.done
        self.centre.clear()

    def _idle(self, name: str) -> dict[str, float]:
        """CPU seconds a second of each process, without callers."""
        before = self.centre.cpu()
        time.sleep(QUIET)
        idle = {part: (now - before[part]) / QUIET for part, now in self.centre.cpu().items()}
        self.idle[name] = idle
        return idle

    def report(self) -> None:
        """The table."""
        print(f"{self.calls[SIDES[0]]} calls each, {self.rate}/s; CPU ms a call")
        print(f"{'':10}{'Asterisk':>10}{'controller':>12}{'Redis':>8}{'all':>8}")
        alone = self._each(SIDES[0], "asterisk")
        for name in SIDES:
            parts = [self._each(name, part) for part in ("asterisk", "controller", "redis")]
            asterisk, controller, redis = parts if name == SIDES[1] else (alone, 0.0, 0.0)
            every = asterisk + controller + redis
            print(
                f"{name:10}{asterisk:>10.1f}{controller:>12.1f}{redis:>8.1f}{every:>8.1f}"
                f"   ratio: Asterisk {asterisk / alone:.2f}, all {every / alone:.2f}"
            )

        for name in SIDES:
            told = ", ".join(f"{part} {1000 * cpu:.1f}" for part, cpu in self.idle[name].items())
            print(f"without callers, ms a second, {name}: {told}")

    def _each(self, name: str, process: str) -> float:
        return self.cpu[name].get(process, 0.0) / max(1, self.calls[name]) * 1000


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rate", type=int, default=8, help="calls a second")
    parser.add_argument("--seconds", type=float, default=10, help="of new calls in a round")
    options = parser.parse_args()
    with Centre(few=1, many=1, talk=(1000, 1000), menu=menu(), dialplan=dialplan()) as centre:
        bench = Bench(centre, options.rate, options.seconds)
        for _ in range(options.rounds):
            bench.round()
    bench.report()


if __name__ == "__main__":
    main()
