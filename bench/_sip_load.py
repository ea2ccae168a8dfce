"""Phones and callers for benchmarks: SIPp processes, their scenarios and what they logged.

Each phone rack is one SIPp process on one UDP port that all its agents register from. A line of
its log is ``INVITE agent seconds microseconds contact entered`` or ``BYE agent seconds
microseconds``, written at the moment the message came or went.
"""

import contextlib
import csv
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

REGISTER_TRIES = 3

REGISTER = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="register">
  <send retrans="500"><![CDATA[
{first}  ]]></send>
  <recv response="401" auth="true" timeout="20000"/>
  <send retrans="500"><![CDATA[
{second}  ]]></send>
  <recv response="200" timeout="20000"/>
</scenario>
"""

REGISTER_MESSAGE = """
      REGISTER sip:127.0.0.1:[remote_port] SIP/2.0
      Via: SIP/2.0/UDP 127.0.0.1:[local_port];branch=[branch]
      Max-Forwards: 70
      From: <sip:agent[field0]@127.0.0.1>;tag=r[call_number]
      To: <sip:agent[field0]@127.0.0.1>
      Call-ID: [call_id]
      CSeq: {cseq} REGISTER
      Contact: <sip:agent[field0]@127.0.0.1:[local_port]>
      Expires: 3600
{extra}      Content-Length: 0

"""

SDP = """
      v=0
      o=bench 1 1 IN IP4 127.0.0.1
      s=-
      c=IN IP4 127.0.0.1
      t=0 0
      m=audio {media} RTP/AVP 8
      a=rtpmap:8 PCMA/8000

"""

PHONE = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="phone">
  <recv request="INVITE"><action>
    <gettimeofday assign_to="s,us"/>
    <ereg regexp="sip:agent([0-9]+)@" search_in="msg" assign_to="x,agent"/>
    <ereg regexp="&quot;([0-9.]+)&quot;" search_in="hdr" header="From:" assign_to="z,entered"/>
    <ereg regexp=".*" search_in="hdr" header="From:" assign_to="peer"/>
    <ereg regexp=".*" search_in="hdr" header="To:" assign_to="own"/>
    <ereg regexp="&lt;(sip:[^&gt;]*)" search_in="hdr" header="Contact:" assign_to="y,target"/>
    <log message="INVITE [$agent] [$s] [$us] e=[$entered]"/>
  </action></recv>
  <Reference variables="x,y,z"/>
  <send><![CDATA[
      SIP/2.0 180 Ringing
      [last_Via:]
      [last_From:]
      [last_To:];tag=p[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:agent@127.0.0.1:[local_port]>
      Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:];tag=p[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:agent@127.0.0.1:[local_port]>
      Content-Type: application/sdp
      Content-Length: [len]
{sdp}  ]]></send>
  <recv request="ACK"/>
{end}
</scenario>
"""

PHONE_HANGS_UP = """
  <pause distribution="uniform" min="{shortest}" max="{longest}"/>
  <nop><action>
    <gettimeofday assign_to="s,us"/>
    <log message="BYE [$agent] [$s] [$us]"/>
  </action></nop>
  <send retrans="500"><![CDATA[
      BYE [$target] SIP/2.0
      Via: SIP/2.0/UDP 127.0.0.1:[local_port];branch=[branch]
      Max-Forwards: 70
      From: [$own];tag=p[call_number]
      To: [$peer]
      [last_Call-ID:]
      CSeq: 2 BYE
      Content-Length: 0

  ]]></send>
  <recv response="200"/>
"""

PHONE_IS_LEFT = """
  <Reference variables="own,peer,target"/>
  <recv request="BYE"/>
  <send><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

  ]]></send>
"""

