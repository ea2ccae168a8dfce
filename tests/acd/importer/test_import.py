"""app_queue's files become a company that loads, with a history whose figures are the log's."""

import gzip
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from acd.company import load_company
from acd.figures import Figures
from acd.importer.run import HISTORY, FolderTaken, ImportReport, import_company
from acd.rules import Exit, Strategy
from acd.simulation.replay import read_events, replay
from store.source import BadFile

QUEUES = """\
    [general]
    persistentmembers = yes

    [standard](!)            ; a template
    strategy = leastrecent
    timeout = 12
    wrapuptime=30
    servicelevel = 25
    joinempty = no

    [Support](standard)
    weight = 3
    maxlen = 40
    announce-frequency = 45
    announce-holdtime = no
    defaultrule = patience
    member => PJSIP/8001,0,Li Na
    member => Local/8002@from-queue/n,2,Wang Wei,hint:8002@ext-local

    ;-- an old queue
    [gone]
    --;
    [售后](standard)
    strategy = ringall
    retry = 5
    monitor-format = wav
    musicclass = jazz
"""
RULES = """\
    [patience]
    penaltychange => 0,0
    penaltychange => 30,+1
    penaltychange => 60,4
    penaltychange => 90,2
"""
PEOPLE = """\
    分机,姓名,队列,优先级
    8001,李娜,,
    8003,张敏,售后:1;support,3
"""
LOG = """\
    1700000000|NONE|NONE|NONE|QUEUESTART|
    1700000001|NONE|Support|PJSIP/8001|ADDMEMBER|
    1700000010|c1|Support|NONE|ENTERQUEUE||13800000001|1
    1700000022|c1|Support|PJSIP/8001|RINGNOANSWER|10000
    1700000030|c1|Support|Wang Wei|CONNECT|20|c1x|5
    1700000100|c1|Support|Wang Wei|COMPLETECALLER|20|70|1
    1700000101|c2|Support|NONE|ENTERQUEUE||13800000002|1
    1700000104|c2|Support|NONE|ABANDON|1|1|3
    1700000110|c3|Support|NONE|ENTERQUEUE|||1
    1700000170|c3|Support|NONE|EXITWITHTIMEOUT|1|1|60
    1700000180|c4|Support|NONE|ENTERQUEUE||13800000004|1
    1700000190|NONE|Support|PJSIP/8001|PAUSE|lunch
    1700000200|NONE|Support|PJSIP/8001|REMOVEMEMBER|
"""


