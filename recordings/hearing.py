"""The process that hears callers while they speak: where their speech begins and ends, and words.

Apart from the controller, because listening to one caller takes 2 % of a core and recognising a
sentence a second of one, while the controller has all calls in its hands; and because a model may
crash. Asterisk sends the caller's side of a call over AudioSocket (``recordings/audiosocket.py``);
the controller says what it expects and is told what was heard over a UNIX socket, in lines of JSON:

    controller: {"know": {"zh-CN": {"hints": "…", "phrases": ["…"]}}}
                {"listen": UUID, "language": "zh-CN"}      before Asterisk connects
                {"stop": UUID}
    hearing:    {"port": 40123}                            ready; where Asterisk is to connect
                {"listening": UUID}
                {"spoke": UUID}                            a caller has begun to speak
                {"ended": UUID}                            and has ended; words follow
                {"words": UUID, "text": "…"}               "" when nothing was clear
                {"over": UUID}                             no more will be heard of this caller
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import structlog

from recordings import audio
from recordings.audiosocket import Framer, Kind, Message, NotAudioSocketError
from recordings.models import ModelMissingError
from recordings.process import run_process
from recordings.sentences import Expectation, Sentence, SentenceRecognisers
from recordings.voice_activity import CHUNK, Turn, VoiceActivity
from recordings.voice_detector import VoiceDetector

logger = structlog.get_logger("hearing")

CALLERS = 100
"""Callers heard at once; more are refused and press keys."""
CONNECT_SECONDS = 5.0
"""For Asterisk to connect after it was announced, and to say whose call it is."""
STALL_SECONDS = 0.12
"""Without audio after which silence is assumed: a phone that sends nothing when nobody speaks."""
LONGEST = 300.0
"""Seconds for which one caller is heard."""
HANGS_SECONDS = 120.0
"""Work of the recogniser after which the process gives up and is started anew."""
_LINE = 256 * 1024  # bytes of a line of JSON
_NICE = 5  # calls come first, transcripts last
_RECENT = 40  # chunks: 1.3 s, more than speech needs to be noticed as such

_Result = TypeVar("_Result")


class Recogniser:
    """The one thread in which sentences become words, in the order in which they are spoken.

    Args:
        sentences: the models.
        patience: seconds for which the words of a sentence are waited for.
    """

    def __init__(self, sentences: SentenceRecognisers, *, patience: float) -> None:
        self._sentences = sentences
        self.patience = patience
        self._thread = ThreadPoolExecutor(1, "recogniser")
        self._texts = 0  # that are waited for
        self._since = 0.0  # monotonic seconds; when the work in hand was begun

    @property
    def idle(self) -> bool:
        """Whether a sentence would be recognised at once."""
        return self._texts == 0

    @property
    def hangs(self) -> bool:
        """Whether the work in hand takes longer than any ever did."""
        return 0 < self._since < time.monotonic() - HANGS_SECONDS

    def expect(self, language: str, expectation: Expectation) -> "asyncio.Future[None]":
        """Load what a language needs. The future raises ModelMissingError."""
        return self.run(lambda: self._sentences.expect(language, expectation))

    def begin(self, language: str) -> "LiveSentence":
        """A sentence that a caller has begun."""
        return LiveSentence(self, lambda: self._sentences.sentence(language))

    def text(self, work: Callable[[], str]) -> "asyncio.Future[str]":
        """Run what gives the words of a sentence."""
        self._texts += 1
        future = self.run(work)
        future.add_done_callback(self._done)
        return future

    def _done(self, _: object) -> None:
        self._texts -= 1

    def run(self, work: Callable[[], _Result]) -> "asyncio.Future[_Result]":
        """Do something in the thread, after all that was asked for before."""

        def timed() -> _Result:
            self._since = time.monotonic()
            try:
                return work()
            finally:
                self._since = 0.0

        return asyncio.get_running_loop().run_in_executor(self._thread, timed)


class LiveSentence:
    """A sentence as the event loop sees it: everything is done later, in order."""

    def __init__(self, recogniser: Recogniser, make: Callable[[], Sentence]) -> None:
        self._recogniser, self._make = recogniser, make
        self._sentence: Sentence | None = None

    def feed(self, samples: audio.Samples) -> None:
        """What the caller says next."""
        self._later(lambda sentence: sentence.feed(samples))

    def text(self) -> "asyncio.Future[str]":
        """The words so far."""
        return self._recogniser.text(lambda: self._made().text())

    def close(self) -> None:
        """Nothing more is wanted of it."""
        self._later(lambda sentence: sentence.close())

    def _later(self, work: Callable[[Sentence], None]) -> None:
        future = self._recogniser.run(lambda: work(self._made()))
        future.add_done_callback(lambda done: done.exception())  # the words will fail the same way

    def _made(self) -> Sentence:
        self._sentence = self._sentence or self._make()
        return self._sentence


class CallerEar:
    """Hears one caller: finds the sentences in the audio and has them recognised.

    Args:
        language: that the caller speaks.
        recogniser: of the process.
        tell: called with ``spoke``, ``ended`` or ``words``, and the words.
    """

    def __init__(self, language: str, recogniser: Recogniser, tell: Callable[..., None]) -> None:
        self._language, self._recogniser, self._tell = language, recogniser, tell
        self._voice = VoiceActivity()
        self._detector = VoiceDetector()
        self._rest = np.zeros(0, dtype=np.int16)
        # What was heard last, in chunks: speech is noticed some time after it began.
        self._recent: deque[audio.Samples] = deque(maxlen=_RECENT)
        self._heard = 0  # chunks
        self._sentence: LiveSentence | None = None
        self._early: asyncio.Future[str] | None = None
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def speaking(self) -> bool:
        """Whether a sentence has begun and not ended."""
        return self._sentence is not None

    def hear(self, samples: audio.Samples) -> None:
        """Take audio of 8 kHz, as much as came."""
        self._rest = np.concatenate([self._rest, samples])
        while self._rest.size >= CHUNK:
            chunk, self._rest = self._rest[:CHUNK], self._rest[CHUNK:]
            self._recent.append(chunk)
            self._heard += 1
            turn = self._voice.hear(self._detector.probability(chunk))
            if self._sentence is not None:
                self._sentence.feed(chunk)
            if turn is not None:
                self._act(turn)

    def close(self) -> None:
        """The caller is heard no longer."""
        if self._sentence is not None:
            self._sentence.close()
            self._sentence = None
        for task in self._answering:
            task.cancel()

    def _act(self, turn: Turn) -> None:
        match turn:
            case Turn.BEGAN:
                self._sentence = self._recogniser.begin(self._language)
                since = max(0, len(self._recent) - (self._heard - self._voice.begin))
                self._sentence.feed(np.concatenate(list(self._recent)[since:]))
                self._tell("spoke")
            case Turn.PAUSED if self._sentence is not None:
                # Begun now, the words are there when the silence has lasted long enough. Not when
                # others wait: it may be in vain.
                self._early = self._sentence.text() if self._recogniser.idle else None
            case Turn.RESUMED:
                self._early = None
            case Turn.ENDED if self._sentence is not None:
                self._tell("ended")
                words = self._early or self._sentence.text()
                task = asyncio.create_task(self._answer(words, self._sentence))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
                self._sentence = self._early = None

    async def _answer(self, words: "asyncio.Future[str]", sentence: LiveSentence) -> None:
        text = ""
        try:
            async with asyncio.timeout(self._recogniser.patience):
                text = await asyncio.shield(words)
        except TimeoutError:
            logger.warning("words came too late", seconds=self._recogniser.patience)
        except (RuntimeError, ValueError, MemoryError, ModelMissingError) as error:
            logger.error("the recogniser failed", error=f"{type(error).__name__}: {error}")
        finally:
            sentence.close()
        self._tell("words", text)


class _Expected:
    """A caller whom the controller announced: Asterisk is to connect."""

    def __init__(self, language: str, tell: Callable[..., None]) -> None:
        self.language, self.tell = language, tell
        self.connection: asyncio.Task[None] | None = None


class Hearing:
    """Both servers: for Asterisk's audio, and for the controllers."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._callers: dict[str, _Expected] = {}
        self._languages: set[str] = set()
        self._connections: set[asyncio.StreamWriter] = set()
        self._port = 0

    async def serve(self, path: Path) -> None:
        """Serve at a UNIX socket, and on a free port of loopback, until cancelled."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        async with contextlib.AsyncExitStack() as stack:
            audio_server = await asyncio.start_server(self._audio, "127.0.0.1", 0)
            await stack.enter_async_context(audio_server)
            self._port = audio_server.sockets[0].getsockname()[1]
            before = os.umask(0o177)
            try:
                control = await asyncio.start_unix_server(self._control, path, limit=_LINE)
            finally:
                os.umask(before)
            await stack.enter_async_context(control)
            stack.callback(self._close_all)
            logger.info("ready", port=self._port)
            while True:
                await asyncio.sleep(1)
                if self._recogniser.hangs:
                    logger.critical("the recogniser hangs")
                    os._exit(1)  # a thread cannot be stopped, so the process is

    def _close(self, writer: asyncio.StreamWriter) -> None:
        self._connections.discard(writer)
        writer.close()

    def _close_all(self) -> None:
        for writer in tuple(self._connections):
            self._close(writer)

    # -- the controllers' side ----------------------------------------------------------------

    async def _control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        announced: set[str] = set()
        self._connections.add(writer)

        def send(**message: object) -> None:
            if not writer.is_closing():
                writer.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")

        learning: set[asyncio.Task[None]] = set()
        try:
            while line := await reader.readline():
                order = json.loads(line)
                if "know" in order:
                    task = asyncio.create_task(self._learn(order["know"], send))
                    learning.add(task)
                    task.add_done_callback(learning.discard)
                else:
                    self._order(order, announced, send)
        except (ValueError, KeyError, TypeError, OSError) as error:
            logger.warning("a controller is not understood", error=f"{type(error).__name__}")
        finally:
            for name in announced:
                self._stop(name)
            self._close(writer)

    async def _learn(self, known: Mapping[str, Any], send: Callable[..., None]) -> None:
        """Prepare for what callers may say; only then is the controller told where to connect."""
        for language, expected in known.items():
            expectation = Expectation(
                hints=str(expected["hints"]), phrases=tuple(map(str, expected["phrases"]))
            )
            try:
                await self._recogniser.expect(language, expectation)
                self._languages.add(language)
            except (ModelMissingError, OSError, RuntimeError) as error:
                logger.warning("no model", language=language, error=str(error))
        send(port=self._port)

    def _order(
        self, order: Mapping[str, Any], announced: set[str], send: Callable[..., None]
    ) -> None:
        if "listen" in order:
            name = str(uuid.UUID(order["listen"]))
            full = len(self._callers) >= CALLERS or name in self._callers
            if full or order["language"] not in self._languages:
                send(over=name)
                return

            def tell(what: str, text: str = "") -> None:
                send(**{what: name}, **({"text": text} if what == "words" else {}))

            self._callers[name] = _Expected(str(order["language"]), tell)
            announced.add(name)
            asyncio.get_running_loop().call_later(CONNECT_SECONDS, self._give_up, name)
            send(listening=name)
        else:
            announced.discard(order["stop"])
            self._stop(str(order["stop"]))

    def _give_up(self, name: str) -> None:
        caller = self._callers.get(name)
        if caller is not None and caller.connection is None:
            self._stop(name)

    def _stop(self, name: str) -> None:
        caller = self._callers.pop(name, None)
        if caller is None:
            return
        if caller.connection is not None:
            caller.connection.cancel()
        caller.tell("over")

    # -- Asterisk's side ----------------------------------------------------------------------

    async def _audio(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = ""
        self._connections.add(writer)
        try:
            framer = Framer()
            async with asyncio.timeout(CONNECT_SECONDS):
                name, first = await self._whose(reader, framer)
            caller = self._callers.get(name)
            if caller is None or caller.connection is not None:
                name = ""  # nobody announced it, or it is there already
                return
            caller.connection = asyncio.current_task()
            async with asyncio.timeout(LONGEST):
                await self._listen(caller, reader, framer, first)
        except (TimeoutError, NotAudioSocketError, OSError):
            logger.warning("a caller's audio ends early")
        except asyncio.CancelledError:
            pass  # the controller wants no more of it
        finally:
            if name:
                self._stop(name)
            self._close(writer)

    @staticmethod
    async def _whose(reader: asyncio.StreamReader, framer: Framer) -> tuple[str, list[Message]]:
        """The name in the first message, and the messages that came with it."""
        while data := await reader.read(4096):
            if messages := list(framer.feed(data)):
                first = messages[0]
                if first.kind != Kind.UUID or len(first.payload) != 16:
                    raise NotAudioSocketError("it does not begin with a UUID")
                return str(uuid.UUID(bytes=first.payload)), messages[1:]
        raise NotAudioSocketError("it ends before it begins")

    async def _listen(
        self,
        caller: _Expected,
        reader: asyncio.StreamReader,
        framer: Framer,
        messages: Iterable[Message],
    ) -> None:
        ear = CallerEar(caller.language, self._recogniser, caller.tell)
        silence = np.zeros(round(STALL_SECONDS * audio.RATE), dtype=np.int16)
        try:
            while True:
                for message in messages:
                    if message.kind == Kind.AUDIO:
                        ear.hear(np.frombuffer(message.payload[: len(message.payload) & ~1], "<i2"))
                    elif message.kind in (Kind.HANG_UP, Kind.ERROR):
                        return
                messages = ()
                try:
                    async with asyncio.timeout(STALL_SECONDS):
                        data = await reader.read(4096)
                except TimeoutError:
                    if ear.speaking:
                        ear.hear(silence)
                    continue
                if not data:
                    return
                messages = framer.feed(data)
        finally:
            ear.close()


# --- the process -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HearingSettings:
    """What the process needs to know."""

    socket: Path
    models: Path
    threads: int = 2
    """Cores for one sentence."""
    patience: float = 5.0
    """Seconds for the words of a sentence; what takes longer is nothing understood."""


async def serve(settings: HearingSettings) -> None:
    """Hear callers until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sentences = SentenceRecognisers(settings.models, threads=settings.threads)
    recogniser = Recogniser(sentences, patience=settings.patience)
    serving = asyncio.create_task(Hearing(recogniser).serve(settings.socket))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()


def run(settings: HearingSettings) -> int:
    """The whole process, see ``run_process``."""
    return run_process(serve(settings), name="hearing", nice=_NICE)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m recordings.hearing`: settings by options, else from HUAWU_STATE."""
    state = Path(os.environ.get("HUAWU_STATE") or "var")
    parser = argparse.ArgumentParser(
        prog="python -m recordings.hearing",
        description="Hear callers while they speak in the menu.",
        epilog="example: python -m recordings.hearing --state var",
    )
    parser.add_argument("--state", type=Path, default=state, help="the state folder")
    parser.add_argument("--threads", type=int, default=2, help="cores for one sentence")
    parser.add_argument("--patience", type=float, default=5.0, help="seconds for its words")
    options = parser.parse_args(arguments)
    folder = options.state.absolute()
    return run(
        HearingSettings(
            socket=folder / "run" / "hearing.sock",
            models=folder / "models",
            threads=options.threads,
            patience=options.patience,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
