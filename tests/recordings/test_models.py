"""Finding models, without loading any."""

import zipfile
from pathlib import Path

import pytest

from recordings import models
from recordings.models import ModelMissingError, present_models, vosk_code, vosk_model_path


def make_vosk_model(folder: Path) -> Path:
    (folder / "am").mkdir(parents=True)
    (folder / "am" / "final.mdl").write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    "language, code", [("zh-CN", "cn"), ("en", "en-us"), ("ko", "ko"), ("fr-CA", "fr"), ("", "")]
)
def test_languages_as_vosk_calls_them(language: str, code: str) -> None:
    assert vosk_code(language) == code


@pytest.mark.parametrize("name", ["vosk-zh-CN", "vosk-cn"])
def test_a_model_in_the_models_folder_is_found(tmp_path: Path, name: str) -> None:
    model = make_vosk_model(tmp_path / name)
    assert vosk_model_path(tmp_path, "zh-CN") == model
    assert name in present_models(tmp_path)


def test_a_model_in_vosks_own_place_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_vosk_model(tmp_path / "vosk-model-small-cn-0.22")
    monkeypatch.setenv("VOSK_MODEL_PATH", str(tmp_path))
    assert vosk_model_path(tmp_path / "none", "zh-CN") == model


@pytest.mark.parametrize("language", ["zh-CN", "", "xx", "..", "en"])
def test_a_missing_model_is_told_with_its_mend(tmp_path: Path, language: str) -> None:
    (tmp_path / "vosk-cn").mkdir()  # half unpacked by hand
    with pytest.raises(ModelMissingError, match="huawu models"):
        vosk_model_path(tmp_path, language)


def test_whisper_needs_both_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_HALVES", (("no_such_package", "x"), ("no_such_other", "y")))
    with pytest.raises(ModelMissingError, match="no_such_package"):
        models.whisper_model_path(tmp_path)
    assert models.prepare_models(tmp_path / "none") == present_models(tmp_path)


def test_a_damaged_whisper_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "site" / "data"
    data.mkdir(parents=True)
    for name in ("part1", "part2", "config.json", "tokenizer.json", "vocabulary.json"):
        (data / name).write_bytes(b"x")
    monkeypatch.setattr(models, "_HALVES", (("fake", "part1"), ("fake", "part2")))
    monkeypatch.setattr(models, "_package_file", lambda _package, name: data / name)
    with pytest.raises(ModelMissingError, match=r"model\.bin"):
        models.whisper_model_path(tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_vosks_site_out_of_reach_is_told_clearly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vosk_home = pytest.importorskip("recordings.recogniser_vosk")
    monkeypatch.setattr(vosk_home.vosk, "MODEL_LIST_URL", "http://127.0.0.1:9/list")
    with pytest.raises(vosk_home.FetchError, match="by hand"):
        vosk_home.fetch_model("cn", tmp_path / "vosk-cn", lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_a_fetched_archive_becomes_a_model_folder(tmp_path: Path) -> None:
    vosk_home = pytest.importorskip("recordings.recogniser_vosk")
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("vosk-model-small-xx-0.1/am/final.mdl", b"x")
        content.writestr("../../outside", b"x")
    (tmp_path / "in").mkdir()
    vosk_home._unpack(archive, tmp_path / "in" / "vosk-xx")
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["vosk-xx"]
    assert not (tmp_path.parent / "outside").exists()
