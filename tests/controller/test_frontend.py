"""The front end is built once for each state of its sources."""

from pathlib import Path

import pytest

from controller.setup import frontend

NODE = """#!/bin/sh
echo "$@" >> ../calls
[ -e broken ] && { echo "the reason"; exit 1; }
case "$2" in
    ci) mkdir -p node_modules ;;
    run) mkdir -p dist; echo page > dist/index.html ;;
esac
"""


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    node = tmp_path / "node" / "bin" / "node"
    node.parent.mkdir(parents=True)
    node.write_text(NODE, encoding="utf-8")
    node.chmod(0o755)
    monkeypatch.setattr(frontend, "_NODE_HOME", tmp_path / "node")
    folder = tmp_path / "web"
    (folder / "src").mkdir(parents=True)
    (folder / "package-lock.json").write_text("{}", encoding="utf-8")
    (folder / "src" / "main.ts").write_text("one", encoding="utf-8")
    return folder


def calls(web: Path) -> list[str]:
    file = web.parent / "calls"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.unlink()
    return [line.split(maxsplit=1)[1] for line in lines]


def test_built_once_until_a_source_changes(web: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert frontend.build(log, web)
    assert calls(web) == ["ci --no-audit --no-fund", "run build"]
    assert frontend.is_built(web)
    assert not frontend.build(log, web)

    (web / "src" / "main.ts").write_text("two", encoding="utf-8")
    assert not frontend.is_built(web)
    assert frontend.build(log, web)
    assert calls(web) == ["run build"], "packages are fetched anew only when their lock changed"

    (web / "package-lock.json").write_text("{ }", encoding="utf-8")
    assert frontend.build(log, web)
    assert calls(web) == ["ci --no-audit --no-fund", "run build"]


def test_a_failed_build_says_why_and_is_tried_again(web: Path, tmp_path: Path) -> None:
    (web / "broken").touch()
    with pytest.raises(frontend.FrontendError, match="the reason"):
        frontend.build(tmp_path / "log", web)
    assert not frontend.is_built(web)
    (web / "broken").unlink()
    assert frontend.build(tmp_path / "log", web)