CALLER = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="caller">
  <send retrans="500"><![CDATA[
{first}  ]]></send>
  <recv response="401" auth="true"/>
  <send><![CDATA[
      ACK sip:{dial}@127.0.0.1:[remote_port] SIP/2.0
      [last_Via:]
      Max-Forwards: 70
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      CSeq: 1 ACK
      Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[
{second}  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="183" optional="true"/>
  <recv response="200" timeout="8000"/>
  <send><![CDATA[
      ACK sip:{dial}@127.0.0.1:[remote_port] SIP/2.0
      Via: SIP/2.0/UDP 127.0.0.1:[local_port];branch=[branch]
      Max-Forwards: 70
      From: <sip:{number}@127.0.0.1>;tag=c[call_number]
      [last_To:]
      [last_Call-ID:]
      CSeq: 2 ACK
      Content-Length: 0

  ]]></send>
{end}
</scenario>
"""

INVITE = """
      INVITE sip:{dial}@127.0.0.1:[remote_port] SIP/2.0
      Via: SIP/2.0/UDP 127.0.0.1:[local_port];branch=[branch]
      Max-Forwards: 70
      From: <sip:{number}@127.0.0.1>;tag=c[call_number]
      To: <sip:{dial}@127.0.0.1>
      Call-ID: [call_id]
      CSeq: {cseq} INVITE
      Contact: <sip:{number}@127.0.0.1:[local_port]>
{extra}      Content-Type: application/sdp
      Content-Length: [len]
"""

CALLER_IS_LEFT = """
  <recv request="BYE" timeout="{patience}"/>
  <send><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

  ]]></send>
"""

CALLER_PRESSES = """
  <pause milliseconds="{after}"/>
  <send retrans="500"><![CDATA[
      INFO sip:{dial}@127.0.0.1:[remote_port] SIP/2.0
      Via: SIP/2.0/UDP 127.0.0.1:[local_port];branch=[branch]
      Max-Forwards: 70
      From: <sip:{number}@127.0.0.1>;tag=c[call_number]
      [last_To:]
      [last_Call-ID:]
      CSeq: {cseq} INFO
      Content-Type: application/dtmf-relay
      Content-Length: [len]

      Signal={key}
      Duration=100
  ]]></send>
  <recv response="200"/>
"""

CALLER_HANGS_UP = """
  <pause milliseconds="{stays}"/>
  <send retrans="500"><![CDATA[
      BYE sip:{dial}@127.0.0.1:[remote_port] SIP/2.0
      Via: SIP/2.0/UDP 127.0.0.1:[local_port];branch=[branch]
      Max-Forwards: 70
      From: <sip:{number}@127.0.0.1>;tag=c[call_number]
      [last_To:]
      [last_Call-ID:]
      CSeq: 3 BYE
      Content-Length: 0

  ]]></send>
  <recv response="200"/>
"""

# Sound goes out from a port of the call's own, for as long as the call lasts.
CALLER_SPEAKS = """
  <nop><action><exec rtp_stream="{sound},-1,8"/></action></nop>
"""
SPEAKING_PORT = "[rtpstream_audio_port]"
#: RTP packets that all sides together send in a second of a call with sound: 50 from the caller to
#: Asterisk, on to the agent's phone, back to Asterisk and on to the caller.
PACKETS = 200

_AUTH = "      [authentication username={user} password={secret}]\n"


@dataclass(frozen=True, slots=True)
class Ring:
    """An INVITE that reached an agent's phone. Times are Unix seconds."""

    agent: str
    at: float
    entered: float  # when the dialplan gave the caller to Queue(); 0.0 for calls of ours


@dataclass(frozen=True, slots=True)
class Log:
    """What a rack of phones logged: INVITEs that came, BYEs that went."""

    rings: Sequence[Ring]
    byes: Sequence[tuple[str, float]]

    def gaps(self) -> list[float]:
        """Seconds from each agent's BYE to the next INVITE at that agent's phone."""
        moments = [(ring.at, ring.agent, True) for ring in self.rings]
        moments += [(at, agent, False) for agent, at in self.byes]
        freed: dict[str, float] = {}
        gaps = []
        for at, agent, rang in sorted(moments):
            if not rang:
                freed[agent] = at
            elif agent in freed:
                gaps.append(at - freed.pop(agent))
        return gaps


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a flow of callers came to, by SIPp's own statistics."""

    seconds: float
    done: int
    failed: int
    retransmissions: int


def require_sipp() -> str:
    """The sipp program. Raises SystemExit when it is not installed."""
    program = shutil.which("sipp")
    if program is None:
        raise SystemExit("This bench needs SIPp: apt-get install sip-tester")
    return program


class Phones:
    """A rack of agents' phones in one SIPp process.

    Args:
        folder: where scenarios and logs are kept.
        name: of the rack.
        port: UDP port for SIP; sound comes to one behind it, and is sent back as it is.
        server: Asterisk's SIP port.
        secrets: agent -> SIP password.
        talk: shortest and longest talk in ms after which the phone hangs up; None: the caller does.
    """

    def __init__(
        self, folder: Path, name: str, *, port: int, server: int,
        secrets: Mapping[str, str], talk: tuple[int, int] | None,
    ) -> None:  # fmt: skip
        self._folder, self._name, self._port, self._media = folder, name, port, port + 2
        self._server, self._secrets, self._talk = server, secrets, talk
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Register every agent, then answer calls. Raises SystemExit when that fails."""
        inject = self._folder / f"{self._name}.csv"
        with inject.open("w", encoding="ascii", newline="") as file:
            file.write("SEQUENTIAL\n")
            auth = "[authentication username=agent{0} password={1}]"
            for agent, secret in self._secrets.items():
                csv.writer(file, delimiter=";", quoting=csv.QUOTE_NONE).writerow(
                    [agent, auth.format(agent, secret)]
                )
        scenario = self._write(
            "register",
            REGISTER.format(
                first=REGISTER_MESSAGE.format(cseq=1, extra=""),
                second=REGISTER_MESSAGE.format(cseq=2, extra="      [field1]\n"),
            ),
        )
        count = len(self._secrets)
        words = ["-inf", str(inject), "-m", str(count), "-r", "100", "-aa", "-timeout", "30s"]
        for _ in range(REGISTER_TRIES):  # on a machine that others keep busy, one may get lost
            done = subprocess.run(
                self._words(scenario, *words),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
            if not done.returncode:
                break
        else:
            told = done.stderr.decode(errors="replace")[-500:]
            raise SystemExit(f"the phones of {self._name} did not register: {told}")
        end = PHONE_IS_LEFT
        if self._talk:
            end = PHONE_HANGS_UP.format(shortest=self._talk[0], longest=self._talk[1])
        scenario = self._write("phone", PHONE.format(end=end, sdp=SDP.format(media=self._media)))
        words = ["-aa", "-rtp_echo", "-trace_logs", "-log_file", str(self._log)]
        self._process = subprocess.Popen(
            self._words(scenario, *words),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _write(self, kind: str, text: str) -> Path:
        file = self._folder / f"{self._name}-{kind}.xml"
        file.write_text(text, encoding="utf-8")
        return file

    def _words(self, scenario: Path, *more: str) -> list[str]:
        return [
            require_sipp(), f"127.0.0.1:{self._server}", "-sf", str(scenario), "-i", "127.0.0.1",
            "-p", str(self._port), "-mi", "127.0.0.1", "-mp", str(self._media), "-nostdin", *more,
        ]  # fmt: skip

    def mark(self) -> int:
        """A place in the log, for ``since``."""
        return self._log.stat().st_size if self._log.exists() else 0

    def since(self, mark: int) -> Log:
        """What was logged after a mark."""
        rings: list[Ring] = []
        byes: list[tuple[str, float]] = []
        if self._log.exists():
            with self._log.open("rb") as file:
                file.seek(mark)
                for line in file.read().decode("ascii", "replace").splitlines():
                    _read_line(line.split(), rings, byes)
        return Log(rings, byes)

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            end_process(self._process)
            self._process = None


def _read_line(words: list[str], rings: list[Ring], byes: list[tuple[str, float]]) -> None:
    with contextlib.suppress(ValueError, IndexError):
        at = float(words[2]) + float(words[3]) / 1e6
        if words[0] == "BYE":
            byes.append((words[1], at))
        elif words[0] == "INVITE":
            rings.append(Ring(words[1], at, float(words[4].partition("=")[2] or 0)))


def end_process(process: subprocess.Popen[bytes], grace: float = 3.0) -> None:
    """SIGTERM, then SIGKILL; returns when it is gone."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    if process.poll() is None:
        process.kill()
    process.wait()


def packets_sent() -> int:
    """UDP datagrams that this machine has sent so far."""
    lines = Path("/proc/net/snmp").read_text(encoding="ascii").splitlines()
    names, values = (line.split() for line in lines if line.startswith("Udp:"))
    return int(values[names.index("OutDatagrams")])


def _tone(folder: Path) -> Path:
    """A second of 440 Hz in raw A-law, which SIPp says over and over."""
    file = folder / "tone.al"
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    soundfile.write(file, wave, 8000, format="RAW", subtype="ALAW")
    return file


@contextlib.contextmanager
def callers(
    folder: Path, *, server: int, port: int, secret: str, dial: str, number: str,
    rate: float, seconds: float, at_once: int = 10_000, stays: int | None = None,
    keys: Sequence[tuple[int, str]] = (), patience: int = 90_000, sound: bool = False,
) -> Iterator["Callers"]:  # fmt: skip
    """Callers by the trunk: ``rate`` a second for ``seconds``, ``at_once`` at the most.

    ``stays``: ms after the answer when the caller hangs up; None: waits to be left, ``patience``
    ms at the most. ``keys``: what is pressed meanwhile, each so many ms after what was before it.
    ``sound``: whether they speak; what they say comes back to them from the phones.
    """
    end = CALLER_IS_LEFT.format(patience=patience)
    if stays is not None:
        end = CALLER_HANGS_UP.format(stays=stays, dial=dial, number=number)
    pressed = [
        CALLER_PRESSES.format(after=after, key=key, cseq=cseq, dial=dial, number=number)
        for cseq, (after, key) in enumerate(keys, 3)
    ]
    speaks = CALLER_SPEAKS.format(sound=_tone(folder)) if sound else ""
    end = "".join([speaks, *pressed, end])
    auth = _AUTH.format(user="trunk", secret=secret)
    sdp = SDP.format(media=SPEAKING_PORT if sound else port + 2)
    words = {"dial": dial, "number": number}
    scenario = folder / "caller.xml"
    scenario.write_text(
        CALLER.format(
            first=INVITE.format(cseq=1, extra="", **words) + sdp,
            second=INVITE.format(cseq=2, extra=auth, **words) + sdp,
            end=end,
            **words,
        ),
        encoding="utf-8",
    )
    statistics = folder / f"callers-{time.monotonic_ns()}.csv"
    process = subprocess.Popen(
        [
            require_sipp(), f"127.0.0.1:{server}", "-sf", str(scenario), "-i", "127.0.0.1",
            "-p", str(port), "-mi", "127.0.0.1", "-mp", str(port + 2), "-nostdin",
            "-r", str(round(rate)), "-m", str(round(rate * seconds)), "-l", str(at_once),
            "-trace_stat", "-stf", str(statistics), "-fd", "1", "-timeout", "120s",
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    flow = Callers(process, statistics)
    try:
        yield flow
    finally:
        end_process(process)


class Callers:
    """A flow of callers that is under way."""

    def __init__(self, process: subprocess.Popen[bytes], statistics: Path) -> None:
        self._process, self._statistics = process, statistics
        self._begun = time.monotonic()

    def wait(self, limit: float) -> None:
        """Until all calls are over, or ``limit`` seconds have passed since the start."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.1, limit - (time.monotonic() - self._begun)))

    def finish(self, limit: float) -> None:
        """No new calls from now on; wait ``limit`` seconds for those that live to end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGUSR1)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(limit)

    def outcome(self) -> Outcome:
        """What the statistics say by now."""
        seconds = time.monotonic() - self._begun
        rows = []
        if self._statistics.exists():
            with self._statistics.open(encoding="ascii", errors="replace", newline="") as file:
                rows = list(csv.DictReader(file, delimiter=";"))
        if not rows:
            return Outcome(seconds, 0, 0, 0)
        last = rows[-1]
        return Outcome(
            seconds,
            int(last["SuccessfulCall(C)"]),
            int(last["FailedCall(C)"]),
            int(last["Retransmissions(C)"]),
        )
