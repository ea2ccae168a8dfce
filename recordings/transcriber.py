"""The worker process that turns filed recordings into text, one talk at a time.

Apart from the controller, because recognising eats a core for minutes and a model may crash: here
it costs nobody a call. The work lies in the database, so any number of these may run, and one
that is killed is replaced by the next (``RecordingStore.claim``).
"""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from recordings import audio
from recordings.models import ModelMissingError, vosk_model_path, whisper_model_path
from recordings.process import run_process
from recordings.recogniser import Recogniser, Segment, text_of
from store.database import open_database
from store.live import append_event, connect
from store.recordings import Claim, JobState, Leg, Recording, RecordingStore, Transcript
from telephony.events import TranscriptFinished

logger = structlog.get_logger("transcriber")

_LEASE = 60.0  # seconds without a renewal after which another worker may take over
_RENEW_EVERY = 15.0
_POLL = 1.0  # seconds between looks for work
_ATTEMPTS = 3  # a recording that killed that many workers is given up
_NICE = 10  # calls come first


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriberSettings:
    """What the worker needs to know."""

    recordings: Path
    models: Path
    database_url: str
    redis_url: str
    threads: int = 1


# --- models ----------------------------------------------------------------------------------


class Models:
    """At most one loaded model: what the last talk needed is kept for the next."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._folder = folder
        self._threads = threads
        self._path: Path | None = None
        self._loaded: Recogniser | None = None

    def recogniser(self, language: str) -> Recogniser:
        """The recogniser for a language: vosk where a model is present, Whisper where not.

        Raises:
            ModelMissingError: neither is there.
        """
        path, load = self._choose(language)
        if self._loaded is None or path != self._path:
            self._loaded = self._path = None  # frees the old one before the new one is read
            self._loaded = load(path)
            self._path = path
        return self._loaded

    def _choose(self, language: str) -> tuple[Path, Callable[[Path], Recogniser]]:
        try:
            return vosk_model_path(self._folder, language), _load_vosk
        except ModelMissingError:
            path = whisper_model_path(self._folder)

        def load_whisper(path: Path) -> Recogniser:
            from recordings.recogniser_whisper import WhisperRecogniser

            return WhisperRecogniser(path, threads=self._threads)

        return path, load_whisper


def _load_vosk(path: Path) -> Recogniser:
    from recordings.recogniser_vosk import VoskRecogniser

    # A package's folder is named plainly "model"; its parent says which.
    name = path.parent.name if path.name == "model" else path.name
    return VoskRecogniser(path, model=name)


# --- one talk --------------------------------------------------------------------------------


def transcribe(recording: Recording, folder: Path, models: Models) -> list[Transcript]:
    """A talk's legs, or a message, as text; ``fault`` says what cannot be done. Blocks for long."""
    try:
        recogniser = models.recogniser(recording.language)
    except ModelMissingError:
        return faulty(recording, f"no model for {recording.language or 'an unknown language'}")
    texts = []
    for leg in recording.legs:
        fault, segments = "", list[Segment]()
        try:
            segments = recogniser.recognise(folder / f"{leg}.wav", recording.language)
        except (audio.NoAudioError, FileNotFoundError) as error:
            fault = f"no audio: {error}" if isinstance(error, audio.NoAudioError) else "no audio"
        texts.append(
            _transcript(recording, leg, recogniser=recogniser, segments=segments, fault=fault)
        )
    return texts


def faulty(recording: Recording, fault: str) -> list[Transcript]:
    """Empty texts of all legs that say why they are empty."""
    return [_transcript(recording, leg, fault=fault) for leg in recording.legs]


def _transcript(
    recording: Recording,
    leg: Leg,
    *,
    recogniser: Recogniser | None = None,
    segments: Sequence[Segment] = (),
    fault: str = "",
) -> Transcript:
    return Transcript(
        contact=recording.contact,
        offer=recording.offer,
        leg=leg,
        language=recording.language,
        engine=recogniser.engine if recogniser else "",
        model=recogniser.model if recogniser else "",
        text=text_of(list(segments)),
        segments=[{"start": s.start, "end": s.end, "text": s.text} for s in segments],
        fault=fault,
        made_at=time.time(),
    )


# --- the worker ------------------------------------------------------------------------------