class Files:
    """What is to be imported, and where to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.into = folder / "company"
        for name, text in (
            ("queues.conf", QUEUES),
            ("queuerules.conf", RULES),
            ("agents.csv", PEOPLE),
            ("queue_log", LOG),
        ):
            self.write(name, text)

    def write(self, name: str, text: str, encoding: str = "utf-8") -> Path:
        file = self.folder / name
        file.write_text(dedent(text), encoding=encoding)
        return file

    def edit(self, name: str, old: str, new: str) -> int:
        """Change one place; returns its line."""
        text = (self.folder / name).read_text("utf-8")
        assert text.count(old) == 1
        (self.folder / name).write_text(text.replace(old, new), "utf-8")
        return text[: text.index(old)].count("\n") + 1

    def run(self) -> ImportReport:
        return import_company(
            self.folder / "queues.conf",
            self.folder / "agents.csv",
            [self.folder / "queue_log"],
            self.into,
        )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_what_is_imported_loads_and_says_the_same(files: Files) -> None:
    report = files.run()
    assert (report.queues, report.agents, report.written) == (2, 3, True)
    assert report.problems == []
    company = load_company(files.into)
    support, after_sales = company.queues.values()
    assert (support.id, support.name["en"], after_sales.name["zh-CN"]) == (
        "support", "Support", "售后",
    )  # fmt: skip
    assert (support.ring, support.wrap_up, support.threshold, support.priority) == (12, 30, 25, 3)
    assert support.limits.length is not None
    assert support.limits.length.max == 40
    assert support.limits.nobody_signed_in == Exit(announce="nobody_there")
    assert (support.announcements.every, support.announcements.wait) == (45, False)
    assert (support.record, after_sales.record, after_sales.music) == (False, True, "jazz")


def test_penalties_become_levels_and_rules_rings(files: Files) -> None:
    files.run()
    company = load_company(files.into)
    assert company.agent("8001").skills == {"support": 10}
    assert company.agent("8002").skills == {"support": 8}
    assert company.agent("8003").skills == {"queue": 9, "support": 7}
    support = company.queue("support")
    assert support.strategy is Strategy.BEST_SKILLED  # a lower penalty goes first
    assert support.skills == {"support": 10}
    assert [(ring.after, ring.skills) for ring in support.rings] == [
        (30, {"support": 9}), (60, {"support": 6}),
    ]  # fmt: skip
    assert company.queue("queue").strategy is Strategy.LONGEST_IDLE


def test_what_has_no_equal_stands_in_the_file_and_the_report(files: Files) -> None:
    report = files.run()
    text = (files.into / "queues.yaml").read_text("utf-8")
    assert "queues.conf:11 [Support]" in text
    assert "ring: 12   # timeout = 12" in text
    for said in ("ringall: no equal", "retry = 5: no equal", "penaltychange at 90 s"):
        assert said in text
        assert any(said in note for note in report.notes)


def test_the_history_has_the_figures_of_the_log(files: Files) -> None:
    report = files.run()
    events = read_events(files.into / HISTORY)
    assert len(events) == report.events
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert report.unfinished == 1  # c4
    figures = Figures({"support": 25.0})
    figures.extend(events)
    counts = figures.queue("support", events[-1].at)
    assert (counts.offered, counts.waiting, counts.rona) == (4, 1, 1)
    ends = {end.value: number for end, number in counts.ends.items() if number}
    assert ends == {"answered": 1, "short_abandoned": 1, "timed_out": 1}
    assert (counts.asa, counts.average_talk) == (20, 70)
    kinds = [type(event).__name__ for event in events if getattr(event, "contact", "") == "c1"]
    assert kinds[:6] == [
        "ContactArrived", "ContactQueued", "OfferMade", "OfferEnded", "OfferMade",
        "ContactAnswered",
    ]  # fmt: skip
    states = [e.state for e in events if getattr(e, "agent", "") == "8001" and hasattr(e, "state")]
    assert states == ["not_ready", "ready", "not_ready", "signed_out"]


def test_the_history_can_be_replayed_under_the_imported_rules(files: Files) -> None:
    files.run()
    company = load_company(files.into)
    found = replay(read_events(files.into / HISTORY), company)
    queued = [
        event
        for difference in found.differences
        for event in difference.decided
        if event["kind"] == "OfferMade"
    ]
    assert found.offers == 2
    assert {event["agent"] for event in queued} <= {"8001", "8002"}
    assert queued, "the same callers meet our own distribution"


def test_rotated_and_packed_logs_come_in_the_order_of_time_and_once(files: Files) -> None:
    lines = (files.folder / "queue_log").read_text("utf-8").splitlines(keepends=True)
    whole = files.run().events
    (files.folder / "queue_log").write_text("".join(lines[5:]), "utf-8")
    packed = gzip.compress("".join(lines[:7]).encode())  # two rows are in both
    (files.folder / "queue_log.1.gz").write_bytes(packed)
    (files.folder / "queue_log.lock").write_text("not ours", "utf-8")
    files.into = files.folder / "again"
    report = files.run()
    assert report.problems == []
    assert report.events == whole


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_a_spreadsheets_encodings(files: Files, encoding: str) -> None:
    files.write("agents.csv", PEOPLE, encoding)
    files.run()
    assert load_company(files.into).agent("8003").name["zh-CN"] == "张敏"


def test_an_english_header_with_semicolons_and_skills(files: Files) -> None:
    files.write("agents.csv", "Extension;Name;Skills\n8003;Zhang Min;售后=7\n")
    files.run()
    assert load_company(files.into).agent("8003").skills == {"queue": 7}


def test_members_that_only_the_log_knows(files: Files) -> None:
    files.write("queues.conf", "[Support]\nstrategy=linear\n")
    files.write("agents.csv", "extension,name\n8001,Li Na\n")
    files.run()
    company = load_company(files.into)
    assert company.agent("8001").skills == {"support": 10}
    assert company.queue("support").strategy is Strategy.LINEAR


def test_twice_is_nothing_to_do_and_another_folder_is_never_touched(files: Files) -> None:
    files.run()
    before = {file: file.read_bytes() for file in files.into.rglob("*") if file.is_file()}
    assert files.run().written is False
    files.edit("queues.conf", "weight = 3", "weight = 4")
    with pytest.raises(FolderTaken, match="Nothing was written"):
        files.run()
    assert before == {file: file.read_bytes() for file in files.into.rglob("*") if file.is_file()}
    assert sorted(file.name for file in files.folder.iterdir()) == [
        "agents.csv", "company", "queue_log", "queuerules.conf", "queues.conf",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "file, old, new, said, mend",
    [
        ("queues.conf", "weight = 3", "weight = heavy", "'heavy' is no whole number", "correct"),
        ("queues.conf", "weight = 3", "weight", "'weight' is no option", "name = value"),
        ("queues.conf", "[Support](standard)", "[Support](standart)", "no template", "above"),
        ("queues.conf", "strategy = ringall", "strategy = best", "no strategy 'best'", "correct"),
        ("queues.conf", "PJSIP/8001,0", "PJSIP/lina,0", "no extension", "PJSIP/8001"),
        ("queues.conf", "PJSIP/8001,0", "PJSIP/8001,first", "'first' is no number", "write 0"),
        ("queues.conf", "= patience", "= impatience", "no rule impatience", "remove"),
        ("queuerules.conf", "30,+1", "soon,+1", "is no penalty change", "seconds"),
        ("agents.csv", "8003", "80x3", "'80x3' is no extension", "digits"),
        ("agents.csv", "8003", "8001", "here twice", "remove"),
        ("agents.csv", "张敏", "", "the name is missing", "write"),
        ("agents.csv", "support,3", "support,three", "'three' is no number", "write 0"),
        ("agents.csv", "support", "suport", "no queue suport", "Support"),
        ("agents.csv", "分机", "座位", "no column is headed extension", "分机"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_nothing_is_written(
    files: Files, file: str, old: str, new: str, said: str, mend: str
) -> None:
    line = files.edit(file, old, new)
    with pytest.raises(BadFile) as bad:
        files.run()
    found = [p for p in bad.value.problems if p.file.name == file and said in p.text]
    assert [problem.line for problem in found] == [line], bad.value
    assert mend in found[0].mend
    assert not files.into.exists()


@pytest.mark.parametrize(
    "row, said",
    [
        ("hello", "is no row"),
        ("yesterday|c9|Support|NONE|ENTERQUEUE||1|1", "is no row"),
        ("1700000050|c9|Sales|NONE|ENTERQUEUE||1|1", "no queue Sales"),
        ("1700000050|c9|Support|NONE|ABANDON|1|1|3", "never entered"),
        ("1700000185|c4|Support|NONE|ABANDON|1|1|long", "'long' is no number"),
        ("1700000185|c4|Support|NONE|ABANDON", "'' is no number"),
        ("1700000185|c4|Support|Nobody|CONNECT|5|x|1", "off Nobody"),
        ("1700000185|c4|Support|PJSIP/8001|COMPLETEAGENT|5|5|1", "never answered"),
        ("1700000185|c4|Support|NONE|EXPLODED|", "no event"),
    ],
)
def test_a_bad_row_of_the_log_is_named_and_left_out(files: Files, row: str, said: str) -> None:
    whole = files.run().events
    files.into = files.folder / "again"
    with (files.folder / "queue_log").open("a", encoding="utf-8") as log:
        log.write(row + "\n")
    report = files.run()
    (problem,) = report.problems
    assert (problem.file.name, problem.line, problem.warning) == ("queue_log", 14, True)
    assert said in problem.text
    assert report.events == whole


def test_files_that_are_not_there_are_named(files: Files) -> None:
    for name in ("queues.conf", "agents.csv", "queue_log"):
        (files.folder / name).unlink()
    with pytest.raises(BadFile) as bad:
        files.run()
    assert {problem.file.name for problem in bad.value.problems} == {
        "queues.conf", "agents.csv", "queue_log",
    }  # fmt: skip


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text + "\0\x1b[31m",
        lambda text: "",
        lambda text: text.replace("=", ""),
    ],
)
@pytest.mark.parametrize("name", ["queues.conf", "agents.csv", "queuerules.conf", "queue_log"])
def test_damaged_files_are_refused_or_read_but_never_a_crash(
    files: Files, name: str, spoil: Callable[[str], str]
) -> None:
    file = files.folder / name
    file.write_text(spoil(file.read_text("utf-8")), "utf-8", newline="")
    try:
        files.run()
    except BadFile:
        assert not files.into.exists()
    else:
        load_company(files.into)
