"""The process behind ``telephony/softphone.py``: the one home of PJSUA2.

PJSUA2 allows one endpoint for each process and wants every call of its API made by one thread, so
all phones of one rack live here, in a process of their own that the rack starts. Requests come as
JSON lines on standard input, reports leave as JSON lines on standard output; the end of standard
input ends the process, so a parent that is killed leaves nothing behind. Logs go to standard error.

There is no sound card: a clock without a device drives the mixer, which sends silence into every
call (so that Asterisk hears a live peer), mixes what is played on top and writes what is heard.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pjsua2 as pj

# Requests are looked at after each wait for SIP events, so this is the longest delay of either.
_WAIT_MS = 10
_GOODBYE_TURNS = 100  # at _WAIT_MS or less each, for peers that do not answer a BYE
_FILE_LIMIT = 3.0  # seconds until what was heard must be complete on disk
_LOG_LEVEL = int(os.environ.get("HUAWU_SOFTPHONE_LOG", "0"))


class _Call(pj.Call):  # type: ignore[misc]
    """One call of one phone; reports its states, plays and records."""

    def __init__(self, engine: "Engine", account: "_Account", name: str, known_as: int) -> None:
        super().__init__(account, known_as)
        self.engine = engine
        self.name = name
        self.ended = False
        self.heard: Path | None = None
        self._is_recorded = False
        self._recorder: Any = None
        self._player: Any = None
        self._audio: Any = None

    def onCallState(self, prm: Any) -> None:  # noqa: N802 - PJSUA2's name
        """Report early media or ringing, the answer, and the end with its SIP status."""
        info = self.getInfo()
        states = {
            pj.PJSIP_INV_STATE_EARLY: "early",
            pj.PJSIP_INV_STATE_CONFIRMED: "answered",
            pj.PJSIP_INV_STATE_DISCONNECTED: "ended",
        }
        state = states.get(info.state)
        if state is None:
            return
        report = partial(
            self.engine.report, event="state", call=self.name, state=state,
            code=info.lastStatusCode, reason=info.lastReason,
        )  # fmt: skip
        if state == "ended":
            # What was heard is complete on disk before anyone learns of the end; and PJSUA2
            # objects must not be freed inside of its own callback.
            self.ended = True
            self._audio = None
            self.engine.later(partial(self._free, report, time.monotonic() + _FILE_LIMIT))
        else:
            report()

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802 - PJSUA2's name
        """(Re)connect the mixer: a new offer makes a new port without connections."""
        info = self.getInfo()  # owns what `media` points to
        for media in info.media:
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status in (
                pj.PJSUA_CALL_MEDIA_ACTIVE,
                pj.PJSUA_CALL_MEDIA_REMOTE_HOLD,
            ):
                self._connect(self.getAudioMedia(media.index))

    def onDtmfDigit(self, prm: Any) -> None:  # noqa: N802 - PJSUA2's name
        """Report a key that the other side pressed."""
        self.engine.report(event="digit", call=self.name, digit=prm.digit)

    def play(self, file: Path, *, loop: bool) -> None:
        """Speak a WAV file into the call instead of what was playing."""
        self.stop_playing()
        player = _Player(self, loop=loop)
        player.createPlayer(str(file), 0 if loop else pj.PJMEDIA_FILE_NO_LOOP)
        self._player = player
        if self._audio is not None:
            player.startTransmit(self._audio)

    def stop_playing(self) -> None:
        """Fall silent."""
        if self._player is not None and self._audio is not None:
            self._player.stopTransmit(self._audio)
        self._player = None

    def played(self) -> None:
        """The file came to its end."""
        self.engine.later(self.stop_playing)
        self.engine.report(event="played", call=self.name)

    def _connect(self, audio: Any) -> None:
        self._audio = audio
        self.engine.silence().startTransmit(audio)
        if self._player is not None:
            self._player.startTransmit(audio)
        if self.heard is not None:
            if self._recorder is None:
                self._recorder = pj.AudioMediaRecorder()
                self._recorder.createRecorder(str(self.heard))
            audio.startTransmit(self._recorder)

    def _free(self, report: Callable[[], None], limit: float) -> None:
        """Close the files, which the mixer's own thread does a moment later; then report."""
        self._player = None
        recorded, self._recorder = self._recorder is not None, None
        self._is_recorded = self._is_recorded or recorded
        if self._is_recorded and not _is_closed(self.heard) and time.monotonic() < limit:
            self.engine.later(partial(self._free, report, limit))
            return
        self.engine.forget_call(self.name)
        report()