class Transcriber:
    """Claims, transcribes, files, tells; for ever."""

    def __init__(
        self,
        settings: TranscriberSettings,
        *,
        store: RecordingStore,
        redis: Redis,
        models: Models | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._redis = redis
        self._models = models or Models(settings.models, settings.threads)
        self.name = _worker_name()

    async def run(self) -> None:
        """Work until cancelled; waits out a database or a Redis that is away."""
        pause = _POLL
        while True:
            try:
                await self.release_dead()
                while claim := await self._store.claim(self.name, now=time.time(), lease=_LEASE):
                    await self._do(claim)
                pause = _POLL
            except (SQLAlchemyError, RedisError, OSError) as error:
                logger.error("the work stops for a while", error=f"{type(error).__name__}: {error}")
                pause = min(pause * 2, 30.0)
                # What was claimed is begun again, or only told if its text is filed already.
                with contextlib.suppress(SQLAlchemyError, OSError):
                    await self.give_back()
            await asyncio.sleep(pause)

    async def release_dead(self) -> None:
        """Give back the work of workers of this machine that no longer run."""
        dead = [worker for worker in await self._store.workers() if _is_dead(worker)]
        if dead and await self._store.release(dead):
            logger.warning("work of a dead worker is taken over", workers=dead)

    async def give_back(self) -> None:
        """Let another worker have what is being worked on (an orderly stop)."""
        await self._store.release([self.name])

    async def _do(self, claim: Claim) -> None:
        recording = claim.recording
        log = logger.bind(contact=recording.contact, offer=recording.offer)
        texts = await self._already_made(recording)
        if not texts:
            started = time.monotonic()
            texts = await self._make(claim)
            await self._store.file_transcripts(texts)
            seconds = round(time.monotonic() - started, 1)
            log.info("transcribed", audio=recording.seconds, took=seconds, fault=texts[0].fault)
        await append_event(self._redis, _finished(texts))
        failed = all(text.fault for text in texts)
        state = JobState.FAILED if failed else JobState.DONE
        await self._store.end_job(recording.contact, recording.offer, state)

    async def _already_made(self, recording: Recording) -> list[Transcript]:
        """Texts that an earlier worker filed before it died without telling."""
        made = await self._store.transcripts(recording.contact)
        return [text for text in made if text.offer == recording.offer]

    async def _make(self, claim: Claim) -> list[Transcript]:
        recording = claim.recording
        if claim.attempts > _ATTEMPTS:
            return faulty(recording, f"given up: {_ATTEMPTS} workers died of it")
        folder = self._settings.recordings / recording.folder
        renewing = asyncio.create_task(self._renew(recording))
        # Ten times as long as it ever took, on a machine that has other things to do.
        limit = 120 + 20 * recording.seconds
        try:
            async with asyncio.timeout(limit):
                return await asyncio.to_thread(transcribe, recording, folder, self._models)
        except TimeoutError:
            # A thread cannot be stopped, so the process is: its successor counts the attempt.
            logger.critical("the recogniser hangs", contact=recording.contact)
            os._exit(1)
        except (RuntimeError, ValueError, MemoryError) as error:
            logger.exception("the recogniser failed", contact=recording.contact)
            return faulty(recording, f"the recogniser failed: {type(error).__name__}")
        finally:
            renewing.cancel()

    async def _renew(self, recording: Recording) -> None:
        while True:
            await asyncio.sleep(_RENEW_EVERY)
            with contextlib.suppress(SQLAlchemyError, OSError):
                await self._store.renew(
                    self.name, recording.contact, recording.offer, now=time.time()
                )


def _finished(texts: Sequence[Transcript]) -> TranscriptFinished:
    first = next((text for text in texts if text.engine), texts[0])
    return TranscriptFinished(
        at=time.time(),
        contact=first.contact,
        offer=first.offer,
        engine=first.engine,
        model=first.model,
        characters=sum(len(text.text) for text in texts),
        fault="; ".join(dict.fromkeys(text.fault for text in texts if text.fault)),
    )


# --- who is alive ----------------------------------------------------------------------------


def _worker_name() -> str:
    """Machine, process id and that process' start: enough to see later whether it lives."""
    return f"{_machine()}/{os.getpid()}/{_started(os.getpid())}"


def _machine() -> str:
    return socket.gethostname().replace("/", "-")[:30]


def _started(pid: int) -> str:
    """When a process began, in clock ticks since the boot; "" when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _is_dead(worker: str) -> bool:
    """Whether a worker of this machine is gone; of other machines nothing is known."""
    machine, _, rest = worker.partition("/")
    pid, _, started = rest.partition("/")
    if machine != _machine() or not pid.isdigit():
        return False
    return _started(int(pid)) != started


# --- the process -----------------------------------------------------------------------------


async def serve(settings: TranscriberSettings) -> None:
    """Work until SIGTERM or SIGINT, then give back what is unfinished."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database, redis = open_database(settings.database_url), connect(settings.redis_url)
    worker = Transcriber(settings, store=RecordingStore(database), redis=redis)
    working = asyncio.create_task(worker.run())
    stopping = asyncio.create_task(stop.wait())
    logger.info("ready", worker=worker.name)
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        working.result()
    working.cancel()
    with contextlib.suppress(SQLAlchemyError, OSError, TimeoutError):
        async with asyncio.timeout(3):
            await worker.give_back()
    await redis.aclose()


def run(settings: TranscriberSettings) -> int:
    """The whole process, see ``run_process``."""
    return run_process(serve(settings), name="transcriber", nice=_NICE)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m recordings.transcriber`: settings by options, else from HUAWU_* variables."""
    state = Path(os.environ.get("HUAWU_STATE") or "var")
    parser = argparse.ArgumentParser(
        prog="python -m recordings.transcriber",
        description="Turn filed recordings into text.",
        epilog="example: python -m recordings.transcriber --state var",
    )
    parser.add_argument("--state", type=Path, default=state, help="the state folder")
    parser.add_argument("--database", default=os.environ.get("HUAWU_DATABASE_URL", ""))
    parser.add_argument("--redis", default=os.environ.get("HUAWU_REDIS_URL", ""))
    parser.add_argument("--threads", type=int, default=1, help="cores for recognising")
    options = parser.parse_args(arguments)
    folder = options.state.absolute()
    return run(
        TranscriberSettings(
            recordings=folder / "recordings",
            models=folder / "models",
            database_url=options.database or f"sqlite:///{folder / 'huawu.db'}",
            redis_url=options.redis or f"unix://{folder / 'run' / 'redis.sock'}",
            threads=options.threads,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
