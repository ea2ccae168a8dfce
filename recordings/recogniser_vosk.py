"""The only home of vosk: one model for each language, fast, word by word.

Also knows where vosk's models lie on the internet, and fetches one.
"""

import hashlib
import json
import re
import shutil
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import vosk

from recordings import audio
from recordings.recogniser import Segment

_FEED = audio.RATE // 5  # samples given to the decoder at once
_FETCH_TIMEOUT = 30.0  # seconds without a byte
_WITHOUT_BLANKS = ("zh", "ja")
_LONGEST_WORD = 6  # characters, where no blanks part the words

vosk.SetLogLevel(-1)


class VoskRecogniser:
    """A vosk model. A fresh decoder costs about a second of CPU, so one is kept and reset."""

    engine = "vosk"

    def __init__(self, path: Path, *, model: str) -> None:
        self.model = model
        self._decoder: Any = vosk.KaldiRecognizer(vosk.Model(str(path)), audio.RATE)
        self._decoder.SetWords(True)
        self._fed = 0  # samples ever: the decoder's clock runs on over a reset

    def recognise(self, path: Path, language: str) -> list[Segment]:
        """See ``Recogniser.recognise``."""
        blank = _blank(language)
        self._decoder.Reset()
        found: list[Segment] = []
        zero = self._fed / audio.RATE
        for block in audio.blocks(path, samples=_FEED):
            self._fed += block.size
            if self._decoder.AcceptWaveform(block.astype("<i2").tobytes()):
                found += _segments(self._decoder.Result(), blank, zero)
        return found + _segments(self._decoder.FinalResult(), blank, zero)


def _segments(result: str, blank: str, zero: float) -> list[Segment]:
    words = json.loads(result).get("result", [])
    if not words:
        return []
    return [
        Segment(
            start=round(words[0]["start"] - zero, 2),
            end=round(words[-1]["end"] - zero, 2),
            text=blank.join(word["word"] for word in words),
        )
    ]


class VoskSentences:
    """A model for sentences about a narrow subject, decoded while they are spoken.

    The phrases become a grammar: vosk estimates from them which word follows which, and knows no
    others. Words that the model's vocabulary lacks are left out; a model whose graph is fixed goes
    without a grammar.
    """

    def __init__(self, path: Path, *, language: str, phrases: Sequence[str]) -> None:
        self._blank = _blank(language)
        self._model = vosk.Model(str(path))
        words = [spelt for phrase in phrases if (spelt := self._in_vocabulary(phrase))]
        fixed = not (path / "graph" / "Gr.fst").is_file() and not (path / "Gr.fst").is_file()
        self._grammar = [json.dumps([*words, "[unk]"], ensure_ascii=False)]
        if fixed or not words:
            self._grammar = []
        self._idle = [self._new_decoder()]

    def sentence(self) -> "VoskSentence":
        """A new sentence, on a decoder that has been used before if one is free."""
        decoder = self._idle.pop() if self._idle else self._new_decoder()
        return VoskSentence(decoder, self._blank, self._idle.append)

    def _new_decoder(self) -> Any:
        return vosk.KaldiRecognizer(self._model, audio.RATE, *self._grammar)

    def _in_vocabulary(self, phrase: str) -> str:
        """The phrase in the model's words: the longest that fit, where no blanks part them."""
        if self._blank:
            words = re.findall(r"\w+", phrase.lower())
            return " ".join(word for word in words if self._knows(word))
        found, at = [], 0
        letters = "".join(re.findall(r"\w+", phrase))
        while at < len(letters):
            sizes = range(min(_LONGEST_WORD, len(letters) - at), 0, -1)
            size = next((n for n in sizes if self._knows(letters[at : at + n])), 0)
            found += [letters[at : at + size]] if size else []
            at += size or 1
        return " ".join(found)

    def _knows(self, word: str) -> bool:
        return bool(self._model.vosk_model_find_word(word) >= 0)


class VoskSentence:
    """Implements ``recordings.sentences.Sentence``; gives its decoder back after the words."""

    def __init__(self, decoder: Any, blank: str, done: Callable[[Any], None]) -> None:
        self._decoder, self._blank, self._done = decoder, blank, done
        self._said: list[str] = []
        decoder.Reset()

    def feed(self, samples: audio.Samples) -> None:
        """See ``Sentence.feed``."""
        if self._decoder.AcceptWaveform(samples.astype("<i2").tobytes()):
            self._keep(self._decoder.Result())

    def text(self) -> str:
        """See ``Sentence.text``."""
        self._keep(self._decoder.FinalResult())
        return self._blank.join(self._said)

    def close(self) -> None:
        """See ``Sentence.close``."""
        self._done(self._decoder)

    def _keep(self, result: str) -> None:
        words = [word for word in json.loads(result).get("text", "").split() if word != "[unk]"]
        self._said += [self._blank.join(words)] if words else []


def _blank(language: str) -> str:
    """What stands between two words."""
    return "" if language.split("-", maxsplit=1)[0] in _WITHOUT_BLANKS else " "


class FetchError(Exception):
    """A model cannot be fetched; the text says why and what to do instead."""


def fetch_model(language: str, target: Path, say: Callable[[str], None]) -> None:
    """Fetch the small model of a language (vosk's code, like ``cn``) into the folder ``target``.

    Raises:
        FetchError: the site cannot be reached, has no such model, or sent a damaged one.
    """
    archive = target.with_suffix(".zip.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        entry = _listed(language)
        say(f"fetching {entry['name']} ({entry.get('size_text', 'unknown size')})")
        _download(vosk.MODEL_PRE_URL + entry["name"] + ".zip", archive, entry.get("md5", ""))
        _unpack(archive, target)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise FetchError(
            f"vosk's model for {language!r} cannot be fetched from {vosk.MODEL_PRE_URL} "
            f"({type(error).__name__}: {error}); unpack one from there into {target} by hand"
        ) from error
    finally:
        archive.unlink(missing_ok=True)


def _listed(language: str) -> dict[str, Any]:
    with urllib.request.urlopen(vosk.MODEL_LIST_URL, timeout=_FETCH_TIMEOUT) as answer:  # noqa: S310
        listed: list[dict[str, Any]] = json.load(answer)
    for entry in listed:
        if (entry["lang"], entry["type"], entry["obsolete"]) == (language, "small", "false"):
            return entry
    raise ValueError("the site lists no small model for it")


def _download(url: str, archive: Path, md5: str) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    with (
        urllib.request.urlopen(url, timeout=_FETCH_TIMEOUT) as answer,  # noqa: S310
        archive.open("wb") as file,
    ):
        while block := answer.read(1 << 20):
            digest.update(block)
            file.write(block)
    if md5 and digest.hexdigest() != md5:
        raise ValueError("the file is damaged")


def _unpack(archive: Path, target: Path) -> None:
    """Unpack the archive's one top folder as ``target``, which appears whole or not at all."""
    making = target.with_name(f".{target.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as content:
            content.extractall(making)
        folders = [path for path in making.iterdir() if path.is_dir()]
        if len(folders) != 1:
            raise ValueError("the archive is not one model folder")
        folders[0].rename(target)
    finally:
        shutil.rmtree(making, ignore_errors=True)