class _Player(pj.AudioMediaPlayer):  # type: ignore[misc]
    """A WAV file that says when it was played to its end."""

    def __init__(self, call: _Call, *, loop: bool) -> None:
        super().__init__()
        self._call = call
        self._loop = loop

    def onEof2(self) -> None:  # noqa: N802 - PJSUA2's name
        """Tell the call; a file that is played again and again has no end."""
        if not self._loop and not self._call.ended:
            self._call.played()


class _Account(pj.Account):  # type: ignore[misc]
    """One phone: a SIP account, registered or only able to call."""

    def __init__(self, engine: "Engine", name: str) -> None:
        super().__init__()
        self.engine = engine
        self.name = name
        self.registered = False

    def onRegState(self, prm: Any) -> None:  # noqa: N802 - PJSUA2's name
        """Report the registrar's answer; ``seconds`` is 0 after an unregistration."""
        self.registered = prm.code // 100 == 2 and prm.expiration > 0
        self.engine.report(
            event="registered", phone=self.name, code=prm.code, reason=prm.reason,
            seconds=prm.expiration,
        )  # fmt: skip

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802 - PJSUA2's name
        """Let it ring and report who calls."""
        self.engine.take(self, prm.callId, prm.rdata.wholeMsg)


class Engine:
    """All phones and calls of one process."""

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._endpoint = pj.Endpoint()
        self._phones: dict[str, _Account] = {}
        self._calls: dict[str, _Call] = {}
        self._later: list[Callable[[], None]] = []
        self._taken = 0

    def start(self, *, bind: str, transport: str) -> None:
        """Open a SIP transport on a free port of ``bind`` ("udp" or "tcp")."""
        config = pj.EpConfig()
        config.logConfig.level = config.logConfig.consoleLevel = _LOG_LEVEL
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.userAgent = "Huawu softphone"
        config.uaConfig.maxCalls = 4  # more is not compiled in
        config.medConfig.clockRate = config.medConfig.sndClockRate = 8000
        config.medConfig.noVad = True  # silence is sent, as a desk phone does
        config.medConfig.ecTailLen = 0
        with _hushed():  # its greeting comes before the log level is known
            self._endpoint.libCreate()
        self._endpoint.libInit(config)
        socket = pj.TransportConfig()
        socket.boundAddress = bind
        kinds = {"udp": pj.PJSIP_TRANSPORT_UDP, "tcp": pj.PJSIP_TRANSPORT_TCP}
        made = self._endpoint.transportCreate(kinds[transport], socket)
        port = int(self._endpoint.transportGetInfo(made).localName.rpartition(":")[2])
        self._endpoint.libStart()
        self._endpoint.audDevManager().setNullDev()
        for codec in self._endpoint.codecEnum2():
            # Telephone codecs: what the tests hear must not depend on a compressor.
            wanted = {"PCMA": 255, "PCMU": 200}.get(codec.codecId.split("/")[0], 0)
            self._endpoint.codecSetPriority(codec.codecId, wanted)
        self._bind, self._transport = bind, transport
        self.report(event="started", port=port)

    def turn(self) -> None:
        """Handle what the network brought, then what was put off."""
        self._endpoint.libHandleEvents(_WAIT_MS)
        works, self._later = self._later, []
        for work in works:
            work()

    def stop(self) -> None:
        """Hang up, unregister, close the sockets."""
        self._endpoint.hangupAllCalls()
        for phone in self._phones.values():
            if phone.registered:
                phone.setRegistration(False)
        for _ in range(_GOODBYE_TURNS):
            self.turn()
            if not self._calls and not any(phone.registered for phone in self._phones.values()):
                break
        self._calls.clear()
        for phone in self._phones.values():
            phone.shutdown()
        self._phones.clear()
        # All was said: without this flag the library waits another second for the network.
        self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)

    def report(self, **fields: Any) -> None:
        """Send one report."""
        self._send(json.dumps(fields, ensure_ascii=False))

    def later(self, work: Callable[[], None]) -> None:
        """Do it after PJSUA2's callback has returned."""
        self._later.append(work)

    def silence(self) -> Any:
        """The mixer port that sends silence for ever."""
        return self._endpoint.audDevManager().getCaptureDevMedia()

    def forget_call(self, name: str) -> None:
        """Free an ended call."""
        self._calls.pop(name, None)

    def take(self, account: _Account, known_as: int, message: str) -> None:
        """An INVITE came: ring, and report the caller's number, name and our own headers."""
        self._taken += 1
        call = _Call(self, account, f"in-{self._taken}", known_as)
        self._calls[call.name] = call
        self._answer(call, 180)
        self.report(event="ringing", phone=account.name, call=call.name, message=message)

    def obey(self, line: bytes) -> None:
        """Carry out one request; what PJSUA2 refuses is reported, never raised."""
        request = json.loads(line)
        action = getattr(self, "_do_" + request.pop("do"))
        try:
            action(**request)
        except pj.Error as error:
            self.report(event="refused", text=error.reason, **_names(request))
        except KeyError:
            self.report(event="refused", text="no such phone or call", **_names(request))

    def _do_phone(self, *, phone: str, uri: str, user: str, secret: str, registrar: str) -> None:
        config = pj.AccountConfig()
        config.idUri = uri
        config.regConfig.registrarUri = registrar
        config.regConfig.timeoutSec = 300
        config.regConfig.registerOnAdd = bool(registrar)
        config.regConfig.retryIntervalSec = 2
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, secret))
        config.mediaConfig.transportConfig.boundAddress = self._bind
        # Below the ephemeral ports, and apart from those of the accounts and processes beside it.
        first = 20000 + (os.getpid() * 64 + len(self._phones) * 8) % 10000
        config.mediaConfig.transportConfig.port = first
        config.mediaConfig.transportConfig.portRange = 2000
        config.natConfig.iceEnabled = False
        account = _Account(self, phone)
        account.create(config)
        self._phones[phone] = account

    def _do_register(self, *, phone: str, renew: bool) -> None:
        self._phones[phone].setRegistration(renew)

    def _do_remove(self, *, phone: str) -> None:
        self._phones.pop(phone).shutdown()

    def _do_call(self, *, phone: str, call: str, to: str, sender: str, heard: str) -> None:
        made = _Call(self, self._phones[phone], call, pj.PJSUA_INVALID_ID)
        made.heard = Path(heard) if heard else None
        self._calls[call] = made
        params = pj.CallOpParam(True)
        params.opt.audioCount, params.opt.videoCount = 1, 0
        params.txOption.localUri = sender
        try:
            made.makeCall(to, params)
        except pj.Error as error:
            self._calls.pop(call, None)
            self.report(event="state", call=call, state="ended", code=0, reason=error.reason)

    def _do_answer(self, *, call: str, heard: str) -> None:
        self._calls[call].heard = Path(heard) if heard else None
        self._answer(self._calls[call], 200)

    def _do_hangup(self, *, call: str, code: int) -> None:
        params = pj.CallOpParam()
        params.statusCode = code
        self._calls[call].hangup(params)

    def _do_play(self, *, call: str, file: str, loop: bool) -> None:
        self._calls[call].play(Path(file), loop=loop)

    def _do_hush(self, *, call: str) -> None:
        self._calls[call].stop_playing()

    def _do_hold(self, *, call: str, on: bool) -> None:
        params = pj.CallOpParam(True)
        if on:
            self._calls[call].setHold(params)
        else:
            params.opt.flag = pj.PJSUA_CALL_UNHOLD
            self._calls[call].reinvite(params)

    def _do_digits(self, *, call: str, digits: str) -> None:
        self._calls[call].dialDtmf(digits)

    def _answer(self, call: _Call, code: int) -> None:
        params = pj.CallOpParam(True)
        params.statusCode = code
        params.opt.audioCount, params.opt.videoCount = 1, 0
        call.answer(params)


def _is_closed(file: Path | None) -> bool:
    """Whether a WAV file's header knows its length, which is written last."""
    if file is None:
        return True
    with file.open("rb") as opened:
        length = opened.read(44)[40:]
    return len(length) == 4 and length != bytes(4)


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Send what native code prints nowhere."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _names(request: dict[str, Any]) -> dict[str, Any]:
    return {key: request[key] for key in ("phone", "call") if key in request}


def main() -> None:
    """Serve requests until standard input ends."""
    # Ctrl-C at a terminal goes to the whole group: the parent decides, by closing our input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Native code that prints must not land between the reports.
    reports = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def send(text: str) -> None:
        reports.write(text.encode() + b"\n")

    engine = Engine(send)
    engine.start(bind=sys.argv[1], transport=sys.argv[2])
    os.set_blocking(0, False)
    pending = b""
    try:
        while True:
            try:
                chunk = os.read(0, 65536)
                if not chunk:
                    break
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    engine.obey(line)
            except BlockingIOError:
                pass
            engine.turn()
    except BrokenPipeError:
        pass
    finally:
        engine.stop()


if __name__ == "__main__":
    main()
