"""The agents of an ``agents.csv``, as people export them from a spreadsheet. Pure but for reading.

The header says which column is which, in English or Chinese: ``extension,name,queues,penalty`` or
``分机,姓名,技能,优先级``. A cell of queues or skills is a list (``sales;support:3``); the number
behind a queue is a penalty as in app_queue, behind a skill a level 1–10.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from acd.importer.asterisk_config import read_text
from store.source import BadFile, Problem

#: Heading, in small letters without spaces -> what the column holds.
HEADINGS = {
    **dict.fromkeys(("extension", "ext", "exten", "number", "agent", "id", "分机", "分机号",
                     "工号", "坐席号"), "extension"),
    **dict.fromkeys(("name", "fullname", "姓名", "名字", "坐席", "坐席姓名", "客服"), "name"),
    **dict.fromkeys(("queues", "queue", "队列", "技能组", "坐席组"), "queues"),
    **dict.fromkeys(("skills", "skill", "技能"), "skills"),
    **dict.fromkeys(("penalty", "惩罚值", "优先级", "权重级别"), "penalty"),
}  # fmt: skip
_ITEM = re.compile(r"(?P<name>[^:：=]+?)\s*(?:[:：=]\s*(?P<number>\d+))?")


@dataclass(slots=True)
class Person:
    """One row: an agent, with queue -> penalty and skill -> level as they stand there."""

    extension: str
    name: str
    line: int
    queues: dict[str, int] = field(default_factory=dict)
    skills: dict[str, int] = field(default_factory=dict)


def read_people(file: Path) -> list[Person]:
    """Read an agents.csv. Raises BadFile with every row that cannot be used."""
    text = read_text(file)
    separator = max(",;\t", key=text.split("\n", 1)[0].count)
    rows = csv.reader(text.splitlines(), delimiter=separator)
    header = next(rows, [])
    columns = [HEADINGS.get(re.sub(r"\s", "", cell).lower(), "") for cell in header]
    problems: list[Problem] = []
    for needed, chinese in (("extension", "分机"), ("name", "姓名")):
        if needed not in columns:
            problems.append(
                Problem(
                    file=file,
                    line=1,
                    text=f"no column is headed {needed}",
                    mend=f"name one {needed} or {chinese}; the header is "
                    f"extension{separator}name{separator}queues{separator}penalty",
                )
            )
    if problems:
        raise BadFile(problems)
    people: list[Person] = []
    for cells in rows:
        if any(cell.strip() for cell in cells):
            row = {key: cell.strip() for key, cell in zip(columns, cells, strict=False) if key}
            _add(people, _person(row, rows.line_num), problems, file, row)
    if problems:
        raise BadFile(problems)
    return people


def _add(
    people: list[Person],
    person: Person,
    problems: list[Problem],
    file: Path,
    row: dict[str, str],
) -> None:
    def complain(text: str, mend: str) -> None:
        problems.append(Problem(file=file, line=person.line, text=text, mend=mend))

    if not re.fullmatch(r"[0-9]{2,8}", person.extension):
        complain(f"'{person.extension}' is no extension", "write 2 to 8 digits")
    if any(other.extension == person.extension for other in people):
        complain(f"the extension {person.extension} is here twice", "remove one of the two rows")
    if not 0 < len(person.name) <= 40:
        complain("the name is missing or longer than 40 characters", "write 1 to 40 characters")
    if row.get("penalty") and not row["penalty"].isdecimal():
        complain(f"the penalty '{row['penalty']}' is no number", "write 0, 1, 2, …")
    for name, level in person.skills.items():
        if not 1 <= level <= 10:
            complain(f"the level {level} of {name} is none", "write 1 to 10")
    people.append(person)


def _person(row: dict[str, str], line: int) -> Person:
    usual = int(row["penalty"]) if row.get("penalty", "").isdecimal() else 0
    queues = {
        name: usual if number is None else number for name, number in _items(row.get("queues", ""))
    }
    skills = {
        name: 5 if number is None else number for name, number in _items(row.get("skills", ""))
    }
    return Person(row.get("extension", ""), row.get("name", ""), line, queues, skills)


def _items(cell: str) -> Iterator[tuple[str, int | None]]:
    for item in re.split(r"[;,，；、|/]|\s+(?![:：=])", cell):
        if match := _ITEM.fullmatch(item.strip()):
            yield match["name"].strip(), int(match["number"]) if match["number"] else None
