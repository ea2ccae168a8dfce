"""A survey after the call, as a flow file for tests."""

from pathlib import Path
from textwrap import dedent

FLOW = """
    name: survey
    start: score
    languages: [zh-CN, en]
    nodes:
      score:
        kind: survey
        text: {zh-CN: 请评分，一到五, en: Please give one to five}
        low: 2
        reason_text: {zh-CN: 太慢请按一, en: 'Too slow, press 1'}
        reasons: {1: slow, 2: rude}
        comment: {zh-CN: 请留言, en: Please tell us}
        next: bye
      bye: {kind: hang_up}
"""


def write_survey(company: Path) -> None:
    """Put the flow into a company's folder."""
    text = dedent(FLOW).lstrip("\n")
    (company / "menus" / "survey.yaml").write_text(text, encoding="utf-8")
